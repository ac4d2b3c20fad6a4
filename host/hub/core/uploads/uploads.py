"""File uploads: begun by a device, done in a store of blobs, and told to whoever reads the notifications.

IoT Hub developer guide, "Upload files with IoT Hub", and "IoT Hub quotas and throttling": a device has at
most 10 uploads that it began and has not told the end of; what it was given for one ends after an hour.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote

from .. import throttles
from ..access.identities import invalid
from ..access.policies import new_key
from ..devices.device import Device
from ..errors import HubError
from ..hub import Hub
from ..messages.events import REQUEST_REFUSED, STORE_FAILED
from ..ports import Clock, Store
from ..times import at_offset, iso
from . import signatures
from .names import CONTAINER, check_name

RECORD_ID = "/uploads"
MAX_ACTIVE = 10
LIFETIME_S = 3600.0

Record = dict[str, Any]


class Blob(NamedTuple):
    """What the store knows of a blob: bytes, and the moment it was written (seconds since 1970)."""

    size: int
    modified: float


class Uploads:
    """The uploads of one hub. ``find(name)``: the blob of that name in its store, or None.

    Uploads that were begun, and the key that signs for the store, are kept.
    """

    def __init__(
        self,
        hub: Hub,
        store: Store,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        find: Callable[[str], Blob | None],
    ):
        self._hub = hub
        self._store = store
        self._clock = clock
        self._random = random_bytes
        self._find = find
        self._account = hub.events.hub_name
        kept = store.load(RECORD_ID) or {"id": RECORD_ID, "key": new_key(random_bytes)}
        store.save(kept)
        self._key: str = kept["key"]
        begun = [record for record in store.load_all() if record["id"].startswith(f"{RECORD_ID}/")]
        self._active = {
            record["id"].rpartition("/")[2]: record for record in sorted(begun, key=itemgetter("ends"))
        }

    def begin(self, device: Device, body: Any, host: str) -> Record:
        """What a device needs to put a file into the store at ``host``.

        400004 for a name that is none, 403006 when 10 of its uploads have no end yet.
        """
        self._hub.throttles.spend(throttles.UPLOADS)
        name = check_name(device.id, body.get("blobName") if isinstance(body, dict) else None)
        self._forget_old()
        if sum(upload["device"] == device.id for upload in self._active.values()) >= MAX_ACTIVE:
            raise HubError(
                "DeviceMaximumActiveFileUploadLimitExceeded",
                f"The number of active file upload requests of {device.id!r} cannot exceed {MAX_ACTIVE}; "
                "tell the hub the end of those that are done or failed.",
            )
        correlation = self._random(24).hex()
        ends = self._clock.utc() + LIFETIME_S
        upload = {"id": f"{RECORD_ID}/{correlation}", "device": device.id, "name": name, "ends": ends}
        self._active[correlation] = upload
        self._stored(lambda: self._store.save(upload))
        permissions = signatures.READ + signatures.WRITE
        return {
            "correlationId": correlation,
            "hostName": host,
            "containerName": CONTAINER,
            "blobName": name,
            "sasToken": signatures.sign(name, permissions, ends, self._account, self._key),
        }

    def finish(self, device: Device, body: Any, host: str, correlation: Any = None) -> None:
        """A device tells the end of an upload. 400004 for one that it did not begin, or more than an hour ago.

        A notification is made when it says that it succeeded, and the file is there.
        """
        if not isinstance(body, dict) or not isinstance(body.get("isSuccess"), bool):
            raise invalid('The body must be an object with "isSuccess", true or false.')
        correlation = body.get("correlationId") if correlation is None else correlation
        self._forget_old()
        upload = self._active.get(correlation) if isinstance(correlation, str) else None
        if upload is None or upload["device"] != device.id:
            raise invalid("There is no such correlationId, or not any more; begin the upload again.")
        blob = self._find(upload["name"])
        if body["isSuccess"] and blob is None:
            reason = f"the file {upload['name'][:128]!r} is said to be uploaded, and is not in the store"
            self._hub.events.diagnostic(device.id, REQUEST_REFUSED, reason)
        elif body["isSuccess"]:
            self._hub.files.put(self._notification(device, upload["name"], blob, host))
        self._forget(correlation)

    def check(self, name: str, fields: Mapping[str, str], permission: str) -> None:
        """SignatureRefused unless the fields of a query open a blob for ``permission`` (see ``signatures``) now."""
        signatures.check(name, fields, permission, self._account, self._key, self._clock.utc())

    def _notification(self, device: Device, name: str, blob: Blob, host: str) -> Record:
        return {
            "deviceId": device.id,
            "blobUri": f"https://{host}/{CONTAINER}/{quote(name, safe='/~')}",
            "blobName": name,
            "lastUpdatedTime": at_offset(iso(int(blob.modified))),
            "blobSizeInBytes": blob.size,
            "enqueuedTimeUtc": iso(self._clock.utc()),
        }

    def _forget_old(self) -> None:
        # They live equally long, so that the oldest is the first.
        while self._active:
            correlation, upload = next(iter(self._active.items()))
            if upload["ends"] > self._clock.utc():
                return
            self._forget(correlation)

    def _forget(self, correlation: str) -> None:
        upload = self._active.pop(correlation)
        self._stored(lambda: self._store.delete(upload["id"]))

    def _stored(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # of whatever store; it is in memory, and lasts as long as the hub
            self._hub.events.diagnostic("", STORE_FAILED, f"an upload could not be stored ({error})")
