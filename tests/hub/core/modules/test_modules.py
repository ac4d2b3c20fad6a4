"""Modules: identities under a device, with a twin, methods and a connection of their own.

The right answers: azure-docs, iot-hub-devguide-module-twins.md and iot-hub-devguide-identity-registry.md; models
Module and Twin of azure-iot-hub 2.7.
"""

import json

import pytest
from harness import DESIRED, HOST, METHODS, Device, Wire, refused, token

from twinkle_host.hub.core import Certificate, ConnectRefused, Hello

EVENTS = "devices/dev1/modules/m/messages/events/"


class Module(Device):
    """A module's side of a session."""

    def hello(self, **changes):
        device_id, module_id = self.id.split("/")
        resource = changes.pop("resource", f"{HOST}/devices/{device_id}/modules/{module_id}")
        if "password" not in changes:
            key = changes.pop("key", None) or self.stage.hub.find(device_id, module_id).keys[0]
            changes["password"] = token(resource, key, int(self.stage.clock.utc()) + 3600)
        return super().hello(**changes)


@pytest.fixture
def hub(stage):
    """The hub, with the device that has the modules."""
    stage.device()
    return stage.hub


@pytest.fixture
def module(stage, hub):
    """The module ``m`` of ``dev1``, connected and subscribed to everything."""
    hub.create_device("dev1", module_id="m")
    module = Module(stage, "dev1/m")
    module.connect()
    return module


# --- identities


def test_an_identity_has_the_models_members_and_no_status_of_its_own(hub):
    """Model Module: no ``status`` and no ``capabilities``."""
    made = hub.create_device("dev1", {"managedBy": "me"}, module_id="m")
    assert set(made) == {
        *("moduleId", "managedBy", "deviceId", "generationId", "etag", "connectionState", "authentication"),
        *("connectionStateUpdatedTime", "lastActivityTime", "cloudToDeviceMessageCount"),
    }
    assert (made["deviceId"], made["moduleId"], made["managedBy"]) == ("dev1", "m", "me")
    assert len(made["authentication"]["symmetricKey"]["primaryKey"]) == 44
    assert hub.get_device("dev1", "m") == made and hub.list_modules("dev1") == [made]


def test_what_is_not_there_says_whether_it_is_the_device_or_the_module(hub, stage):
    """C# ErrorCode: ModuleNotFound is 404010, DeviceNotFound 404001."""
    assert refused(hub.get_device, "dev1", "m") == "ModuleNotFound"
    assert refused(hub.get_device, "nobody", "m") == "DeviceNotFound"
    assert refused(hub.list_modules, "nobody") == "DeviceNotFound"
    assert refused(hub.create_device, "nobody", module_id="m") == "DeviceNotFound"
    assert refused(stage.hub.get_twin, "dev1", "m") == "ModuleNotFound"
    assert refused(stage.hub.invoke, "dev1", "x", done=print, module_id="m") == "ModuleNotFound"


def test_an_id_is_given_once_on_a_device_and_again_on_another(hub, stage):
    """C# ErrorCode: ModuleAlreadyExistsOnDevice is 409301."""
    hub.create_device("dev1", module_id="m")
    assert refused(hub.create_device, "dev1", module_id="m") == "ModuleAlreadyExistsOnDevice"
    stage.device("dev2")
    hub.create_device("dev2", module_id="m")
    assert [found["deviceId"] for found in hub.list_modules("dev2")] == ["dev2"]


def test_neighbours_in_the_order_of_ids_are_not_taken_for_a_devices_own(hub, stage):
    for device_id in ("dev", "dev1-a", "dev10", "dev1.x"):
        stage.device(device_id)
        hub.create_device(device_id, module_id="m")
    assert hub.list_modules("dev1") == []


def test_fifty_modules_are_the_most(hub):
    """ "under each device identity, you can create up to 50 module identities"; TooManyModulesOnDevice is 413003."""
    for number in range(50):
        hub.create_device("dev1", module_id=f"m{number}")
    assert refused(hub.create_device, "dev1", module_id="one-more") == "TooManyModulesOnDevice"
    assert len(hub.list_modules("dev1")) == 50


@pytest.mark.parametrize("module_id", ["", "a/b", "a b", "x" * 129, ".."])
def test_a_modules_id_has_the_characters_of_a_devices(hub, module_id):
    """Model Twin, ``module_id``: the same list as ``device_id``."""
    assert refused(hub.create_device, "dev1", module_id=module_id) == "ArgumentInvalid"


@pytest.mark.parametrize(
    "body", [{"moduleId": "other"}, {"deviceId": "other"}, [], {"managedBy": 5}, {"authentication": 5}]
)
def test_a_bad_body_makes_nothing(hub, body):
    assert refused(hub.create_device, "dev1", body, module_id="m") == "ArgumentInvalid"
    assert hub.list_modules("dev1") == []


