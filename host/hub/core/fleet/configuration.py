"""A configuration as it is asked for, stored and shown.

IoT Hub, "Automatic IoT device and module management"; the models Configuration, ConfigurationContent and
ConfigurationMetrics of the REST reference.
"""

import base64
import re
from typing import Any

from .. import jsontext
from ..access.identities import invalid
from ..errors import HubError
from ..queries.tree import DEVICES, MODULES, Query, parse_condition, parse_query
from ..times import NEVER, iso
from ..twins.twin import Twin

MAX_METRICS = 5
MAX_LABELS = 100
MAX_PRIORITY = 2**31 - 1
TARGETED, APPLIED = "Targeted", "Applied"  # .NET's ConfigurationInfo

# "up to 128 characters ... lowercase letters and the following special characters: -+%_*!'", and digits.
_ID = re.compile(r"[a-z0-9\-+%_*!']{1,128}")
_SECTION = "properties.desired"

Path = tuple[str, ...]


class Configuration:
    """One configuration. Its content never changes; ``revision`` tells it from another of the same id.

    ``source``: ``devices`` or ``devices.modules``, which it is for; ``target``: what a twin must fulfil, None
    when it is for none; ``places``: values by their path in the desired properties, None for what is to be
    removed; ``metrics``: the queries that count.
    """

    def __init__(self, configuration_id: str, body: Any, revision: int, now: float):
        if not _ID.fullmatch(configuration_id):
            raise invalid(
                "A configuration's id is 1 to 128 lowercase letters, digits and the signs - + % _ * ! '."
            )
        self.id = configuration_id
        self.revision = revision
        self.created = now
        self.content = _content(_body(body).get("content"))
        self.source, self.places = _places(self.content)
        self.edits = 0
        self._read(body, now)

    def change(self, body: Any, now: float) -> None:
        """Everything but the content; a refused change changes nothing."""
        content = _body(body).get("content")
        if content is not None and _given(content) != self.content:
            raise HubError(
                "CannotModifyImmutableConfigurationContent",
                "A configuration's content cannot be changed; create another with a higher priority.",
            )
        self._read(body, now)

    def _read(self, body: dict[str, Any], now: float) -> None:
        named = body.get("id")
        if named is not None and named != self.id:
            raise invalid(
                f"The body names another configuration than the address, {self.id!r}; make them equal."
            )
        priority = body.get("priority")
        if priority is not None and (
            isinstance(priority, bool) or not isinstance(priority, int) or not 0 <= priority <= MAX_PRIORITY
        ):
            raise invalid(f"The member 'priority' must be a whole number from 0 to {MAX_PRIORITY}.")
        condition = body.get("targetCondition")
        target = target_of(condition, self.source)
        queries = _texts("metrics.queries", (body.get("metrics") or {}).get("queries"), MAX_METRICS)
        metrics = {name: metric_of(text) for name, text in queries.items()}
        given = body.get("labels")
        labels = None if given is None else _texts("labels", given, MAX_LABELS)
        schema_version = body.get("schemaVersion")
        if schema_version is not None and not isinstance(schema_version, str):
            raise invalid("The member 'schemaVersion' must be text.")
        self.schema_version = schema_version
        self.condition, self.target, self.priority = condition or "", target, priority or 0
        self.queries, self.metrics, self.labels = queries, metrics, labels
        self.updated = now
        self.edits += 1

    @property
    def etag(self) -> str:
        return base64.b64encode(str(self.edits).encode()).decode()

    @property
    def rank(self) -> tuple[int, int]:
        """The highest wins: "If two configurations have the same priority number, the one created most recently"."""
        return self.priority, self.revision

    def view(self, counts: tuple[dict[str, int], dict[str, int]]) -> dict[str, Any]:
        """As REST answers it. ``counts``: of the system's metrics and of its own, by their names."""
        column = "deviceId" if self.source == DEVICES else "deviceId, moduleId"
        select = f"select {column} from {self.source}"
        where = _where(self.condition)
        system = {
            "targetedCount": f"{select} where {where}" if where else select,
            "appliedCount": f"{select} where configurations.[[{self.id}]].status = '{APPLIED}'",
        }
        return {
            "id": self.id,
            "schemaVersion": self.schema_version,
            "labels": self.labels and dict(self.labels),
            "content": jsontext.copy(self.content),
            "targetCondition": self.condition,
            "createdTimeUtc": iso(self.created),
            "lastUpdatedTimeUtc": iso(self.updated),
            "priority": self.priority,
            "systemMetrics": {"results": counts[0], "queries": system},
            "metrics": {"results": counts[1], "queries": dict(self.queries)},
            "etag": self.etag,
        }

    def record(self) -> dict[str, Any]:
        """What the store keeps."""
        body = {
            "content": self.content,
            "priority": self.priority,
            "targetCondition": self.condition,
            "metrics": {"queries": self.queries},
            "labels": self.labels,
            "schemaVersion": self.schema_version,
        }
        about = {
            "revision": self.revision,
            "created": self.created,
            "updated": self.updated,
            "edits": self.edits,
        }
        return {"id": f"/configurations/{self.id}", "body": body, **about}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Configuration":
        """The configuration that wrote ``record``."""
        name = record["id"].partition("/configurations/")[2]
        configuration = cls(name, record["body"], record["revision"], record["created"])
        configuration.updated, configuration.edits = record["updated"], record["edits"]
        return configuration


