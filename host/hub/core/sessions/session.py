"""One connected device: what it may subscribe to and publish, and what it is answered.

IoT Hub developer guide, "Communicate with your IoT hub using the MQTT protocol".
MQTT 3.1.1 has no negative PUBACK, so a PUBLISH that is not allowed ends the
connection; the reason goes to the log and to a ``hubDiagnostics`` event.
"""

from collections.abc import Callable, Iterable

from .. import jsontext, throttles
from ..devices.device import Call
from ..errors import HubError, device_error_body
from ..messages import topics
from ..messages.events import CONNECTION_CLOSED, REQUEST_REFUSED
from ..messages.telemetry import MAX_MESSAGE, Message, read_message
from ..messages.topics import MethodResponse, Telemetry, TopicRefused, TwinGet, TwinPatch, parse_publish
from ..ports import Hello, Link
from ..timers import Timer
from ..twins.limits import ARRAYS_SINCE
from .admission import Admission
from .parts import Parts

MAX_SUBSCRIPTIONS = 5  # "five topics at a time"; a sixth is answered 0x80
REFUSED = 0x80  # SUBACK return code, MQTT 3.1.1 section 3.9.3


class Session:
    """A live connection. Made by ``Hub.connect``; of no use after it has ended.

    ``present``: the session-present flag for the CONNACK, True when the hub
    remembered a session of this device and the device wants to go on with it.
    ``left(session)`` is called when it has ended. ``known``: the device has proved who it is.
    """

    known = True

    def __init__(
        self,
        parts: Parts,
        admission: Admission,
        hello: Hello,
        link: Link,
        left: Callable[["Session"], None],
    ):
        self.device = admission.device
        self.device_id = admission.device.id
        self.signer = admission.signer
        self.ended = False
        self.calls: dict[str, Call] = {}
        self.unacknowledged: dict[int, dict] = {}  # packet id -> cloud-to-device message
        self.expiry: Timer | None = None
        self._parts = parts
        self._left = left
        self._link = link
        self._api_version = admission.api_version
        self._auth_method = admission.auth_method
        self._will = hello.will
        self._clean = hello.clean_session
        remembered = self.device.remembered
        self.present = remembered is not None and not hello.clean_session
        if hello.clean_session:
            self.device.remembered = None
            parts.messages.purge(self.device)
            self._subscriptions: dict[str, int] = {}
        else:
            self._subscriptions = remembered if remembered is not None else {}
            self.device.remembered = self._subscriptions

    def __repr__(self) -> str:
        return f"<Session of {self.device_id}{' ended' if self.ended else ''}>"

    @property
    def subscriptions(self) -> dict[str, int]:
        """A copy of filter -> granted QoS."""
        return dict(self._subscriptions)

    # --- subscriptions

    def subscribe(self, filters: Iterable[tuple[str, int]]) -> list[int]:
        """The SUBACK codes, in order: granted QoS (at most 1) or 0x80. Waiting method calls are then delivered."""
        if self.ended:
            return [REFUSED for _ in filters]
        before = dict(self._subscriptions)
        granted = [self._grant(topic_filter, qos) for topic_filter, qos in filters]
        self._remember(before)
        self._parts.methods.offer(self.device)
        self._parts.timers.at(
            self._parts.clock.monotonic(), lambda: self._parts.messages.deliver(self.device)
        )
        return granted

    def _grant(self, topic_filter: str, qos: int) -> int:
        if not topics.filter_allowed(topic_filter, self.device_id):
            reason = f"a device may not subscribe to {topic_filter[:128]!r}; see the documented filters"
        elif topic_filter not in self._subscriptions and len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            reason = (
                f"{topic_filter[:128]!r} would be more than {MAX_SUBSCRIPTIONS} subscriptions; drop one first"
            )
        else:
            self._subscriptions[topic_filter] = min(qos, 1)
            return min(qos, 1)
        self._parts.events.diagnostic(self.device_id, REQUEST_REFUSED, reason)
        return REFUSED

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Forget filters; unknown ones are no error (MQTT 3.1.1 section 3.10.4)."""
        if self.ended:
            return
        before = dict(self._subscriptions)
        for topic_filter in filters:
            self._subscriptions.pop(topic_filter, None)
        self._remember(before)

    def _remember(self, before: dict[str, int]) -> None:
        if not self._clean and self._subscriptions != before:
            self._parts.devices.save_or_tell(self.device)

    def listens(self, method: str) -> bool:
        """Whether it is subscribed to all methods or to this one."""
        return topics.METHODS in self._subscriptions or topics.method_filter(method) in self._subscriptions

    # --- what the device sends

    def publish(self, topic: str, payload: bytes, qos: int = 0, retain: bool = False) -> None:
        """Take a PUBLISH. May send through the link, or end the session, before it returns.

        The skin acknowledges a QoS 1 PUBLISH after this if the session has not ended.
        """
        if self.ended:
            return
        self.device.last_activity = self._parts.clock.utc()
        try:
            if qos > 1:
                raise TopicRefused("it published with QoS 2, which IoT Hub does not have; use QoS 0 or 1")
            request = parse_publish(topic, self.device_id)
            if isinstance(request, Telemetry):
                self._parts.throttles.spend(throttles.TELEMETRY)
                self._telemetry(read_message(request.bag, payload, retain))
                return
            if len(payload) > MAX_MESSAGE:
                raise TopicRefused(f"it published {len(payload)} bytes, more than {MAX_MESSAGE}; send less")
        except TopicRefused as refused:
            self.close(f"closed by the hub because the device broke a rule: {refused}")
            return
        except HubError as error:
            # MQTT has no way to refuse one message; without a PUBACK the device sends it again.
            self.close(str(error))
            return
        if isinstance(request, MethodResponse):
            self._parts.methods.answer(self, request, payload)
        elif isinstance(request, TwinGet):
            self._read(request)
        else:
            self._report(request, payload)

    def _telemetry(self, message: Message) -> None:
        self._parts.events.telemetry(self.device, message, self._auth_method)

    def _read(self, request: TwinGet) -> None:
        try:
            self._parts.throttles.spend(throttles.TWIN_READS)
        except HubError as error:
            self._refuse(request.rid, error, "twin read")
            return
        self._answer(request.rid, 200, self.device.twin.device_view())

    def _report(self, request: TwinPatch, payload: bytes) -> None:
        try:
            if self._api_version is None:
                raise HubError(
                    "ArgumentInvalid",
                    "Twin writes need an api-version in the MQTT user name; add '/?api-version=2021-04-12' to it.",
                )
            try:
                patch = jsontext.decode(payload)
            except jsontext.NotJson as error:
                raise HubError("ArgumentInvalid", f"The reported properties are not JSON: {error}.") from None
            arrays = self._api_version >= ARRAYS_SINCE
            self._parts.throttles.spend(throttles.TWIN_UPDATES)
            self._parts.write_twin(
                self.device, lambda twin, time: twin.report(patch, time, arrays, request.version)
            )
        except HubError as error:
            self._refuse(request.rid, error, "twin write")
            return
        self._answer(request.rid, 204, b"", self.device.twin.reported.version)

    def _refuse(self, rid: str, error: HubError, what: str) -> None:
        body = device_error_body(error, self._parts.clock.utc(), self._parts.tracking_id())
        self._parts.events.diagnostic(self.device_id, REQUEST_REFUSED, f"{what}: {error}")
        self._answer(rid, error.status, jsontext.encode(body))

    def _answer(self, rid: str, status: int, body: bytes, version: int | None = None) -> None:
        # Without the subscription the answer is lost, as the documents warn.
        if topics.TWIN_RESPONSES in self._subscriptions:
            self.send(topics.twin_response(rid, status, version), body)

    # --- what the hub sends

    def send(self, topic: str, payload: bytes) -> None:
        """Deliver at QoS 0, as the hub does for everything under ``$iothub/``."""
        if not self.ended:
            self._link.send(topic, payload, 0)

    def deliver(self, topic: str, payload: bytes, qos: int) -> int | None:
        """Deliver a cloud-to-device message; the packet identifier at QoS 1."""
        return None if self.ended else self._link.send(topic, payload, qos)

    def acknowledged(self, packet_id: int) -> None:
        """A PUBACK came."""
        if not self.ended:
            self._parts.messages.acknowledged(self, packet_id)

    def notify_desired(self, payload: bytes, version: int) -> None:
        """Tell the device of a desired change, if it listens for them."""
        if topics.DESIRED_CHANGES in self._subscriptions:
            self.send(topics.desired_change(version), payload)

    # --- the end

    def end(self, clean: bool, reason: str | None = None) -> None:
        """The connection is over: DISCONNECT came (``clean``) or the link is lost.

        ``reason`` says what the skin saw of a lost link. Idempotent; does not call the link.
        """
        if clean:
            self._end(True, None)
        else:
            self._end(False, reason or "the link was lost: the device went away without DISCONNECT")

    def close(self, reason: str) -> None:
        """End the session from the hub's side and drop the link."""
        if not self.ended:
            self._end(False, reason)
            self._link.close(reason)

    def _end(self, clean: bool, reason: str | None) -> None:
        if self.ended:
            return
        self.ended = True
        if self.expiry is not None:
            self.expiry.cancel()
        if reason is not None:
            self._parts.events.diagnostic(self.device_id, CONNECTION_CLOSED, reason)
        if self._will is not None and not clean:
            request = parse_publish(self._will.topic, self.device_id)
            message = read_message(request.bag, self._will.payload, self._will.retain)
            message.application["iothub-MessageType"] = "Will"
            self._telemetry(message)
        try:
            self._left(self)
        finally:
            self._parts.methods.lost(self)