def test_the_etag_guards_a_change_and_a_removal(hub):
    """REST reference, Modules: If-Match on PUT and DELETE."""
    stale = hub.create_device("dev1", module_id="m")["etag"]
    changed = hub.update_device("dev1", {"managedBy": "x"}, stale, module_id="m")
    assert changed["etag"] != stale and changed["managedBy"] == "x"
    assert (
        refused(hub.update_device, "dev1", {"managedBy": "y"}, stale, module_id="m") == "PreconditionFailed"
    )
    assert refused(hub.delete_device, "dev1", stale, "m") == "PreconditionFailed"
    hub.delete_device("dev1", changed["etag"], "m")
    assert hub.list_modules("dev1") == []


def test_modules_are_no_devices(hub, stage):
    """Neither in the list nor in the count of devices; a query over devices does not see them."""
    hub.create_device("dev1", module_id="m")
    assert [device["deviceId"] for device in hub.list_devices()] == ["dev1"]
    assert hub.statistics()["totalDeviceCount"] == 1
    assert len(hub.query("SELECT * FROM devices")[0]) == 1


def test_a_deleted_device_takes_its_modules_with_it(module, stage):
    """ "Modules twins are implicitly created and deleted when a module identity is"; there is none without a device."""
    stage.hub.delete_device("dev1")
    assert "deleted" in module.wire.closed and set(stage.store.texts) == {"/policies"}
    kinds = [(e["applicationProperties"]["opType"], e.get("moduleId")) for e in lifecycle(stage)]
    assert kinds[-2:] == [("deleteDeviceIdentity", "m"), ("deleteDeviceIdentity", None)]


def test_identities_twins_and_subscriptions_survive_a_restart(module, stage):
    module.report({"r": 1})
    stage.hub.patch_twin("dev1", {"tags": {"t": 1}}, module_id="m")
    module.session.end(True)
    before = stage.hub.list_modules("dev1"), stage.hub.get_twin("dev1", "m")
    stage.start()
    assert (stage.hub.list_modules("dev1"), stage.hub.get_twin("dev1", "m")) == before
    assert module.connect(subscribe=()).present


def lifecycle(stage):
    return stage.events_of("deviceLifecycleEvents")


# --- twins


def test_a_twin_is_a_devices_with_the_modules_id_and_no_capabilities(hub, stage):
    """azure-docs, module twins: the example document."""
    hub.create_device("dev1", module_id="m")
    twin, of_device = stage.hub.get_twin("dev1", "m"), stage.hub.get_twin("dev1")
    assert twin["moduleId"] == "m" and twin["deviceId"] == "dev1"
    assert set(twin) ^ set(of_device) == {"moduleId", "capabilities"}


def test_a_patch_reaches_the_module_and_no_device(module, stage):
    device = Device(stage, "dev1")
    device.connect()
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"a": 1}}}, module_id="m")
    assert module.take() == [(f"{DESIRED[:-1]}?$version=2", {"a": 1, "$version": 2})]
    assert device.take() == []
    assert module.get()["desired"] == {"a": 1, "$version": 2}
    assert device.get()["desired"] == {"$version": 1}
    assert module.report({"r": 1})[0] == 204
    assert stage.hub.get_twin("dev1", "m")["properties"]["reported"]["r"] == 1


def test_a_query_over_modules_answers_their_twins(hub, stage):
    """azure-docs, query language: "SELECT * FROM devices.modules", "WHERE devices.modules.…" and by the name alone."""
    stage.device("dev2")
    for device_id in ("dev1", "dev2"):
        hub.create_device(device_id, module_id="m")
        hub.create_device(device_id, module_id="n")
        stage.hub.patch_twin(device_id, {"tags": {"of": device_id}}, module_id="m")
    query = stage.hub.query
    rows, _, kind = query("SELECT * FROM devices.modules WHERE deviceId = 'dev2'")
    assert kind == "Twin" and [(r["deviceId"], r["moduleId"]) for r in rows] == [
        ("dev2", "m"),
        ("dev2", "n"),
    ]
    for condition in ("devices.modules.moduleId = 'm'", "moduleId = 'm'", "is_defined(tags.of)"):
        rows, _, _ = query(f"SELECT deviceId, moduleId FROM devices.modules WHERE {condition}")
        assert rows == [
            {"deviceId": "dev1", "moduleId": "m"},
            {"deviceId": "dev2", "moduleId": "m"},
        ], condition
    assert query("SELECT m.moduleId FROM devices.modules AS m WHERE m.tags.of = 'dev1'")[0] == [
        {"moduleId": "m"}
    ]
    assert query("SELECT count() AS n FROM Devices.Modules")[0] == [{"n": 4}]
    first, token_of_second, _ = query("SELECT moduleId FROM devices.modules", 3)
    assert len(first) == 3 and len(query("SELECT moduleId FROM devices.modules", 3, token_of_second)[0]) == 1


