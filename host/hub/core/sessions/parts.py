"""What a hub is made of, for whatever in it needs more than one of them."""

from collections.abc import Callable, Collection, Iterable
from copy import copy

from .. import throttles
from ..access.authorities import Authorities
from ..access.services import Access
from ..devices.device import Device
from ..devices.devices import Devices
from ..messages.cloud_to_device import CloudToDevice
from ..messages.events import STORE_FAILED, Events
from ..messages.feedback import Feedback
from ..messages.notices import Notices
from ..ports import Clock, EventLog, Store
from ..throttles import Throttles
from ..timers import Timers
from ..times import iso
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
        self.devices = Devices(
            store, lambda device_id, reason: self.events.diagnostic(device_id, STORE_FAILED, reason)
        )
        self.feedback = Feedback(store, self._store_failed)
        self.files = Notices(store, "/filenotifications", "file notifications", self._store_failed)
        self.messages = CloudToDevice(clock, self.timers, self.devices, self.feedback, random_bytes)
        self.access = Access(self.hosts, clock, store, random_bytes)
        self.authorities = Authorities(store)
        self.throttles = Throttles(clock, throttle)
        self.methods = Methods(clock, self.timers, self.events, self.throttles)
        self._random = random_bytes

    def write_twin(self, device: Device, write: Callable[[Twin, str], Change | None]) -> Change | None:
        """Run one write of a twin, store it and tell the watchers: all happen, or none."""
        self.throttles.spend(throttles.TWIN_UPDATES)
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

    def _store_failed(self, reason: str) -> None:
        self.events.diagnostic("", STORE_FAILED, reason)

    def tracking_id(self) -> str:
        """32 hexadecimal digits for an error body."""
        return self._random(16).hex()
