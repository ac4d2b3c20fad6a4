"""All registered devices, and all modules: found in one step, listed in order, kept in the store."""

import bisect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..errors import HubError, device_not_found, module_not_found, not_stored
from ..ports import Store
from .device import Device


class Devices:
    """The devices of a hub. What is added, changed and removed goes through the store first.

    ``records``: of those that there are; the caller knows them from what else is stored.
    ``order``: the ids, sorted. ``tell(device_id, reason)`` hears of a write that failed and
    was not needed for what was asked.
    """

    def __init__(
        self, store: Store, tell: Callable[[str, str], None], records: Iterable[dict[str, Any]] = ()
    ):
        self._store = store
        self._tell = tell
        self._watchers: list[Callable[[Device], None]] = []
        self._devices = {record["id"]: self._read(record) for record in records}
        self.order = sorted(self._devices)

    def _read(self, record: dict[str, Any]) -> Device:
        return Device.from_record(record)

    def __len__(self) -> int:
        return len(self._devices)

    def __contains__(self, device_id: object) -> bool:
        return device_id in self._devices

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def watch(self, changed: Callable[[Device], None]) -> None:
        """Call ``changed(device)`` whenever one is stored, anew or again, and when it was removed."""
        self._watchers.append(changed)

    def get(self, device_id: str) -> Device | None:
        """The device, or None."""
        return self._devices.get(device_id)

    def find(self, device_id: str) -> Device:
        """The device, or 404001."""
        device = self._devices.get(device_id)
        if device is None:
            raise device_not_found(str(device_id)[:128])
        return device

    def add(self, device: Device) -> None:
        """A new device, stored before it exists."""
        self.save(device)
        self.put(device)

    def put(self, device: Device) -> None:
        """A new device, which is stored already."""
        self._devices[device.id] = device
        bisect.insort(self.order, device.id)
        self._changed(device)

    def drop(self, device: Device) -> None:
        """Forget a device, of which the store knows nothing any more."""
        del self._devices[device.id]
        del self.order[bisect.bisect_left(self.order, device.id)]
        self._changed(device)

    def save(self, device: Device) -> None:
        """Put the device's record into the store; 500001 when the store cannot take it."""
        try:
            self._store.save(device.record())
        except Exception as error:
            raise not_stored(f"the device {device.id!r}", error) from error
        self._changed(device)

    def exchange(self, gone: list[Device], new: Device | None = None) -> None:
        """Store a new device and forget those that are gone, a device behind its modules: all of it, or 500001."""
        try:
            self._store.write([new.record()] if new else [], [device.id for device in gone])
        except Exception as error:
            raise not_stored(f"the device {gone[-1].id!r}", error) from error

    def _changed(self, device: Device) -> None:
        for changed in self._watchers:
            changed(device)

    def save_or_tell(self, device: Device) -> None:
        """The same for what need not fail with it: a diagnostic tells, the work goes on."""
        try:
            self.save(device)
        except HubError as error:
            self._tell(device.id, str(error))

    def statistics(self) -> dict[str, int]:
        """Counts of devices: total, enabled, disabled and connected."""
        enabled = sum(device.enabled for device in self)
        return {
            "totalDeviceCount": len(self),
            "enabledDeviceCount": enabled,
            "disabledDeviceCount": len(self) - enabled,
            "connectedDeviceCount": sum(device.session is not None for device in self),
        }


class Modules(Devices):
    """The modules of a hub, by DEVICE/MODULE."""

    def __init__(
        self,
        store: Store,
        tell: Callable[[str, str], None],
        records: Iterable[dict[str, Any]],
        parents: Devices,
    ):
        self._parents = parents
        super().__init__(store, tell, records)

    def _read(self, record: dict[str, Any]) -> Device:
        return Device.from_record(record, self._parents.find(record["identity"]["deviceId"]))

    def find(self, device_id: str) -> Device:
        """The module DEVICE/MODULE; 404010, or 404001 when it is the device that is not there."""
        module = self.get(device_id)
        if module is None:
            parent, _, name = str(device_id).partition("/")
            raise module_not_found(self._parents.find(parent).id, name[:128])
        return module

    def of(self, device_id: str) -> list[Device]:
        """A device's modules, by id."""
        begin = bisect.bisect_left(self.order, f"{device_id}/")
        end = bisect.bisect_left(self.order, f"{device_id}0")  # the character after the slash
        return [self.find(module_id) for module_id in self.order[begin:end]]
