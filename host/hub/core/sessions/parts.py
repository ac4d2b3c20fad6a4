"""What a hub is made of, for whatever in it needs more than one of them."""

from collections.abc import Callable, Collection, Iterable
from copy import copy
from typing import Any

from .. import jsontext
from ..access.authorities import Authorities
from ..access.services import Access
from ..devices.device import Device
from ..devices.devices import Devices, Modules
from ..messages.cloud_to_device import CloudToDevice
from ..messages.events import STORE_FAILED, Events
from ..messages.feedback import MAX_RECORDS, Feedback
from ..messages.notice_locks import NoticeLocks
from ..messages.notices import Notices
from ..ports import Clock, EventLog, Store
from ..queries.query import Collection as Asked
from ..queries.query import twins_of
from ..queries.tree import DEVICES, MODULES
from ..throttles import Throttles
from ..timers import Timers
from ..times import iso, ticks
from ..twins.twin import Change, Twin
from .methods import Methods


class Parts:
    """The parts of one hub, put together; see ``Hub`` for the arguments.

    ``hosts``: the names it is reached by, in lower case, its own first; ``files``: notifications of uploads.
    """

    def __init__(
        self,
        host_name: str,
        clock: Clock,
        store: Store,
        random_bytes: Callable[[int], bytes],
        aliases: Iterable[str],
        throttle: float | None,
        log: EventLog | None,
        routes: Collection[str],
    ):
        self.host_name = host_name
        self.hosts = tuple(dict.fromkeys(name.lower() for name in (host_name, *aliases)))
        self.clock = clock
        self.events = Events(host_name, clock, random_bytes, log, routes)
        self.timers = Timers()

        def failed(device_id: str, reason: str) -> None:
            self.events.diagnostic(device_id, STORE_FAILED, reason)

        def kept_only_here(reason: str) -> None:
            failed("", reason)

        self.tell_store_failed = failed
        self.stored: dict[str, list[dict[str, Any]]] = {"jobs": [], "configurations": []}
        devices, modules = [], []
        for record in store.load_all():
            if not record["id"].startswith("/"):  # which no id contains
                (modules if "/" in record["id"] else devices).append(record)
            elif (room := record["id"].split("/")[1]) in self.stored:
                self.stored[room].append(record)
        self.devices = Devices(store, failed, devices)
        self.modules = Modules(store, failed, modules, self.devices)
        self.twins: dict[str, Devices] = {DEVICES: self.devices, MODULES: self.modules}
        self.collections: dict[str, Asked] = {
            DEVICES: twins_of(self.devices, True),
            MODULES: twins_of(self.modules, False),
        }
        self.feedback = Feedback(store, kept_only_here)
        self.feedback_locks = NoticeLocks(clock, self.timers, self.feedback, random_bytes, MAX_RECORDS)
        self.files = Notices(store, "/filenotifications", "file notifications", kept_only_here)
        self.file_locks = NoticeLocks(clock, self.timers, self.files, random_bytes, 1)
        self.messages = CloudToDevice(clock, self.timers, self.devices, self.feedback, random_bytes)
        self.access = Access(self.hosts, clock, store, random_bytes)
        self.authorities = Authorities(store)
        self.throttles = Throttles(clock, throttle)
        self.methods = Methods(clock, self.timers, self.events, self.throttles)
        self.random = random_bytes
        self._last_generation = 0

    def known(self, client_id: str) -> Device | None:
        """The device DEVICE or the module DEVICE/MODULE, or None."""
        return (self.modules if "/" in client_id else self.devices).get(client_id)

    def find(self, device_id: str, module_id: str | None = None) -> Device:
        """A device, or a module of it; 404001 or 404010."""
        if module_id is None:
            return self.devices.find(device_id)
        return self.modules.find(f"{device_id}/{module_id}")

    def write_twin(self, device: Device, write: Callable[[Twin, str], Change | None]) -> Change | None:
        """Run one write of a twin, store it and tell the watchers: all happen, or none."""
        before = copy(device.twin)
        time = iso(self.clock.utc())
        change = write(device.twin, time)
        if change is not None:
            try:
                self.devices.save(device)
            except BaseException:
                device.twin = before
                raise
            self.events.twin_changed(device, change, before, time)
        return change

    def tell_desired(self, device: Device, change: Change | None) -> None:
        """Tell a device that is connected of a write that a service made."""
        session = device.session
        if change is not None and change.desired is not None and session is not None:
            version = device.twin.desired.version
            session.notify_desired(jsontext.encode({**change.desired, "$version": version}), version)

    def tracking_id(self) -> str:
        """32 hexadecimal digits for an error body."""
        return self.random(16).hex()

    def generation(self, utc: float) -> int:
        """A new identity's ``generationId``; no two are equal."""
        self._last_generation = max(ticks(utc), self._last_generation + 1)
        return self._last_generation

    def check_signer(self, device: Device) -> None:
        """End a connection whose token was signed with a key that is not there any more."""
        session = device.session
        if session is not None and session.signer is not None and session.signer not in device.keys:
            session.close(
                "the key this connection was signed with was replaced; give the device its new connection string"
            )
