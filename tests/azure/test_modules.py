"""Modules, with azure-iot-hub 2.7 and azure-iot-device 2.14, unmodified."""

import queue
import threading

import pytest
from authority import Authority
from azure.iot.device import X509, IoTHubModuleClient, Message, MethodResponse
from azure.iot.hub.models import (
    CloudToDeviceMethod,
    ExportImportDevice,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from msrest.exceptions import HttpOperationError
from support import own_address

from twinkle_host.device_certificate import make_certificate
from twinkle_host.waiting import PATIENCE_S

HOST = "contoso.example"  # the hub's own name
KEYS = ("A" * 43 + "=", "B" * 43 + "=")
PRINTS = ("A" * 40, "B" * 40)


@pytest.fixture
def connected(hub):
    """A function that connects an IoTHubModuleClient: ``connected(how to make it, its arguments)``."""
    clients = []

    def connect(create, *arguments, **named):
        with open(hub.info["caFile"]) as file:
            named |= {"server_verification_cert": file.read(), "connection_retry": False}
        client = create(*arguments, **named)
        clients.append(client)
        client.connect()
        return client

    yield connect
    for client in clients:
        client.shutdown()


@pytest.fixture
def module(hub, service, device_id, connected):
    """A function that makes a connected IoTHubModuleClient of a module of this test's device."""

    def make(module_id="m"):
        service.create_module_with_sas(device_id, module_id, "", None, None)
        text = hub.call("connection_string", device_id, module_id)
        return connected(
            IoTHubModuleClient.create_from_connection_string, f"{text};GatewayHostName={own_address()}"
        )

    return make


def test_identities_are_made_in_each_way_read_changed_and_removed(service, device_id):
    """IoTHubRegistryManager: all the methods on modules' identities."""
    made = service.create_module_with_sas(device_id, "sas", "me", *KEYS)
    assert (made.device_id, made.module_id, made.managed_by) == (device_id, "sas", "me")
    assert made.authentication.symmetric_key.primary_key == KEYS[0]
    service.create_module_with_x509(device_id, "x509", "", *PRINTS)
    service.create_module_with_certificate_authority(device_id, "ca", "")
    kinds = {found.module_id: found.authentication.type for found in service.get_modules(device_id)}
    assert kinds == {"sas": "sas", "x509": "selfSigned", "ca": "certificateAuthority"}

    changed = service.update_module_with_sas(device_id, "sas", "you", made.etag, *reversed(KEYS))
    assert changed.authentication.symmetric_key.primary_key == KEYS[1]
    with pytest.raises(HttpOperationError) as refusal:
        service.update_module_with_sas(device_id, "sas", "you", made.etag, *KEYS)
    assert refusal.value.response.status_code == 412
    changed = service.update_module_with_x509(device_id, "sas", "you", changed.etag, *PRINTS)
    service.update_module_with_certificate_authority(device_id, "sas", "you", changed.etag)
    assert service.get_module(device_id, "sas").authentication.type == "certificateAuthority"

    service.delete_module(device_id, "sas", service.get_module(device_id, "sas").etag)
    with pytest.raises(HttpOperationError) as refusal:
        service.get_module(device_id, "sas")
    assert refusal.value.response.headers["iothub-errorcode"] == "ModuleNotFound"


@pytest.mark.parametrize("kind", ["its own", "an authority's"])
def test_a_module_shows_a_certificate(service, connected, hub, tmp_path, kind):
    """azure-docs, module-twins-portal-dotnet.md: "the module's certificate must have its common name (CN) formatted
    like CN=<deviceid>/<moduleid>"; one that is registered by its thumbprint may have any."""
    device_id, folder = f"certified-{len(kind)}", tmp_path / "certificate"  # a common name has 64 characters
    hub.add(device_id)
    if kind == "its own":
        prints = [make_certificate(folder, "any name")] * 2
        service.create_module_with_x509(device_id, "m", "", *prints)
    else:
        authority = Authority()
        authority.issue(folder, f"{device_id}/m")
        hub.call("authorities.add", "modules", authority.pem)
        service.create_module_with_certificate_authority(device_id, "m", "")
    proof = X509(str(folder / "device.pem"), str(folder / "device.key"))
    client = connected(
        IoTHubModuleClient.create_from_x509_certificate,
        proof,
        HOST,
        device_id,
        "m",
        gateway_hostname=own_address(),
    )
    client.send_message("hello")
    event = hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    assert event["moduleId"] == "m"
    assert "x509" in event["systemProperties"]["iothub-connection-auth-method"]


def test_a_deleted_device_takes_its_connected_modules_with_it(service, module, device_id):
    """azure-docs, iot-hub-devguide-module-twins.md: a module identity is under a device identity, its twin
    deleted with it."""
    left = threading.Event()
    client = module()
    client.on_connection_state_change = lambda: client.connected or left.set()
    service.delete_device(device_id)
    assert left.wait(PATIENCE_S)
    for read in (service.get_module, service.get_module_twin):
        with pytest.raises(HttpOperationError) as refusal:
            read(device_id, "m")
        assert refusal.value.response.headers["iothub-errorcode"] == "DeviceNotFound"
    text = f"SELECT * FROM devices.modules WHERE deviceId = '{device_id}'"
    assert service.query_iot_hub(QuerySpecification(query=text)).items == []


def test_a_module_is_told_of_its_twin_and_answers_methods(service, module, device_id, hub):
    client, patches = module(), queue.Queue()
    client.on_twin_desired_properties_patch_received = patches.put
    written = service.update_module_twin(device_id, "m", Twin(properties=TwinProperties(desired={"a": 1})))
    assert patches.get(timeout=PATIENCE_S) == {"a": 1, "$version": 2}
    client.patch_twin_reported_properties({"seen": 1})
    assert client.get_twin()["desired"]["a"] == 1
    assert service.get_module_twin(device_id, "m").properties.reported["seen"] == 1
    service.replace_module_twin(
        device_id, "m", Twin(tags={"t": 1}, properties=TwinProperties(desired={})), written.etag
    )
    assert patches.get(timeout=PATIENCE_S)["a"] is None

    def answer(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, request.payload))

    client.on_method_request_received = answer
    call = CloudToDeviceMethod(method_name="echo", payload={"x": 1})
    assert service.invoke_device_module_method(device_id, "m", call).payload == {"x": 1}

    text = f"SELECT * FROM devices.modules WHERE deviceId = '{device_id}' AND tags.t = 1"
    (row,) = service.query_iot_hub(QuerySpecification(query=text)).items
    assert (row.device_id, row.module_id) == (device_id, "m")


def test_a_modules_messages_are_its_own(module, hub, device_id):
    client = module()
    message = Message('{"a": 1}', content_type="application/json", content_encoding="utf-8")
    message.custom_properties["p"] = "q"
    client.send_message_to_output(message, "out")
    event = hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    assert event["moduleId"] == "m" and event["body"] == {"a": 1}
    assert event["systemProperties"]["iothub-outputname"] == "out"
    assert event["systemProperties"]["iothub-connection-module-id"] == "m"


def test_a_program_that_wants_inputs_is_not_sent_away(module, hub, device_id):
    client = module()
    client.on_message_received = print
    client.send_message("still here")
    hub.event("Telemetry", lambda event: event["deviceId"] == device_id)


def test_modules_in_bulk(service, device_id):
    entry = ExportImportDevice(id=device_id, module_id="bulk", import_mode="create", tags={"floor": 1})
    assert service.bulk_create_or_update_devices([entry]).is_successful
    assert service.get_module_twin(device_id, "bulk").tags == {"floor": 1}
    entry.import_mode = "delete"
    assert service.bulk_create_or_update_devices([entry]).is_successful
    assert service.get_modules(device_id) == []
