"""Direct methods: from a caller to a listening device and back, within limits.

IoT Hub developer guide, "Understand and invoke direct methods from IoT Hub".
There is no queue: a call waits at most ``connect_timeout`` for the device to be
connected *and* listening, then at most ``response_timeout`` for its answer.
"""

import re
from typing import Any, NamedTuple

from .. import jsontext
from ..access.identities import invalid
from ..devices.device import Call, Device, Done
from ..errors import HubError, device_disabled
from ..messages.events import ANSWER_DROPPED, REQUEST_REFUSED, Events
from ..messages.topics import MethodResponse, method_request
from ..ports import Clock, MethodResult
from ..throttles import METHOD_STEP, METHODS, Throttles
from ..timers import Timers
from ..times import hms

RESPONSE_TIMEOUT = (5, 300)  # seconds
CONNECT_TIMEOUT = (0, 300)
MAX_PAYLOAD = 128 * 1024  # bytes of JSON, each way
# The documents name the error (403800) and not the number.
MAX_IN_FLIGHT = 10
MAX_NAME = 256  # characters; keeps the topic short

# Printable ASCII without $ ( ) < > @ , ; : \ " / [ ] ? = { } and space.
_NAME = re.compile(r"[!#%&'*+\-.0-9A-Z^_`a-z|~]+")


class Order(NamedTuple):
    """A call that may be made; ``response`` and ``connect`` in seconds."""

    name: str
    body: bytes
    response: int
    connect: float


