"""Many identities in one request: each entry says by its import mode what is to be done.

IoT Hub, "Import and export device identities in bulk", table of import modes; the models
``ExportImportDevice`` and ``BulkRegistryOperationResult`` of the REST reference. An entry is done
as a whole or not at all, and the others are done whatever becomes of it.
"""

from collections import Counter
from typing import Any, NamedTuple

from .errors import HubError
from .hub import Hub

MAX_ENTRIES = 100
_MEMBERS = (
    *("id", "moduleId", "eTag", "importMode", "status", "statusReason", "authentication", "twinETag", "tags"),
    *("properties", "capabilities", "deviceScope", "parentScopes"),
)
# The service is written in .NET, whose reader of JSON takes the members of a model in any letter case.
_SPELLING = {name.lower(): name for name in _MEMBERS}


class _Mode(NamedTuple):
    """What is done with a device that exists and with one that does not; None is refused.

    ``matching``: only if the etag of the entry, where it has one, is the one that the hub has.
    """

    existing: str | None
    missing: str | None
    matching: bool = False


_MODES = {
    "create": _Mode(None, "create"),
    "createorupdate": _Mode("update", "create"),
    "createorupdateifmatchetag": _Mode("update", "create", True),
    "update": _Mode("update", None),
    "updateifmatchetag": _Mode("update", None, True),
    "delete": _Mode("delete", None),
    "deleteifmatchetag": _Mode("delete", None, True),
    "updatetwin": _Mode("twin", None),
    "updatetwinifmatchetag": _Mode("twin", None, True),
}


def run_bulk(hub: Hub, entries: Any, arrays: bool = True) -> dict[str, Any]:
    """Do the entries of one request; ``{"isSuccessful", "errors", "warnings"}``.

    400004 for what is no list, 413002 for more than 100 entries: then nothing is done.
    ``arrays``: False when the caller's api-version knows none in twins.
    """
    if not isinstance(entries, list):
        raise HubError("ArgumentInvalid", "The body must be an array of devices, each an object with an id.")
    if len(entries) > MAX_ENTRIES:
        raise HubError("TooManyDevices", f"One request takes {MAX_ENTRIES} devices, not {len(entries)}.")
    known = [_known(entry) for entry in entries]
    times = Counter(_who(entry) for entry in known)
    errors = []
    for entry in known:
        device_id, module_id = _who(entry)
        try:
            if device_id is not None and times[device_id, module_id] > 1:
                raise HubError(
                    "DeviceDefinedMultipleTimes",
                    f"The device {device_id[:128]!r} stands in this request more than once; nothing was done with it.",
                )
            _do(hub, device_id, entry, arrays)
        except HubError as error:
            errors.append({"deviceId": device_id, "errorCode": error.name, "errorStatus": error.message})
            if module_id is not None:
                errors[-1]["moduleId"] = module_id
    return {"isSuccessful": not errors, "errors": errors, "warnings": []}


def _known(entry: Any) -> dict[str, Any]:
    """The members of the model, spelt as there; no other counts, and null is as good as none."""
    members = entry.items() if isinstance(entry, dict) else ()
    return {
        _SPELLING[name.lower()]: value
        for name, value in members
        if name.lower() in _SPELLING and value is not None
    }


def _who(entry: dict[str, Any]) -> tuple[str | None, str | None]:
    device_id, module_id = entry.get("id"), entry.get("moduleId")
    return (
        device_id if isinstance(device_id, str) else None,
        None if module_id is None else str(module_id)[:128],
    )


def _do(hub: Hub, device_id: str | None, entry: dict[str, Any], arrays: bool) -> None:
    if device_id is None:
        raise HubError("ArgumentInvalid", "Each entry must be an object with an id, which is text.")
    name = entry.get("importMode")
    mode = _MODES.get(name.lower() if isinstance(name, str) else "createorupdate" if name is None else "")
    if mode is None:
        raise HubError(
            "ArgumentInvalid", f"There is no importMode {str(name)[:64]!r}; use one of the documented ones."
        )
    body = {**entry, "deviceId": device_id}
    twin = {name: entry[name] for name in ("tags", "properties") if name in entry} or None
    module_id = entry.get("moduleId")
    known = device_id in hub.devices if module_id is None else f"{device_id}/{module_id}" in hub.modules
    action = mode.existing if known else mode.missing
    if action == "create" or (action is None and mode.missing):
        hub.create_device(device_id, body, twin, arrays, module_id)  # which refuses an id that is taken
    elif action == "update":
        etag = _etag(entry, "eTag") if mode.matching else None
        twin_etag = _etag(entry, "twinETag")
        hub.update_device(device_id, body, etag, twin, twin_etag, arrays, module_id)
    elif action == "twin":
        etag = _etag(entry, "twinETag") if mode.matching else None
        hub.replace_twin(device_id, twin or {}, etag, arrays, module_id)
    else:
        etag = _etag(entry, "eTag") if mode.matching else None
        hub.delete_device(device_id, etag, module_id)  # or there is none


def _etag(entry: dict[str, Any], name: str) -> str | None:
    etag = entry.get(name)
    if etag is not None and not isinstance(etag, str):
        raise HubError("ArgumentInvalid", f"The member {name!r} must be text.")
    # azure-sdk-for-net, SessionRecords, Jobs_Export_Import_Lifecycle: deleteIfMatchETag deletes where none is given.
    return etag or None
