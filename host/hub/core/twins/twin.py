"""A device twin: its sections, counters and rules.

IoT Hub developer guide, "Understand and use device twins". Counters: ``version``
of a section moves with each accepted write of it; the etag is base64 of an 8-byte
counter that service writes move; the root ``version`` is their sum, the etag
counter plus ``reported.$version``, so it moves with every write of either side.
"""

import base64
from dataclasses import dataclass, replace
from typing import Any

from .. import jsontext
from ..access.identities import invalid
from ..errors import HubError
from ..times import NEVER
from .limits import MAX_SECTION, MAX_TAGS, check_members, check_size, sizes_of
from .merge import Document, changes_something, merge, replacing, select, signed, stamp, stamp_all

# Members of a section that are the hub's own: echoed back by clients, never data.
_OWN = ("$metadata", "$version")
# The members of a twin, by the REST reference of 2021-04-12, model Twin; all but tags and properties are read-only.
_ROOT = frozenset(
    "deviceId moduleId modelId tags properties etag version deviceEtag status statusReason statusUpdateTime "
    "connectionState lastActivityTime cloudToDeviceMessageCount authenticationType x509Thumbprint capabilities "
    "deviceScope parentScopes configurations".split()
)
_PROPERTIES = frozenset(("desired", "reported"))