# --- connections


def test_telemetry_goes_to_the_modules_topic_and_names_it(module, stage):
    """azure-docs, iot-hub-devguide-messages-construct.md: ``iothub-connection-module-id``, set by IoT Hub."""
    module.session.publish(EVENTS + "a=b", b"{}", 1)
    (event,) = stage.events_of("Telemetry")
    assert (event["deviceId"], event["moduleId"]) == ("dev1", "m")
    assert event["systemProperties"]["iothub-connection-device-id"] == "dev1"
    assert event["systemProperties"]["iothub-connection-module-id"] == "m"
    assert event["applicationProperties"] == {"a": "b"}


@pytest.mark.parametrize(
    ("proof", "scope", "kind", "issuer"),
    [
        ("key", "module", "sas", "iothub"),
        ("certificate", "module", "x509Certificate", "external"),
        ("policy", "hub", "sas", "iothub"),
    ],
)
def test_telemetry_says_by_whose_credentials_the_module_connected(stage, hub, proof, scope, kind, issuer):
    """azure-docs, iot-hub-devguide-messages-construct.md (pull request 93636: "The scope value of the connection auth
    method object can be also `module`"): connectionAuthMethod. The issuer of a certificate is ``external`` in what
    hubs wrote (the event in gloveboxes/azure_sphere_co2_monitor, and logs of ``deviceConnect``)."""
    prints = {"x509Thumbprint": {"primaryThumbprint": "AA" * 20}, "type": "selfSigned"}
    hub.create_device("dev1", {"authentication": prints} if proof == "certificate" else {}, module_id="m")
    policy = hub.access.policies["device"].keys[0]
    shown = {
        "key": {},
        "certificate": {"password": None, "certificate": Certificate(("aa" * 20,))},
        "policy": {"password": token(f"{HOST}/devices/dev1", policy, int(stage.clock.utc()) + 60, "device")},
    }
    Module(stage, "dev1/m").connect(**shown[proof]).publish(EVENTS, b"{}", 1)
    (event,) = stage.events_of("Telemetry")
    assert json.loads(event["systemProperties"]["iothub-connection-auth-method"]) == {
        "scope": scope,
        "type": kind,
        "issuer": issuer,
        "acceptingIpFilterRule": None,
    }


@pytest.mark.parametrize(
    "topic", ["devices/dev1/messages/events/", "devices/dev1/modules/n/messages/events/"]
)
def test_a_module_may_not_speak_for_its_device_or_another_module(module, topic):
    module.session.publish(topic, b"{}", 1)
    assert "another device's or module's" in module.wire.closed


def test_a_device_may_not_speak_for_its_module(stage):
    device = stage.connected()
    device.session.publish(EVENTS, b"{}", 1)
    assert "dev1" in device.wire.closed


def test_a_module_subscribes_to_its_inputs_and_not_to_messages_from_services(module):
    """mqtt_topic_iothub.py of azure-iot-device: ``devices/D/modules/M/inputs/#``. Only IoT Edge sends on it."""
    module.session.unsubscribe([METHODS, DESIRED])
    filters = ["devices/dev1/modules/m/inputs/#", "devices/dev1/messages/devicebound/#"]
    assert module.session.subscribe([(topic_filter, 1) for topic_filter in filters]) == [1, 0x80]


def test_a_method_goes_to_the_module_and_back(module, stage):
    outcome = []
    stage.hub.invoke("dev1", "blink", {"a": 1}, done=outcome.append, module_id="m")
    ((name, rid, payload),) = module.calls()
    assert (name, payload) == ("blink", {"a": 1})
    module.answer(rid, 207, "ok")
    assert (outcome[0].status, outcome[0].payload) == (207, "ok")


def test_events_of_a_module_name_it(module, stage):
    """azure-docs, iot-hub-non-telemetry-event-schema.md: ``moduleId`` beside deviceId, the operations of devices;
    ``iothub-connection-module-id`` "is output only for module life cycle and twin events"."""
    stage.hub.patch_twin("dev1", {"tags": {"t": 1}}, module_id="m")
    module.session.end(True)
    for source, operation in (
        ("deviceLifecycleEvents", "createDeviceIdentity"),
        ("twinChangeEvents", "updateTwin"),
        ("deviceConnectionStateEvents", "deviceDisconnected"),
    ):
        event = stage.events_of(source)[-1]
        properties = event["applicationProperties"]
        assert (properties["deviceId"], properties["moduleId"]) == ("dev1", "m")
        assert properties["opType"] == operation
        named = event["systemProperties"].get("iothub-connection-module-id")
        assert named == (None if source == "deviceConnectionStateEvents" else "m")
    assert stage.events_of("digitalTwinChangeEvents") == []


