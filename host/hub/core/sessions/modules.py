"""Identities of modules: parts of a device with a twin, keys and a connection of their own.

IoT Hub developer guide, "Understand and use module twins": up to 50 under one device; the REST
reference, "Modules". A module lives as long as its device and is disabled with it.
"""

from typing import Any

from .. import throttles
from ..access.identities import changed_module, check_device_id, check_etag, new_module
from ..devices.device import Device
from ..errors import HubError, device_disabled, module_not_found
from ..times import iso
from ..twins.twin import Twin
from .parts import Parts

MAX_MODULES = 50  # of one device


class ModuleIdentities:
    """The registry of one hub's modules."""

    def __init__(self, parts: Parts):
        self._parts = parts

    def create(
        self, device_id: str, module_id: str, body: Any = None, twin: Any = None, arrays: bool = True
    ) -> dict[str, Any]:
        """A new identity and its twin; 409301 when the device has one of that id, 413003 when it has too many."""
        parts = self._parts
        device = parts.devices.find(device_id)
        check_device_id(module_id)
        parts.throttles.spend(throttles.REGISTRY)
        known = parts.modules.of(device_id)
        if any(module.module_id == module_id for module in known):
            raise HubError(
                "ModuleAlreadyExistsOnDevice",
                f"The device {device_id!r} has a module {module_id!r} already; "
                "update it (with If-Match), or choose another id.",
            )
        if len(known) >= MAX_MODULES:
            raise HubError(
                "TooManyModulesOnDevice",
                f"The device {device_id!r} has {MAX_MODULES} modules, the most there may be; remove one first.",
            )
        utc = parts.clock.utc()
        identity = new_module(device_id, module_id, body, utc, parts.generation(utc), parts.random)
        module = Device(identity, Twin(), device)
        if twin is not None:
            module.twin.replace(twin, iso(utc), arrays)
        parts.modules.add(module)
        parts.events.lifecycle(module, "createDeviceIdentity")
        return module.identity_view()

    def update(
        self,
        device_id: str,
        module_id: str,
        body: Any,
        etag: str | None = None,
        twin: Any = None,
        twin_etag: str | None = None,
        arrays: bool = True,
    ) -> dict[str, Any]:
        """Change an identity. Replacing the key its token was signed with ends its connection.

        ``twin``: what of the twin is to be replaced at the same time, if its etag is ``twin_etag``.
        """
        parts = self._parts
        parts.throttles.spend(throttles.REGISTRY)
        module = parts.find(device_id, module_id)
        check_etag(etag, module.identity["etag"], "identity")
        if twin is not None:
            check_etag(twin_etag, module.twin.etag, "twin")
        before, written = module.identity, module.twin.counter
        module.identity = changed_module(before, body, parts.clock.utc(), parts.random)
        try:
            if twin is not None:
                change = parts.write_twin(module, lambda own, time: own.replace(twin, time, arrays))
                parts.tell_desired(module, change)
            if module.twin.counter == written:
                parts.modules.save(module)
        except BaseException:
            module.identity = before
            raise
        parts.check_signer(module)
        return module.identity_view()

    def get(self, device_id: str, module_id: str) -> dict[str, Any]:
        """The identity, keys included."""
        self._parts.throttles.spend(throttles.REGISTRY)
        return self._parts.find(device_id, module_id).identity_view()

    def list(self, device_id: str) -> list[dict[str, Any]]:
        """The identities of a device's modules, by id."""
        self._parts.throttles.spend(throttles.REGISTRY)
        device = self._parts.devices.find(device_id)
        return [module.identity_view() for module in self._parts.modules.of(device.id)]

    def delete(self, device_id: str, module_id: str, etag: str | None = None) -> None:
        """Remove an identity and its twin; its connection ends and waiting calls fail."""
        self._parts.throttles.spend(throttles.REGISTRY)
        module = self._parts.find(device_id, module_id)
        check_etag(etag, module.identity["etag"], "identity")
        self._remove(module)

    def connection_string(self, device_id: str, module_id: str) -> str:
        """The module's connection string. It holds a key: for the device's owner only."""
        module = self._parts.find(device_id, module_id)
        text = f"HostName={self._parts.host_name};DeviceId={device_id};ModuleId={module_id};"
        return text + (f"SharedAccessKey={module.keys[0]}" if module.keys else "x509=true")

    # --- with their device

    def disabled(self, device: Device) -> None:
        """The device was disabled: its modules' connections end."""
        for module in self._parts.modules.of(device.id):
            if module.session is not None:
                module.session.close("the device was disabled; enable it to let its modules connect again")
            self._parts.methods.forget(module, device_disabled(device.id))

    def removed(self, device: Device) -> None:
        """The device is being deleted: its modules go first."""
        for module in self._parts.modules.of(device.id):
            self._remove(module)

    def _remove(self, module: Device) -> None:
        parts = self._parts
        if module.session is not None:
            module.session.close("the identity was deleted; the module is unknown to this hub now")
        parts.modules.remove(module)
        parts.methods.forget(module, module_not_found(module.device_id, str(module.module_id)))
        parts.events.lifecycle(module, "deleteDeviceIdentity")