def read_order(name: Any, payload: Any, response_timeout: Any, connect_timeout: Any) -> Order:
    """Check what is asked for: 400004 for bad arguments, 413001 for too large a payload."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise invalid(
            f"methodName must be 1 to {MAX_NAME} printable ASCII characters without space and "
            '$ ( ) < > @ , ; : \\ " / [ ] ? = { }.'
        )
    response = _seconds("responseTimeoutInSeconds", response_timeout, RESPONSE_TIMEOUT)
    connect = _seconds("connectTimeoutInSeconds", connect_timeout, CONNECT_TIMEOUT)
    try:
        body = jsontext.encode(payload)
    except ValueError as error:
        raise invalid(f"The payload of method '{name}' is not JSON: {error}.") from None
    if len(body) > MAX_PAYLOAD:
        raise HubError(
            "MessageTooLarge",
            f"The payload of method '{name}' is {len(body)} bytes, more than {MAX_PAYLOAD}; send less, or a link.",
        )
    return Order(name, body, response, connect)


class Methods:
    """All calls under way. A call ends exactly once: answer, time-out, lost connection or deletion."""

    def __init__(self, clock: Clock, timers: Timers, events: Events, throttles: Throttles):
        self._clock = clock
        self._timers = timers
        self._events = events
        self._throttles = throttles
        self._count = 0

    def invoke(
        self, device: Device, name: Any, payload: Any, response_timeout: Any, connect_timeout: Any, done: Done
    ) -> None:
        """Begin a call; HubError at once when it cannot be begun, else ``done`` gets the outcome."""
        self.begin(device, read_order(name, payload, response_timeout, connect_timeout), done)

    def begin(self, device: Device, order: Order, done: Done) -> Call:
        """The same for what was read before."""
        name, body, response, connect = order
        if not device.enabled:
            raise device_disabled(device.device_id)
        self._throttles.spend(METHODS, max(1, -(-len(body) // METHOD_STEP)))
        if len(device.calls) >= MAX_IN_FLIGHT:
            raise HubError(
                "DeviceMaximumInflightMethodExceeded",
                f"Device '{device.id}' has {MAX_IN_FLIGHT} method calls under way; "
                "wait for their answers and try again.",
            )
        listening = device.session is not None and device.session.listens(name)
        if not listening and connect == 0:
            raise _not_online(device, name, connect)
        call = Call(device, name, body, response, connect, done)
        device.calls.append(call)
        if listening:
            self._deliver(call)
        else:
            call.timer = self._timers.at(
                self._clock.monotonic() + connect, lambda: self._not_online_in_time(call)
            )
        return call

    def offer(self, device: Device) -> None:
        """Deliver the waiting calls that the device listens for now."""
        for call in list(device.calls):
            session = device.session
            if session is None:
                return
            if call.session is None and call in device.calls and session.listens(call.name):
                self._deliver(call)

    def answer(self, session: Any, response: MethodResponse, payload: bytes) -> None:
        """A device answered. An unknown or late ``$rid`` is dropped: it belongs to one connection only."""
        call = session.calls.get(response.rid)
        if call is None:
            self._events.diagnostic(
                session.device_id,
                ANSWER_DROPPED,
                f"a method answer came with $rid {response.rid[:64]!r}, which nobody waits for: "
                "it is late (the caller's response time-out has passed) or from an earlier connection",
            )
            return
        if len(payload) > MAX_PAYLOAD:
            self._finish(
                call,
                HubError(
                    "MessageTooLarge",
                    f"Device '{session.device_id}' answered '{call.name}' with {len(payload)} bytes, more than "
                    f"{MAX_PAYLOAD}; the device must answer with less.",
                ),
            )
            return
        self._finish(call, MethodResult(response.status, self._value(session, call, payload)))

    def lost(self, session: Any) -> None:
        """The connection ended: its delivered calls fail, calls that wait go on waiting."""
        for call in list(session.calls.values()):
            self._finish(
                call,
                HubError(
                    "DeviceConnectionClosedRemotely",
                    f"The connection of device '{session.device_id}' ended before it answered '{call.name}'; "
                    "it may or may not have run it. Check the device, then try again.",
                ),
            )

    def give_up(self, call: Call) -> None:
        """Nobody wants its outcome any more; what a device answers is dropped."""
        call.done = lambda outcome: None
        self._finish(call, HubError("GatewayTimeout", "The caller did not wait any longer."))

    def forget(self, device: Device, error: HubError) -> None:
        """The device is deleted or disabled: every call that is left fails with ``error``."""
        for call in list(device.calls):
            self._finish(call, error)

    def _value(self, session: Any, call: Call, payload: bytes) -> Any:
        if not payload:
            return None
        try:
            return jsontext.decode(payload)
        except jsontext.NotJson as error:
            self._events.diagnostic(
                session.device_id,
                REQUEST_REFUSED,
                f"the answer to method {call.name!r} is not JSON ({error}); the caller gets it as text. "
                "The device should answer with a JSON value",
            )
            return payload.decode("utf-8", errors="replace")

    def _deliver(self, call: Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
        session = call.session = call.device.session
        self._count += 1
        call.rid = f"{self._count:x}"
        session.calls[call.rid] = call
        call.timer = self._timers.at(
            self._clock.monotonic() + call.response_timeout, lambda: self._not_answered_in_time(call)
        )
        session.send(method_request(call.name, call.rid), call.payload)

    def _finish(self, call: Call, outcome: MethodResult | HubError) -> None:
        call.timer.cancel()
        call.device.calls.remove(call)
        if call.session is not None:
            call.session.calls.pop(call.rid, None)
        call.done(outcome)

    def _not_online_in_time(self, call: Call) -> None:
        self._finish(call, _not_online(call.device, call.name, call.connect_timeout))

    def _not_answered_in_time(self, call: Call) -> None:
        self._finish(
            call,
            HubError(
                "GatewayTimeout",
                "Timed out waiting for the response from device.",
                {"timeout": hms(call.response_timeout)},
            ),
        )


def _not_online(device: Device, name: str, waited: int) -> HubError:
    if device.session is None and waited:
        what = f"it did not connect within {waited} s: start it, or wait longer (connectTimeoutInSeconds)"
    elif device.session is None:
        what = "it is not connected: start it, or give connectTimeoutInSeconds to wait for it"
    else:
        what = (
            f"it is connected but has not subscribed to method '{name}': its program must listen for methods"
        )
    return HubError(
        "DeviceNotOnline",
        "The operation failed because the requested device isn't online or hasn't registered the direct method "
        f"callback. Device '{device.id}': {what}.",
        {"timeout": hms(waited)},
    )


def _seconds(name: str, value: Any, limits: tuple[int, int]) -> int:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise invalid(f"{name} must be within [{low}; {high}].")
    return value
