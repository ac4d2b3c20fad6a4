"""Everything the hub knows of one device or module, and how it looks from outside."""

from collections.abc import Callable
from typing import Any, Protocol

from .. import jsontext
from ..errors import HubError
from ..ports import MethodResult
from ..timers import Timer
from ..times import NEVER, iso
from ..twins.twin import Twin

Done = Callable[[MethodResult | HubError], None]


def place_of(client_id: str) -> str:
    """``devices/DEVICE``, or ``devices/DEVICE/modules/MODULE`` for DEVICE/MODULE."""
    return "devices/" + "/modules/".join(client_id.split("/", 1))


class LiveSession(Protocol):
    """A device's live connection, as far as the rest of the hub speaks to it.

    ``signer``: the key its token was signed with, None without one. ``calls``: method calls by
    request id. ``unacknowledged``: cloud-to-device messages under way, by packet id.
    """

    device: "Device"
    device_id: str
    signer: str | None
    calls: dict[str, "Call"]
    unacknowledged: dict[int, dict[str, Any]]

    @property
    def subscriptions(self) -> dict[str, int]:
        """Filter -> granted QoS."""

    def listens(self, method: str) -> bool:
        """Whether it waits for calls of this method."""

    def send(self, topic: str, payload: bytes) -> None:
        """Deliver at QoS 0."""

    def deliver(self, topic: str, payload: bytes, qos: int) -> int | None:
        """Deliver; the packet identifier at QoS 1."""

    def notify_desired(self, payload: bytes, version: int) -> None:
        """Tell of a change of the desired properties."""

    def close(self, reason: str) -> None:
        """End it from the hub's side."""


class Call:
    """One method call. ``session`` is None while it waits for the device to listen."""

    __slots__ = (
        "connect_timeout",
        "device",
        "done",
        "name",
        "payload",
        "response_timeout",
        "rid",
        "session",
        "timer",
    )

    def __init__(
        self,
        device: "Device",
        name: str,
        payload: bytes,
        response_timeout: int,
        connect_timeout: int,
        done: Done,
    ):
        self.device = device
        self.name = name
        self.payload = payload
        self.response_timeout = response_timeout
        self.connect_timeout = connect_timeout
        self.done = done
        self.timer: Timer | None = None
        self.rid = ""
        self.session: LiveSession | None = None


class Device:
    """One registered device, or a module of one: identity, twin, remembered subscriptions, live connection if any.

    ``parent``: the device that a module belongs to, None for a device.
    ``remembered`` maps topic filters to granted QoS; None when no session is kept
    for the device (it never connected with CleanSession 0, or last with 1).
    """

    __slots__ = (
        "calls",
        "configurations",
        "identity",
        "inbox",
        "last_activity",
        "parent",
        "received",
        "remembered",
        "sequence",
        "session",
        "state_changed",
        "twin",
    )

    def __init__(self, identity: dict[str, Any], twin: Twin, parent: "Device | None" = None):
        self.identity = identity
        self.parent = parent
        self.twin = twin
        self.remembered: dict[str, int] | None = None
        self.session: LiveSession | None = None
        self.calls: list[Call] = []
        # "states" of configurations by their id, and "places": path, id and revision of whose value is there.
        self.configurations: dict[str, Any] = {}
        self.inbox: list[dict[str, Any]] = []  # cloud-to-device messages, oldest first
        self.last_activity: float | None = None
        self.state_changed: float | None = None
        self.sequence = 0
        self.received = 0  # messages that it was sent

    def __repr__(self) -> str:
        return f"<Device {self.id} {self.identity['status']} {self.connection_state}>"

    @property
    def id(self) -> str:
        """What it is known by: DEVICE, or DEVICE/MODULE as in a module's MQTT client id."""
        identity = self.identity
        return (
            identity["deviceId"] if self.parent is None else f"{identity['deviceId']}/{identity['moduleId']}"
        )

    @property
    def device_id(self) -> str:
        return self.identity["deviceId"]

    @property
    def module_id(self) -> str | None:
        return self.identity.get("moduleId")

    @property
    def place(self) -> str:
        """The path of its topics and of the resource that its tokens are for."""
        return place_of(self.id)

    @property
    def enabled(self) -> bool:
        """A module is as its device is."""
        return (self.parent or self).identity["status"] == "enabled"

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
        if self.parent is not None:
            del view["capabilities"], view["status"], view["statusReason"], view["statusUpdatedTime"]
        view["connectionState"] = self.connection_state
        view["connectionStateUpdatedTime"] = NEVER if self.state_changed is None else iso(self.state_changed)
        view["lastActivityTime"] = self._last_activity()
        view["cloudToDeviceMessageCount"] = len(self.inbox)
        return view

    def twin_view(self) -> dict[str, Any]:
        """The full twin as services read it."""
        twin = self.twin
        view = self.root_view()
        if twin.tags:
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
            "status": (self.parent or self).identity["status"],
            "statusUpdateTime": identity["statusUpdatedTime"],
            "connectionState": self.connection_state,
            "lastActivityTime": self._last_activity(),
            "cloudToDeviceMessageCount": len(self.inbox),
            "authenticationType": authentication["type"],
            "x509Thumbprint": dict(authentication["x509Thumbprint"]),
            "version": twin.version,
        }
        if self.parent is None:
            view["capabilities"] = dict(identity["capabilities"])
        else:
            view["moduleId"] = identity["moduleId"]
        if identity["statusReason"] is not None:
            view["statusReason"] = identity["statusReason"]
        if twin.model_id is not None:
            view["modelId"] = twin.model_id
        if self.configurations:
            view["configurations"] = self.configuration_states()
        return view

    def configuration_states(self) -> dict[str, Any]:
        """The twin's member ``configurations``: the state of each that is meant for it, by its id."""
        return {name: {"status": state} for name, state in self.configurations.get("states", {}).items()}

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
            "received": self.received,
            "inbox": self.inbox,
            "configurations": self.configurations,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any], parent: "Device | None" = None) -> "Device":
        """The device or module that wrote ``record``, not connected."""
        device = cls(record["identity"], Twin.from_record(record["twin"]), parent)
        device.remembered = record["subscriptions"]
        device.last_activity = record["lastActivity"]
        device.state_changed = record["stateChanged"]
        device.sequence = record["sequence"]
        device.received = record.get("received", 0)
        device.inbox = record.get("inbox", [])
        device.configurations = record.get("configurations", {})
        return device
