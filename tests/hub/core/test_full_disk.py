"""A disk that is full in the middle of an operation: what a refusal says of it is true.

Each operation is tried with its first write failing, then with its second and so on, until it succeeds. When it is
refused with "nothing was changed", then nothing was: neither what the hub answers nor what is stored, nor was a device
disconnected or somebody told. A write of the store is all or
nothing, as SQLite's is (``endpoints/test_server``).
"""

import json

import pytest
from harness import refused
from provisioned import Service, shown

from twinkle_host.hub.core import HubError
from twinkle_host.hub.core.provisioning.tables import GROUP, INDIVIDUAL

NOTHING = "nothing was changed"


class FullDisk:
    """A store that takes ``room`` more writes, then none; None: as many as come."""

    def __init__(self, store):
        self._store = store
        self.room = None

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in ("save", "delete", "write"):
            return found

        def write(*records):
            if self.room == 0:
                raise OSError("the disk is full")
            if self.room is not None:
                self.room -= 1
            return found(*records)

        return write


@pytest.fixture
def service():
    """A hub with a connected device of two connected modules, enrolments and registrations of each kind."""
    service = Service()
    stage = service.stage
    stage.store = disk = FullDisk(stage.store)
    stage.start()
    service.start()
    service.disk = disk
    hub = stage.hub
    hub.authorities.add("root", "PEM")
    device = stage.connected("dev")
    for name in ("m1", "m2"):
        hub.create_device("dev", {}, module_id=name)
    hub.send("dev", b"waits", {"iothub-ack": "full"})
    service.device = device
    (service.key, _) = service.enrol("own", reprovisionPolicy={"migrateDeviceData": False})
    service.enrol("group", group=True, authority="root")
    for name in ("a", "b"):
        service.register(name, certificate=shown(name, authorities=("root",)))
    service.register("own", service.key)
    hub.create_device("own", {}, module_id="m")
    hub.configurations.create("c", configuration())
    stage.run(10)
    stage.events.clear()
    return service


def configuration(priority=1):
    return {
        "id": "c",
        "targetCondition": "tags.x = 1",
        "priority": priority,
        "content": {"deviceContent": {"properties.desired.a": {"b": 1}}},
    }


def seen(service):
    """All that anybody can ask for."""
    hub, enrolments = service.stage.hub, service.enrolments
    devices = hub.list_devices()
    modules = [module for device in devices for module in hub.list_modules(device["deviceId"])]
    twins = [hub.get_twin(one["deviceId"], one.get("moduleId")) for one in (*devices, *modules)]
    return json.dumps(
        [
            *(devices, modules, twins),
            [enrolments.query(kind, "*")[0] for kind in (INDIVIDUAL, GROUP)],
            [enrolments.get(INDIVIDUAL, "own"), enrolments.query_registrations("group")[0]],
            hub.configurations.list(),
            sorted(hub.authorities.certificates),
            hub.devices.find("dev").inbox,
            service.device.session.ended,
            service.stage.events_of("deviceLifecycleEvents"),
            service.stage.events_of("twinChangeEvents"),
        ]
    )


def assigned(service):
    opened = (INDIVIDUAL, service.enrolments.tables[INDIVIDUAL].get("own"), {"type": "sas"})
    service.provisioning.assign("own", *opened)


OPERATIONS = {
    "a device is created": lambda service: service.stage.hub.create_device("new", {}, {"tags": {"x": 1}}),
    "a module is created": lambda service: service.stage.hub.create_device("dev", {}, module_id="m3"),
    "a device is changed with its twin": lambda service: service.stage.hub.update_device(
        "dev", {"status": "disabled"}, twin={"tags": {"x": 2}}
    ),
    "a device is removed, and its modules": lambda service: service.stage.hub.delete_device("dev"),
    "a module is removed": lambda service: service.stage.hub.delete_device("dev", module_id="m1"),
    "a twin is written": lambda service: service.stage.hub.patch_twin("dev", {"tags": {"x": 1}}),
    "a message is sent": lambda service: service.stage.hub.send("dev", b"x"),
    "a queue is emptied": lambda service: service.stage.hub.purge("dev"),
    "an enrolment is made": lambda service: service.enrol("more"),
    "an enrolment is removed": lambda service: service.enrolments.delete(INDIVIDUAL, "own"),
    "a group is removed, and its registrations": lambda service: service.enrolments.delete(GROUP, "group"),
    "an authority is registered": lambda service: service.stage.hub.authorities.add("more", "PEM"),
    "an authority is forgotten": lambda service: service.stage.hub.authorities.remove("root"),
    "a configuration is made": lambda service: service.stage.hub.configurations.create(
        "d", {**configuration(), "id": "d"}
    ),
    "a configuration is changed": lambda service: service.stage.hub.configurations.update(
        "c", configuration(2)
    ),
    "a configuration is removed": lambda service: service.stage.hub.configurations.delete("c"),
    "a device is assigned anew without its data": assigned,
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_refusal_says_truly_what_was_done(service, operation):
    for room in range(20):
        before, stored = seen(service), dict(service.disk.texts)
        service.disk.room = room
        try:
            operation(service)
        except HubError as error:
            assert error.name == "ServerError" and "the disk is full" in error.message
            service.disk.room = None
            if NOTHING in error.message:
                assert seen(service) == before and dict(service.disk.texts) == stored
        else:
            break
        finally:
            service.disk.room = None
    assert room, "it writes nothing"


def test_a_registration_that_cannot_be_kept_says_that_the_hub_has_the_device(service):
    """Two parts of Azure, the service and the hub; a device that registers again mends it."""
    hub = service.stage.hub
    generation = hub.get_device("own")["generationId"]
    service.disk.room = 1
    with pytest.raises(HubError, match=r"The hub has the device 'own' now, .* register again"):
        assigned(service)
    service.disk.room = None
    assert hub.get_device("own")["generationId"] != generation and hub.list_modules("own") == []
    assigned(service)
    assert service.enrolments.get(INDIVIDUAL, "own")["registrationState"]["status"] == "assigned"


def test_a_device_that_could_not_be_removed_is_served_on(service):
    service.disk.room = 0
    assert refused(service.stage.hub.delete_device, "dev") == "ServerError"
    service.disk.room = None
    assert service.device.session.ended is False
    assert service.device.report({"a": 1})[0] == 204
    service.stage.hub.delete_device("dev")
    assert service.device.session.ended and "deleted" in service.device.wire.closed
    assert not [name for name in service.disk.texts if name.startswith("dev")], (
        "nor does its end store it again"
    )