@pytest.mark.parametrize(
    "resource", [f"{HOST}/devices/dev1", f"{HOST}/devices/dev1/modules/n", f"{HOST}/devices/dev1/modules"]
)
def test_a_token_is_for_one_module(stage, hub, resource):
    """azure-docs, iot-hub-dev-guide-sas.md: a module's resource is ``{host}/devices/{device}/modules/{module}``."""
    hub.create_device("dev1", module_id="m")
    with pytest.raises(ConnectRefused) as refusal:
        Module(stage, "dev1/m").connect(resource=resource)
    assert refusal.value.code == 5 and "devices/dev1/modules/m" in refusal.value.reason


def test_neither_the_devices_key_nor_its_token_opens_a_module(stage, hub):
    hub.create_device("dev1", module_id="m")
    module = Module(stage, "dev1/m")
    with pytest.raises(ConnectRefused, match="neither the primary nor the secondary"):
        module.connect(key=stage.hub.devices.find("dev1").keys[0])
    password = token(f"{HOST}/devices/dev1", stage.hub.devices.find("dev1").keys[0], 2**31)
    with pytest.raises(ConnectRefused, match="not registered"):
        stage.hub.connect(Hello("dev1/n", f"{HOST}/dev1/n/?api-version=2021-04-12", password), Wire())


def test_a_policy_for_devices_connects_modules_too(stage, hub):
    hub.create_device("dev1", module_id="m")
    header = stage.service_header("device", f"{HOST}/devices")
    key = stage.hub.access.policies["device"].keys[0]
    password = token(f"{HOST}/devices/dev1", key, int(stage.clock.utc()) + 60, "device")
    assert header.endswith("skn=device")
    assert Module(stage, "dev1/m").connect(password=password)


def test_a_modules_certificate_is_its_own(stage, hub):
    """azure-docs, module-twins-portal-dotnet.md: "the module's certificate must have its common name (CN) formatted
    like CN=<deviceid>/<moduleid>"; or its thumbprint is registered."""
    prints = {"x509Thumbprint": {"primaryThumbprint": "AA" * 20}, "type": "selfSigned"}
    hub.create_device("dev1", {"authentication": prints}, module_id="m")
    module = Module(stage, "dev1/m")
    with pytest.raises(ConnectRefused, match="thumbprint"):
        module.connect(password=None, certificate=Certificate(("bb" * 20,)))
    assert module.connect(password=None, certificate=Certificate(("aa" * 20,)))
    hub.create_device("dev1", {"authentication": {"type": "certificateAuthority"}}, module_id="n")
    module = Module(stage, "dev1/n")
    for name in ("dev1", "n", "dev1/m"):
        with pytest.raises(ConnectRefused, match="CN=dev1/n"):
            module.connect(password=None, certificate=Certificate((), name, ("root",)))
    assert module.connect(password=None, certificate=Certificate((), "dev1/n", ("root",)))


def test_a_disabled_devices_modules_leave_and_stay_away(module, stage):
    """IoT Hub developer guide: ``status`` is the device's; a module has none and goes with it."""
    stage.hub.update_device("dev1", {"status": "disabled"})
    assert "disabled" in module.wire.closed and stage.hub.get_twin("dev1", "m")["status"] == "disabled"
    with pytest.raises(ConnectRefused, match="disabled"):
        module.connect()
    assert refused(stage.hub.invoke, "dev1", "x", done=print, module_id="m") == "DeviceNotFound"


def test_a_replaced_key_ends_the_connection_it_opened(module, stage):
    fresh = {"symmetricKey": {"primaryKey": "B" * 43 + "=", "secondaryKey": "C" * 43 + "="}}
    stage.hub.update_device("dev1", {"authentication": fresh}, module_id="m")
    assert "key" in module.wire.closed
    assert module.connect()


def test_a_newer_connection_takes_over_and_the_devices_own_stays(module, stage):
    device = Device(stage, "dev1")
    device.connect()
    Module(stage, "dev1/m").connect()
    assert "newer connection" in module.wire.closed and device.wire.closed is None


def test_a_connection_string_names_device_and_module(hub):
    made = hub.create_device("dev1", module_id="m")
    key = made["authentication"]["symmetricKey"]["primaryKey"]
    text = f"HostName={HOST};DeviceId=dev1;ModuleId=m;SharedAccessKey={key}"
    assert hub.connection_string("dev1", "m") == text
