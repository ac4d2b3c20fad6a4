"""What is told of a device at a glance."""

from typing import Any

from ..core.devices.device import Device
from ..core.times import iso

STATES = {
    "Success": "applied",
    "Pending": "pending",
    "Rejected": "rejected",
    "Failed": "failed",
}  # as Twinkle's devices report
LONGEST = 300  # characters of a text that a device reports


def card(device: Device) -> dict[str, Any]:
    """Connection, configuration, last error, application and version of a device, and where they stand."""
    reported = device.twin.reported.values
    return {
        "id": device.id,
        "enabled": device.enabled,
        "connected": device.session is not None,
        "since": None if device.state_changed is None else iso(device.state_changed),
        "active": None if device.last_activity is None else iso(device.last_activity),
        "configuration": _configuration(device),
        "lastError": _text(reported.get("lastError")),
        "model": device.twin.model_id,
        "version": _text(reported.get("swVersion")),
        "waiting": len(device.inbox),
    }


def _configuration(device: Device) -> dict[str, Any] | None:
    """What the device says of its configuration; one that it has not answered yet is wanted of it."""
    wanted, reported = device.twin.desired.values, device.twin.reported.values
    if "configId" not in wanted and "status" not in reported:
        return None
    status = _text(reported.get("status"))
    return {
        "state": "wanted" if status is None else STATES.get(status, status.lower()),
        "wanted": _text(wanted.get("configId")),
        "current": _text(reported.get("configId")),
        "reason": _text(reported.get("reason")),
    }


def _text(value: Any) -> str | None:
    """A device reports what it likes; here it is a text of bounded length."""
    if value is None:
        return None
    if isinstance(value, dict):
        value = value.get("message") or value.get("text") or value.get("value") or value
    return str(value)[:LONGEST]
