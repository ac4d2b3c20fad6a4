"""The registry of a hub: identities of devices, and of modules, which are parts of a device.

IoT Hub developer guide, "Understand the identity registry" and "Understand and use module twins": a module
has a twin, keys and a connection of its own. It lives as long as its device and is disabled with it.
"""

from typing import Any

from .. import throttles
from ..access.identities import changed_identity, check_device_id, check_etag, invalid, new_identity
from ..devices.device import Device
from ..devices.devices import Devices
from ..errors import HubError, device_disabled, device_not_found, module_not_found
from ..times import NEVER, iso
from ..twins.twin import Twin
from .parts import Parts

MAX_LIST = 1000  # devices in one answer of GET /devices
MAX_MODULES = 50  # of one device


class Registry(Parts):
    """The identities of one hub. Where a ``module_id`` is given, that module of the device is meant."""

    def create_device(
        self,
        device_id: str,
        body: Any = None,
        twin: Any = None,
        arrays: bool = True,
        module_id: str | None = None,
    ) -> dict[str, Any]:
        """A new identity and its twin. Missing keys are made.

        409001 when the device exists, 409301 when it has such a module, 413003 when it has too many.
        ``twin``: what the twin begins with, in the form that ``replace_twin`` takes.
        """
        device = self._new(device_id, module_id, body, twin, arrays)
        self._kept(device).add(device)
        self.events.lifecycle(device, "createDeviceIdentity")
        return device.identity_view()

    def renew_device(self, device_id: str, body: Any = None, twin: Any = None) -> dict[str, Any]:
        """Remove a device and create it anew: both, or neither where the store cannot."""
        device = self.devices.find(device_id)
        new = self._new(device_id, None, body, twin, renewed=True)
        self._remove(device, new)
        self.events.lifecycle(new, "createDeviceIdentity")
        return new.identity_view()

    def _new(
        self,
        device_id: str,
        module_id: str | None,
        body: Any,
        twin: Any,
        arrays: bool = True,
        renewed: bool = False,
    ) -> Device:
        check_device_id(device_id if module_id is None else module_id)
        self.throttles.spend(throttles.REGISTRY)
        parent = None if module_id is None else self._room_for(module_id, self.devices.find(device_id))
        if parent is None and device_id in self.devices and not renewed:
            raise HubError(
                "DeviceAlreadyExists",
                f"The device {device_id!r} exists already; update it (with If-Match), or choose another id.",
            )
        utc = self.clock.utc()
        identity = new_identity(device_id, module_id, body, utc, self.generation(utc), self.random)
        # So the service does: azure-sdk-for-net, SessionRecords, DeviceTwinLifecycle of devices and of modules.
        device = Device(identity, Twin(iso(utc) if parent is None else NEVER), parent)
        if twin is not None:
            device.twin.begin(twin, arrays)
        return device

    def _room_for(self, module_id: str, device: Device) -> Device:
        """The device, if it can be given this module."""
        known = self.modules.of(device.id)
        if any(module.module_id == module_id for module in known):
            raise HubError(
                "ModuleAlreadyExistsOnDevice",
                f"The device {device.id!r} has a module {module_id!r} already; "
                "update it (with If-Match), or choose another id.",
            )
        if len(known) >= MAX_MODULES:
            raise HubError(
                "TooManyModulesOnDevice",
                f"The device {device.id!r} has {MAX_MODULES} modules, the most there may be; remove one first.",
            )
        return device

    def update_device(
        self,
        device_id: str,
        body: Any,
        etag: str | None = None,
        twin: Any = None,
        twin_etag: str | None = None,
        arrays: bool = True,
        module_id: str | None = None,
    ) -> dict[str, Any]:
        """Change an identity. Disabling it, or replacing the key its token was signed with, ends its connection.

        ``twin``: what of the twin is to be replaced at the same time, if its etag is ``twin_etag``.
        """
        self.throttles.spend(throttles.REGISTRY)
        device = self.find(device_id, module_id)
        check_etag(etag, device.identity["etag"], "identity")
        if twin is not None:
            check_etag(twin_etag, device.twin.etag, "twin")
        before, change = device.identity, None
        device.identity = changed_identity(before, body, self.clock.utc(), self.random)
        try:
            if twin is not None:  # a change of which is stored with the identity
                change = self.write_twin(device, lambda own, time: own.replace(twin, time, arrays))
            if change is None:
                self._kept(device).save(device)
        except BaseException:
            device.identity = before
            raise
        self.tell_desired(device, change)
        if not device.enabled:
            for each in self._with_modules(device):
                if each.session is not None:
                    each.session.close(
                        f"the device {device_id!r} was disabled; enable it to let it and its modules connect again"
                    )
                self.methods.forget(each, device_disabled(device_id))
        self.check_signer(device)
        return device.identity_view()

    def get_device(self, device_id: str, module_id: str | None = None) -> dict[str, Any]:
        """The identity, keys included."""
        self.throttles.spend(throttles.REGISTRY)
        return self.find(device_id, module_id).identity_view()

    def connection_string(self, device_id: str, module_id: str | None = None) -> str:
        """The connection string. It holds a key: for the device's owner only. 400004 when there are no credentials."""
        device = self.find(device_id, module_id)
        if device.identity["authentication"]["type"] == "none":
            raise invalid(
                f"{device.id!r} has no credentials of its own (authentication of type 'none'), "
                "so that there is no connection string of it: sign its token with a policy's key."
            )
        text = f"HostName={self.host_name};DeviceId={device_id};"
        if module_id is not None:
            text += f"ModuleId={module_id};"
        return text + (f"SharedAccessKey={device.keys[0]}" if device.keys else "x509=true")

    def list_devices(self, top: int | None = None) -> list[dict[str, Any]]:
        """Up to ``top`` identities (1 to 1000; anything else means 1000), by id."""
        self.throttles.spend(throttles.REGISTRY)
        count = top if isinstance(top, int) and 1 <= top <= MAX_LIST else MAX_LIST
        return [self.devices.find(device_id).identity_view() for device_id in self.devices.order[:count]]

    def list_modules(self, device_id: str) -> list[dict[str, Any]]:
        """The identities of a device's modules, by id."""
        self.throttles.spend(throttles.REGISTRY)
        device = self.devices.find(device_id)
        return [module.identity_view() for module in self.modules.of(device.id)]

    def delete_device(self, device_id: str, etag: str | None = None, module_id: str | None = None) -> None:
        """Remove an identity and its twin; its connection ends and waiting calls fail. Its modules go first."""
        self.throttles.spend(throttles.REGISTRY)
        device = self.find(device_id, module_id)
        check_etag(etag, device.identity["etag"], "identity")
        self._remove(device)

    def _remove(self, device: Device, new: Device | None = None) -> None:
        """Remove a device and its modules, or put a new one in its place."""
        going, device_id = self._with_modules(device), device.id.partition("/")[0]
        self.devices.exchange(going, new)
        for each in going:
            self._kept(each).drop(each)
            if each.session is not None:
                each.session.close(f"the identity was deleted; this hub knows no {each.id!r} now")
            self.messages.purge(each)
            own = each.module_id
            gone = device_not_found(device_id) if own is None else module_not_found(device_id, own)
            self.methods.forget(each, gone)
            self.events.lifecycle(each, "deleteDeviceIdentity")
        if new is not None:
            self.devices.put(new)

    def statistics(self) -> dict[str, int]:
        """``totalDeviceCount``, ``enabledDeviceCount``, ``disabledDeviceCount``, ``connectedDeviceCount``."""
        return self.devices.statistics()

    def _kept(self, device: Device) -> Devices:
        """Those that it is one of."""
        return self.devices if device.parent is None else self.modules

    def _with_modules(self, device: Device) -> list[Device]:
        """A device behind its modules; a module alone."""
        return [*self.modules.of(device.id), device]
