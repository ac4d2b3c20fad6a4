"""Events: what a hub tells whoever watches it.

Bodies and properties of the documented sources follow the IoT Hub developer
guide, "Non-telemetry event schemas". ``hubDiagnostics`` is this hub's own: why a
connection was refused or closed, and what was refused on a live one.

An event is a dict::

    {"source", "deviceId", "enqueuedTime", "systemProperties", "applicationProperties",
     "bodyType": "json" | "text" | "base64", "body"}

and has ``moduleId`` when it is a module's.
"""

import itertools
from collections.abc import Callable, Collection
from typing import Any

from .. import jsontext
from ..devices.device import Device
from ..ports import Clock, EventLog
from ..times import at_offset, iso
from ..twins.digital_twin import changes, digital_twin
from ..twins.twin import Change, Twin
from .telemetry import Message, readable_body

Event = dict[str, Any]
Listener = Callable[[Event], None]

TELEMETRY = "Telemetry"
TWIN_CHANGES = "twinChangeEvents"
DIGITAL_TWIN_CHANGES = "digitalTwinChangeEvents"
CONNECTION_STATE = "deviceConnectionStateEvents"
LIFECYCLE = "deviceLifecycleEvents"
ROUTES = (TWIN_CHANGES, DIGITAL_TWIN_CHANGES, CONNECTION_STATE, LIFECYCLE)
DIAGNOSTICS = "hubDiagnostics"

# What a hubDiagnostics event may be about (its body's "what").
CONNECTION_REFUSED = "connectionRefused"
CONNECTION_CLOSED = "connectionClosed"
REQUEST_REFUSED = "requestRefused"
ANSWER_DROPPED = "answerDropped"
STORE_FAILED = "storeFailed"

_SCHEMAS = {
    TWIN_CHANGES: "twinChangeNotification",
    DIGITAL_TWIN_CHANGES: "digitalTwinChangeNotification",
    CONNECTION_STATE: "deviceConnectionStateNotification",
    LIFECYCLE: "deviceLifecycleNotification",
}


# Of a twin, in an event about all of it.
_MEMBERS = ("deviceId", "moduleId", "etag", "version", "tags", "properties")


