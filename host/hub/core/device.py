"""Everything the hub knows of one device, and how it looks from outside."""

from typing import TYPE_CHECKING, Any

from . import jsontext
from .times import NEVER, iso
from .twin import Twin

if TYPE_CHECKING:
    from .methods import Call
    from .session import Session


class Device:
    """One registered device: identity, twin, remembered subscriptions, and its live connection if any.

    ``remembered`` maps topic filters to granted QoS; None when no session is kept
    for the device (it never connected with clean session 0, or last with 1).
    """

    __slots__ = (
        "calls",
        "identity",
        "inbox",
        "last_activity",
        "remembered",
        "sequence",
        "session",
        "state_changed",
        "twin",
    )

    def __init__(self, identity: dict[str, Any], twin: Twin):
        self.identity = identity
        self.twin = twin
        self.remembered: dict[str, int] | None = None
        self.session: Session | None = None
        self.calls: list[Call] = []
        self.inbox: list[dict[str, Any]] = []  # cloud-to-device messages, oldest first
        self.last_activity: float | None = None
        self.state_changed: float | None = None
        self.sequence = 0

    def __repr__(self) -> str:
        return f"<Device {self.id} {self.identity['status']} {self.connection_state}>"

    @property
    def id(self) -> str:
        return self.identity["deviceId"]

    @property
    def enabled(self) -> bool:
        return self.identity["status"] == "enabled"

    @property
    def keys(self) -> list[str]:
        """Its symmetric keys; empty for a device with certificates."""
        return [key for key in self.identity["authentication"]["symmetricKey"].values() if key]

    @property
    def connection_state(self) -> str:
        return "Connected" if self.session is not None else "Disconnected"

    def _last_activity(self) -> str:
        return NEVER if self.last_activity is None else iso(self.last_activity)

    def identity_view(self) -> dict[str, Any]:
        """The identity as REST answers it, keys included."""
        view = jsontext.copy(self.identity)
        view["connectionState"] = self.connection_state
        view["connectionStateUpdatedTime"] = NEVER if self.state_changed is None else iso(self.state_changed)
        view["lastActivityTime"] = self._last_activity()
        view["cloudToDeviceMessageCount"] = len(self.inbox)
        return view

    def twin_view(self) -> dict[str, Any]:
        """The full twin as services read it."""
        twin = self.twin
        view = self.root_view()
        if twin.tags is not None:
            view["tags"] = jsontext.copy(twin.tags)
        view["properties"] = {"desired": twin.desired.view(), "reported": twin.reported.view()}
        return view

    def root_view(self) -> dict[str, Any]:
        """The members of the twin's root that are neither tags nor properties."""
        identity, twin = self.identity, self.twin
        authentication = identity["authentication"]
        view = {
            "deviceId": identity["deviceId"],
            "etag": twin.etag,
            "deviceEtag": identity["etag"],
            "status": identity["status"],
            "statusUpdateTime": identity["statusUpdatedTime"],
            "connectionState": self.connection_state,
            "lastActivityTime": self._last_activity(),
            "cloudToDeviceMessageCount": len(self.inbox),
            "authenticationType": authentication["type"],
            "x509Thumbprint": dict(authentication["x509Thumbprint"]),
            "version": twin.version,
            "capabilities": dict(identity["capabilities"]),
        }
        if identity["statusReason"] is not None:
            view["statusReason"] = identity["statusReason"]
        if twin.model_id is not None:
            view["modelId"] = twin.model_id
        return view

    def record(self) -> dict[str, Any]:
        """What the store keeps. Shares structure with the device: encode it at once."""
        return {
            "id": self.id,
            "identity": self.identity,
            "twin": self.twin.record(),
            "subscriptions": self.remembered,
            "lastActivity": self.last_activity,
            "stateChanged": self.state_changed,
            "sequence": self.sequence,
            "inbox": self.inbox,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Device":
        """The device that wrote ``record``, not connected."""
        device = cls(record["identity"], Twin.from_record(record["twin"]))
        device.remembered = record["subscriptions"]
        device.last_activity = record["lastActivity"]
        device.state_changed = record["stateChanged"]
        device.sequence = record["sequence"]
        device.inbox = record.get("inbox", [])
        return device