@dataclass(frozen=True, slots=True)
class Section:
    """Desired or reported: values, their metadata (one node per member), and ``$version``.

    ``sizes``: of its members, in bytes. Never changed in place: a write makes a new one.
    """

    values: Document
    metadata: Document
    version: int
    sizes: dict[str, int]

    @classmethod
    def of(cls, values: Document, metadata: Document, version: int) -> "Section":
        """One whose sizes are not known yet."""
        return cls(values, metadata, version, sizes_of(values))

    def view(self, metadata: bool = True) -> Document:
        """An independent copy in the documented shape."""
        result = jsontext.copy(self.values)
        if metadata:
            result["$metadata"] = jsontext.copy(self.metadata)
        result["$version"] = self.version
        return result

    def text_view(self) -> Document:
        """Values and ``$version``, shallow, to be encoded at once (the device's GET)."""
        return {**self.values, "$version": self.version}


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write. Each part is None when it was not touched.

    ``desired``: what a device is told (without ``$version``); ``tags`` and
    ``reported``: the patch; ``replaced``: the write was a replacement.
    """

    tags: Document | None = None
    desired: Document | None = None
    reported: Document | None = None
    replaced: bool = False


def _fresh_section(created: str) -> Section:
    return Section.of({}, {"$lastUpdated": created}, 1)


class Twin:
    """One twin. Every write is validated on its result first and commits all or nothing.

    ``created``: when; a module's does not tell. Its parts are replaced, never changed in place, so a shallow copy
    keeps a moment.
    """

    __slots__ = ("counter", "desired", "model_id", "reported", "tags")

    def __init__(self, created: str = NEVER) -> None:
        self.tags: Document | None = None
        self.desired = _fresh_section(created)
        self.reported = _fresh_section(created)
        self.counter = 1
        self.model_id: str | None = None

    @property
    def etag(self) -> str:
        """Opaque to callers; changes with each service write."""
        return base64.b64encode(self.counter.to_bytes(8, "big")).decode("ascii")

    @property
    def version(self) -> int:
        return self.counter + self.reported.version

    # --- writes

    def begin(self, body: Any, arrays: bool = True) -> None:
        """Begin with these sections, as ``replace`` takes them: no write of it is counted, and none has a time.

        As recorded from Azure in azure-sdk-for-net, SessionRecords, DevicesClient_BulkCreation_DeviceWithTwin.
        """
        change, self.counter = self.replace(body, NEVER, arrays), 1
        if change is not None and change.desired is not None:
            values, version = self.desired.values, 1
            metadata = stamp_all(values, {"$lastUpdated": NEVER, "$lastUpdatedVersion": version})
            self.desired = Section(values, metadata, version, self.desired.sizes)

    def patch(self, body: Any, time: str, arrays: bool = True) -> Change | None:
        """Merge a service's ``{"tags", "properties": {"desired"}}``; None when it has no effect at all.

        A null section empties it. Read-only members in the body are ignored; a member that no
        twin has is refused. ``arrays``: False when the service's api-version knows none.
        """
        tags, desired = self._sections(body, arrays)
        return self._commit(
            None if tags is _ABSENT else _or_cleared(tags, self.tags or {}),
            None if desired is _ABSENT else _or_cleared(desired, self.desired.values),
            time,
        )

    def sign(self, path: tuple[str, ...], name: str, digest: str) -> None:
        """Say in the metadata who gave the desired properties at a path their values: a configuration.

        As recorded from Azure in azure-sdk-for-net, SessionRecords, DevicesClient_Query_GetTwins.
        """
        mark = {"$lastUpdatedBy": name, "$lastUpdatedByDigest": digest}
        self.desired = replace(self.desired, metadata=signed(self.desired.metadata, path, mark))

    def replace(self, body: Any, time: str, arrays: bool = True) -> Change | None:
        """Replace the sections the body mentions; members it leaves out disappear."""
        tags, desired = self._sections(body, arrays)
        return self._commit(
            None if tags is _ABSENT else replacing(self.tags or {}, tags or {}),
            None if desired is _ABSENT else replacing(self.desired.values, desired or {}),
            time,
            True,
        )

    def report(self, patch: Any, time: str, arrays: bool = True, expected: int | None = None) -> Change:
        """Merge a device's reported PATCH. It always counts, even when nothing changes.

        ``arrays``: False when the device's api-version knows none; ``expected``:
        refuse with 412001 unless ``$version`` is this.
        """
        if not isinstance(patch, dict):
            raise invalid("The reported properties must be a JSON object; wrap the value in one.")
        patch = _data(patch)
        check_members(patch, "properties.reported", arrays)
        section = self.reported
        if expected is not None and expected != section.version:
            raise HubError(
                "PreconditionFailed",
                f"The reported properties are at $version {section.version}, not {expected}; read the twin again.",
            )
        values = merge(section.values, patch)
        sizes = sizes_of(values, section.sizes, patch)
        check_size(sizes, MAX_SECTION, "Properties.Reported")
        metadata = section.metadata
        if changes_something(section.values, patch):
            metadata = stamp(metadata, section.values, patch, {"$lastUpdated": time})
        self.reported = Section(values, metadata, section.version + 1, sizes)
        return Change(reported=patch)

    def _sections(self, body: Any, arrays: bool) -> tuple[Any, Any]:
        if not isinstance(body, dict):
            raise invalid(
                "The body of a twin write must be a JSON object with 'tags' and/or 'properties.desired'."
            )
        properties = body.get("properties")
        if properties is not None and not isinstance(properties, dict):
            raise invalid("The member 'properties' must be a JSON object with the member 'desired'.")
        for members, known in ((body, _ROOT), (properties or {}, _PROPERTIES)):
            for name in members:
                if name not in known:
                    raise invalid(
                        f"A twin has no member {str(name)[:64]!r} there; write 'tags' and 'properties.desired'."
                    )
        return (
            _checked(body.get("tags", _ABSENT), "tags", arrays),
            _checked((properties or {}).get("desired", _ABSENT), "properties.desired", arrays),
        )

    def _commit(
        self, tags: Document | None, desired: Document | None, time: str, replaced: bool = False
    ) -> Change | None:
        """Apply patches that are already expanded; each None or a patch."""
        if tags is not None and not changes_something(self.tags or {}, tags):
            tags = None
        if desired is not None and not changes_something(self.desired.values, desired):
            desired = None
        if tags is None and desired is None:
            return None
        new_tags, section = self.tags, self.desired
        if tags is not None:
            new_tags = merge(self.tags or {}, tags)
            check_size(sizes_of(new_tags), MAX_TAGS, "Tags")
        if desired is not None:
            values = merge(section.values, desired)
            sizes = sizes_of(values, section.sizes, desired)
            check_size(sizes, MAX_SECTION, "Properties.Desired")
            mark = {"$lastUpdated": time, "$lastUpdatedVersion": section.version + 1}
            metadata = stamp(section.metadata, section.values, desired, mark)
            self.desired = Section(
                values, stamp_all(values, mark) if replaced else metadata, section.version + 1, sizes
            )
        self.tags = new_tags
        self.counter += 1
        return Change(tags=tags, desired=desired, replaced=replaced)

    # --- reads

    def device_view(self) -> bytes:
        """The JSON a device's GET is answered with: both sections with ``$version``, no metadata."""
        return jsontext.encode({"desired": self.desired.text_view(), "reported": self.reported.text_view()})

    def event_body(self, change: Change) -> Document:
        """The body of a ``twinChangeEvents`` update: changed members, their metadata and versions."""
        body: Document = {"version": self.version}
        if change.tags is not None:
            body["tags"] = jsontext.copy(change.tags)
        properties = {}
        for name, patch, section in (
            ("desired", change.desired, self.desired),
            ("reported", change.reported, self.reported),
        ):
            if patch is not None:
                properties[name] = {
                    **jsontext.copy(patch),
                    "$metadata": select(section.metadata, patch),
                    "$version": section.version,
                }
        if properties:
            body["properties"] = properties
        return body

    # --- keeping

    def record(self) -> Document:
        """What must outlive the process. Shares structure with the twin: encode it, do not keep it."""
        return {
            "tags": self.tags,
            "counter": self.counter,
            "modelId": self.model_id,
            "desired": [self.desired.values, self.desired.metadata, self.desired.version],
            "reported": [self.reported.values, self.reported.metadata, self.reported.version],
        }

    @classmethod
    def from_record(cls, record: Document) -> "Twin":
        """The twin that wrote ``record``."""
        twin = cls()
        twin.tags, twin.counter, twin.model_id = record["tags"], record["counter"], record["modelId"]
        twin.desired, twin.reported = Section.of(*record["desired"]), Section.of(*record["reported"])
        return twin


_ABSENT: Any = object()


def _data(members: Document) -> Document:
    """The members that are data: ``$metadata`` and ``$version`` of the section itself are not."""
    if "$metadata" in members or "$version" in members:
        return {key: value for key, value in members.items() if key not in _OWN}
    return members


def _checked(members: Any, path: str, arrays: bool) -> Any:
    if members is _ABSENT or members is None:
        return members
    if not isinstance(members, dict):
        raise invalid(f"The member '{path}' must be a JSON object, or null to empty it.")
    members = _data(members)
    check_members(members, path, arrays)
    return members


def _or_cleared(patch: Document | None, values: Document) -> Document:
    """An own copy of the patch; for null one that deletes every member there is."""
    return dict.fromkeys(values) if patch is None else jsontext.copy(patch)