class Events:
    """Builds events, keeps them in ``log`` and hands them to listeners.

    As on Azure, telemetry is kept, and of what the hub notifies only what ``routes`` names. Diagnostics,
    which are ours alone, are not kept. What nobody wants is not built.
    """

    def __init__(
        self,
        host_name: str,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
        log: EventLog | None,
        routes: Collection[str],
    ):
        self.hub_name = host_name.partition(".")[0]
        self._clock = clock
        self._log = log
        self._kept = frozenset((TELEMETRY, *routes)) if log is not None else frozenset()
        self._random = random_bytes
        self._listeners: dict[int, Listener] = {}
        self._told: list[Listener] = []
        self._tokens = itertools.count()

    def listen(self, callback: Listener) -> Callable[[], None]:
        """Call ``callback(event)`` for each event from now on; answers the function that ends it.

        The callback must not raise. All listeners get the same dict: read it only.
        """
        token = next(self._tokens)
        self._listeners[token] = callback

        def unlisten() -> None:
            self._listeners.pop(token, None)

        return unlisten

    def watch(self, callback: Listener) -> None:
        """Call ``callback(event)`` for each diagnostic from now on, and for nothing else; it must not raise."""
        self._told.append(callback)

    def telemetry(self, device: Device, message: Message, auth_method: str) -> None:
        """A device-to-cloud message was accepted."""
        if not self._wants(TELEMETRY):
            return
        now = self._clock.utc()
        system: dict[str, Any] = {
            **message.system,
            "iothub-connection-auth-method": auth_method,
            "iothub-connection-auth-generation-id": device.identity["generationId"],
            "iothub-message-source": TELEMETRY,
        }
        if device.twin.model_id is not None:
            system["dt-dataschema"] = device.twin.model_id
        if device.module_id is not None:
            system["iothub-connection-module-id"] = device.module_id
        self._keep(device.device_id, system, message.application, message.payload, now)
        if self._listeners:
            # What a body shows is only worked out for somebody who looks at it.
            kind, body = readable_body(message.payload)
            self._tell(
                *(TELEMETRY, device.device_id, system, dict(message.application), body, kind, now),
                device.module_id,
            )

    def twin_changed(self, device: Device, change: Change, before: Twin, time: str) -> None:
        """A twin write was committed at ``time``; ``before`` is the twin as it was.

        Makes a twin change event and, for a device that announced its model and
        a write that its digital twin shows, a digital twin change event. The two
        have one ``correlation-id`` and the time of the change.
        """
        if not self._wants(TWIN_CHANGES, DIGITAL_TWIN_CHANGES):
            return
        twin, when = device.twin, at_offset(time)
        correlation = self._random(16).hex()
        if change.replaced:
            operation, body = "replaceTwin", _all_of_it(device)
        else:
            operation, body = "updateTwin", twin.event_body(change)
        self._notify(TWIN_CHANGES, device, operation, body, when, correlation)
        if twin.model_id is not None and device.parent is None:
            patch = changes(digital_twin(device.id, before), digital_twin(device.id, twin))
            if patch:
                self._notify(DIGITAL_TWIN_CHANGES, device, "updateTwin", patch, when, correlation)

    def connection_state(self, device: Device) -> None:
        """The device connected or disconnected. ``sequenceNumber`` grows for each device."""
        if not self._wants(CONNECTION_STATE):
            return
        operation = "deviceConnected" if device.session is not None else "deviceDisconnected"
        body = {"sequenceNumber": f"{device.sequence:064X}"}
        self._notify(CONNECTION_STATE, device, operation, body, self._now())

    def lifecycle(self, device: Device, operation: str) -> None:
        """``createDeviceIdentity`` or ``deleteDeviceIdentity``, of a module as well."""
        if self._wants(LIFECYCLE):
            self._notify(LIFECYCLE, device, operation, _all_of_it(device), self._now())

    def diagnostic(self, device_id: str, what: str, reason: str, **more: Any) -> None:
        """Our own event: ``what`` happened and why. Nothing secret may be in it."""
        if self._listeners or self._told:
            body = {"what": what, "reason": reason, **more}
            self._tell(DIAGNOSTICS, device_id, {}, {}, body, "json", self._clock.utc())

    def _wants(self, *sources: str) -> bool:
        return bool(self._listeners) or not self._kept.isdisjoint(sources)

    def _now(self) -> str:
        return at_offset(iso(self._clock.utc()))

    def _notify(
        self,
        source: str,
        device: Device,
        operation: str,
        body: Any,
        when: str,
        correlation: str | None = None,
    ) -> None:
        patch = source == DIGITAL_TWIN_CHANGES
        system = {
            "content-type": "application/json-patch+json" if patch else "application/json",
            "content-encoding": "utf-8",
            "user-id": self.hub_name,
            "correlation-id": correlation or self._random(16).hex(),
            "iothub-message-source": source,
        }
        application: dict[str, str | None] = {
            "hubName": self.hub_name,
            "deviceId": device.device_id,
            "operationTimestamp": when,
            "iothub-message-schema": _SCHEMAS[source],
            "opType": operation,
        }
        if device.module_id is not None:
            application["moduleId"] = device.module_id
            if source != CONNECTION_STATE:
                system["iothub-connection-module-id"] = device.module_id
        now = self._clock.utc()
        if source in self._kept:
            self._keep(device.device_id, system, application, jsontext.encode(body), now)
        self._tell(source, device.device_id, system, application, body, "json", now, device.module_id)

    def _keep(
        self,
        device_id: str,
        system: dict[str, Any],
        application: dict[str, str | None],
        body: bytes,
        now: float,
    ) -> None:
        if self._log is not None:
            system["iothub-connection-device-id"] = device_id
            self._log.append(device_id, system, application, body, now)

    def _tell(
        self,
        source: str,
        device_id: str,
        system: dict[str, Any],
        application: dict[str, str | None],
        body: Any,
        kind: str,
        now: float,
        module_id: str | None = None,
    ) -> None:
        if source != DIAGNOSTICS:
            system = {
                **system,
                "iothub-connection-device-id": device_id,
                "iothub-enqueuedtime": int(now * 1000),
            }
        event = {
            "source": source,
            "deviceId": device_id,
            "enqueuedTime": iso(now),
            "systemProperties": system,
            "applicationProperties": application,
            "bodyType": kind,
            "body": body,
        }
        if module_id is not None:
            event["moduleId"] = module_id
        told = self._told if source == DIAGNOSTICS else ()
        for listener in (*told, *self._listeners.values()):
            listener(event)


def _all_of_it(device: Device) -> dict[str, Any]:
    twin = device.twin_view()
    return {name: twin[name] for name in _MEMBERS if name in twin}