def target_of(condition: Any, source: str | None = None) -> Query | None:
    """What a target condition means; 400401 for what is none, or is not for ``source``."""
    try:
        if condition is None or condition == "":
            return None
        query = parse_condition(condition)
    except HubError as error:
        raise HubError("InvalidConfigurationTargetCondition", error.message) from None
    known = (DEVICES, MODULES) if source is None else (source,)
    if query.source not in known:
        raise HubError(
            "InvalidConfigurationTargetCondition",
            "A configuration with moduleContent has a condition that begins with 'from devices.modules where'; "
            "one with deviceContent has a condition on devices.",
        )
    return query


def metric_of(text: str) -> Query:
    """What a custom metric counts, the rows of a query; 400404 for what is none."""
    try:
        query = parse_query(text)
    except HubError as error:
        raise HubError("InvalidConfigurationCustomMetricsQuery", error.message) from None
    if query.source not in (DEVICES, MODULES) or query.aggregates or query.top is not None:
        raise HubError(
            "InvalidConfigurationCustomMetricsQuery",
            "A metric is the number of rows of a query: select deviceId from devices where ...",
        )
    return query


def _where(condition: str) -> str:
    text = condition.strip()
    if text == "*":
        return ""
    if re.match(r"from\b", text, re.IGNORECASE):
        return "".join(re.split(r"\bwhere\b", text, maxsplit=1, flags=re.IGNORECASE)[1:]).strip()
    return text


def _body(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid("The body of a configuration must be a JSON object.")
    if not isinstance(body.get("metrics", {}), (dict, type(None))):
        raise invalid("The member 'metrics' must be an object with 'queries'.")
    return body


def _texts(name: str, value: Any, most: int) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise invalid(f"The member '{name}' must be an object with texts.")
    if len(value) > most:
        raise invalid(f"The member '{name}' may have {most} entries.")
    return dict(value)


def _given(content: Any) -> Any:
    """A content without the kinds that are left empty."""
    if not isinstance(content, dict):
        return content
    return {name: value for name, value in content.items() if value is not None and value != {}}


def _content(content: Any) -> dict[str, Any]:
    given = _given({} if content is None else content)
    if not isinstance(given, dict):
        raise _bad("The member 'content' must be an object.")
    if "modulesContent" in given:
        raise HubError(
            "FeatureNotSupported", "This hub has no IoT Edge; leave 'modulesContent' out of the content."
        )
    for name in given:
        if name not in ("deviceContent", "moduleContent"):
            raise _bad(f"A content has 'deviceContent' or 'moduleContent', not {name[:64]!r}.")
    if len(given) > 1:
        raise _bad("A content has 'deviceContent' or 'moduleContent', not both.")
    return jsontext.copy(given)


def _places(content: dict[str, Any]) -> tuple[str, dict[Path, Any]]:
    """What a content is for, and its values by path; 400402 when no twin takes them."""
    source = MODULES if "moduleContent" in content else DEVICES
    places: dict[Path, Any] = {}
    for _, settings in content.items():
        if not isinstance(settings, dict):
            raise _bad("A content is an object of paths, such as properties.desired.chiller, and values.")
        for path, value in settings.items():
            if path == _SECTION and isinstance(value, dict):
                places.update({(name,): member for name, member in value.items()})
            elif path.startswith(f"{_SECTION}."):
                places[tuple(path.removeprefix(f"{_SECTION}.").split("."))] = value
            else:
                raise _bad(f"The path {path[:128]!r} does not lead into properties.desired.")
    for path in places:
        for other in places:
            if path != other and overlap(path, other):
                raise _bad("One path of the content lies within another; write both as one.")
        _check_place(path, places[path])
    return source, places


def _check_place(path: Path, value: Any) -> None:
    patch = value
    for name in reversed(path):
        patch = {name: patch}
    try:
        Twin().patch({"properties": {"desired": patch}}, NEVER)
    except HubError as error:
        raise _bad(error.message) from None


def overlap(one: Path, other: Path) -> bool:
    """Whether one path is the other, or lies within it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _bad(message: str) -> HubError:
    return HubError("InvalidConfigurationContent", message)
