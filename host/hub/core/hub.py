"""The hub: devices, twins, methods, queries and events behind one object.

Nothing here opens, waits or looks at a clock of its own. A skin calls in with
what arrived and calls ``step()`` afterwards: it runs what is due and answers how
long the skin may sleep. Calls must come from one thread.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from . import jsontext, throttles
from .access.identities import check_etag
from .devices.device import Device
from .errors import HubError, device_disabled
from .fleet.configurations import Configurations
from .fleet.jobs import Jobs
from .messages.cloud_to_device import LIFETIME_S
from .messages.events import Event
from .messages.locks import LOCK_S
from .messages.telemetry import Message
from .ports import Certificate, Clock, EventLog, Hello, Link, MethodResult, Store
from .queries.query import run_query
from .sessions.admission import Admission, admit_request
from .sessions.connections import Connections
from .sessions.registry import Registry
from .sessions.session import Session
from .twins.digital_patch import desired_patch
from .twins.digital_twin import digital_twin
from .twins.twin import Change, Twin


class Hub(Registry):
    """A local IoT Hub without sockets.

    ``host_name``: the name in tokens and connection strings, without a port;
    ``aliases``: other names it answers to. Everything in ``store`` is loaded now.
    ``throttle``: the share of IoT Hub's documented rates that it takes; None takes all.
    ``log``: where telemetry is kept for readers, and of the notifications the sources that
    ``routes`` names; None keeps none.
    """

    def __init__(
        self,
        host_name: str,
        clock: Clock,
        store: Store,
        random_bytes: Callable[[int], bytes],
        aliases: Iterable[str] = (),
        throttle: float | None = None,
        log: EventLog | None = None,
        routes: Collection[str] = (),
    ):
        super().__init__(host_name, clock, store, random_bytes, aliases, throttle, log, routes)
        self.connections = Connections(self)
        self.jobs = Jobs(self, store, self.stored.pop("jobs"))
        self.configurations = Configurations(self, store, self.stored.pop("configurations"))

    def __repr__(self) -> str:
        return f"<Hub {self.host_name} with {len(self.devices)} devices>"

    # --- the device side

    def connect(self, hello: Hello, link: Link) -> Session:
        """Admit a device; an older connection of the same id is closed first.

        Sends nothing through ``link`` before it returns: answer CONNACK, then call
        ``step()``, which delivers method calls that waited for this device.
        """
        return self.connections.connect(hello, link)

    def admit(
        self, device_id: str, authorization: str | None, certificate: Certificate | None = None
    ) -> Admission:
        """Whose request over HTTPS this is, by its Authorization header or its certificate; 401003 for nobody's."""
        device, now = self.devices.get(device_id), self.clock.utc()
        return admit_request(
            device_id, authorization, certificate, self.hosts, device, self.access.policies, now
        )

    def take(self, admission: Admission, messages: list[Message]) -> None:
        """Telemetry that came over HTTPS; 429001 when it is too much."""
        self.throttles.spend(throttles.TELEMETRY, len(messages))
        for message in messages:
            self.events.telemetry(admission.device, message, admission.auth_method)

    def receive(self, admission: Admission, lock: float = LOCK_S) -> tuple[dict[str, Any], str] | None:
        """A message for a device that asks for it over HTTPS, and the token that settles it; see CloudToDevice."""
        self.throttles.spend(throttles.RECEIVES)
        return self.messages.receive(admission.device, lock)

    # --- twins, of a device or of a module of it

    def get_twin(self, device_id: str, module_id: str | None = None) -> dict[str, Any]:
        """The full twin."""
        self.throttles.spend(throttles.TWIN_READS)
        return self.find(device_id, module_id).twin_view()

    def patch_twin(
        self,
        device_id: str,
        body: Any,
        etag: str | None = None,
        arrays: bool = True,
        module_id: str | None = None,
    ) -> dict[str, Any]:
        """Merge tags and desired properties, tell the device, answer the twin as written.

        ``arrays``: False when the caller's api-version knows none.
        """
        device = self.find(device_id, module_id)
        return self._write_desired(device, etag, lambda twin, time: twin.patch(body, time, arrays))

    def replace_twin(
        self,
        device_id: str,
        body: Any,
        etag: str | None = None,
        arrays: bool = True,
        module_id: str | None = None,
    ) -> dict[str, Any]:
        """Replace the sections the body mentions, tell the device, answer the twin as written."""
        device = self.find(device_id, module_id)
        return self._write_desired(device, etag, lambda twin, time: twin.replace(body, time, arrays))

    def get_digital_twin(self, device_id: str) -> tuple[dict[str, Any], str]:
        """The digital twin and its etag, which is that of the twin."""
        self.throttles.spend(throttles.TWIN_READS)
        device = self.devices.find(device_id)
        return jsontext.copy(digital_twin(device.id, device.twin)), device.twin.etag

    def patch_digital_twin(self, device_id: str, operations: Any, etag: str | None = None) -> str:
        """Apply a JSON Patch as one write of the desired properties; answers the new etag."""

        def write(twin: Twin, time: str) -> Change | None:
            return twin.patch({"properties": {"desired": desired_patch(operations, twin)}}, time)

        return self._write_desired(self.devices.find(device_id), etag, write)["etag"]

    def _write_desired(
        self, device: Device, etag: str | None, write: Callable[[Twin, str], Change | None]
    ) -> dict[str, Any]:
        check_etag(etag, device.twin.etag, "twin")
        self.throttles.spend(throttles.TWIN_UPDATES)
        change = self.write_twin(device, write)
        view = device.twin_view()  # before the device hears of it, and may answer
        self.tell_desired(device, change)
        return view

    # --- methods and queries

    def invoke(
        self,
        device_id: str,
        name: str,
        payload: Any = None,
        response_timeout: int = 30,
        connect_timeout: int = 0,
        *,
        done: Callable[[MethodResult | HubError], None],
        module_id: str | None = None,
    ) -> None:
        """Call a direct method. Raises what is known at once; everything later goes to ``done``, exactly once.

        Known at once: unknown or disabled device (404001), bad arguments (400004),
        payload too large (413001), too many calls (403800), and, with a connect
        timeout of 0, a device that is not listening (404103). ``done`` may be
        called before this returns.
        """
        device = self.find(device_id, module_id)
        if not device.enabled:
            raise device_disabled(device_id)
        self.methods.invoke(device, name, payload, response_timeout, connect_timeout, done)

    def send(
        self,
        device_id: str,
        body: bytes,
        properties: dict[str, str | None] | None = None,
        lifetime: float = LIFETIME_S,
        expires: float | None = None,
    ) -> None:
        """Queue a cloud-to-device message; see CloudToDevice.send."""
        self.throttles.spend(throttles.MESSAGES)
        self.messages.send(self.devices.find(device_id), body, properties or {}, lifetime, expires)

    def purge(self, device_id: str) -> int:
        """Throw away the cloud-to-device messages that wait for a device; how many there were."""
        return self.messages.empty(self.devices.find(device_id))

    def query(
        self, text: str, page_size: int | None = 100, continuation: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None, str]:
        """``(rows, continuation or None on the last page, item type)`` of a query over devices or modules."""
        self.throttles.spend(throttles.QUERIES)
        return run_query(text, self.collections, page_size, continuation)

    # --- watching and time

    def listen(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback(event)`` for every event from now on; answers the function that ends it."""
        return self.events.listen(callback)

    def step(self) -> float | None:
        """Run what is due; answers the seconds to the next deadline, or None when nothing waits."""
        now = self.clock.monotonic()
        moment = self.timers.run(now)
        return None if moment is None else max(0.0, moment - now)
