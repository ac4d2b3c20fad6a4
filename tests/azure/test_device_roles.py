"""X.2: the tutorials' device roles, played by azure-iot-device, unmodified, against the local hub."""

import json
import queue
import threading

import pytest
from azure.iot.device import Message, MethodResponse
from azure.iot.hub import DigitalTwinClient
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties
from support import own_address

from twinkle_host.waiting import PATIENCE_S, eventually

HOST = "contoso.example"
ACK = "Successfully executed patch"
WAITS = (3, PATIENCE_S)  # of a command, in seconds: for a device that is not there, and for its answer


@pytest.fixture
def device_id(request):
    return request.node.name


@pytest.fixture
def digital(hub, service):
    """DigitalTwinClient."""
    text = hub.info["serviceConnectionString"].replace(HOST, own_address())
    return DigitalTwinClient.from_connection_string(text)


def desired(**members):
    return Twin(properties=TwinProperties(desired=members))


def reported(service, device_id):
    return service.get_twin(device_id).properties.reported


def patches_of(client):
    """A queue of the desired patches that come."""
    came = queue.Queue()
    client.on_twin_desired_properties_patch_received = came.put
    return came


def test_x_2_the_twin_tutorials_device(service, device, device_id):
    client = device(device_id)
    patches = patches_of(client)
    assert client.get_twin()["desired"] == {"$version": 1}
    unknown = dict.fromkeys(("lastPatchReceivedId", "fanOn", "minTemperature", "maxTemperature"), "{unknown}")
    client.patch_twin_reported_properties({"firmwareVersion": "1.2.1", **unknown})
    climate = {"minTemperature": "68", "maxTemperature": "76"}
    twin = service.update_twin(
        device_id, desired(patchId="Init", fanOn="false", components={"climate": climate})
    )
    assert patches.get(timeout=PATIENCE_S) == {
        "patchId": "Init",
        "fanOn": "false",
        "components": {"climate": climate},
        "$version": 2,
    }
    client.patch_twin_reported_properties({"lastPatchReceivedId": "Init", "fanOn": "false", **climate})
    # The report moved nothing that the service's etag guards.
    twin = service.update_twin(device_id, desired(components={"wifi": None}), twin.etag)
    service.replace_twin(device_id, desired(), twin.etag)
    assert patches.get(timeout=PATIENCE_S) == {
        "patchId": None,
        "fanOn": None,
        "components": None,
        "$version": 3,
    }
    assert reported(service, device_id)["maxTemperature"] == "76"


def test_x_2_the_configuration_tutorials_device(service, device, device_id):
    client = device(device_id)
    patches = patches_of(client)
    client.patch_twin_reported_properties({"configId": 1, "sendFrequency": "24h"})
    service.update_twin(device_id, desired(configId=3, sendFrequency="5m"))
    patch = patches.get(timeout=PATIENCE_S)
    assert patch == {"configId": 3, "sendFrequency": "5m", "$version": 2}
    pending = {"configId": 3, "sendFrequency": "5m"}
    client.patch_twin_reported_properties({"status": "Pending", "pendingConfig": pending})
    client.patch_twin_reported_properties({**pending, "status": "Success", "pendingConfig": None})
    twin = reported(service, device_id)
    assert (twin["configId"], twin["status"], "pendingConfig" in twin) == (3, "Success", False)


def test_x_2_the_plug_and_play_controller(hub, service, digital, device, device_id):
    client = device(device_id, product_info="dtmi:com:example:TemperatureController;1")
    patches = patches_of(client)

    def answer(request):
        payload = {"name": request.name, "since": request.payload}
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, payload))

    client.on_method_request_received = answer
    client.patch_twin_reported_properties({"serialNumber": "alwin"})
    digital.update_digital_twin(
        device_id, [{"op": "add", "path": "/thermostat1/targetTemperature", "value": 42}]
    )
    patch = patches.get(timeout=PATIENCE_S)
    assert patch == {"thermostat1": {"__t": "c", "targetTemperature": 42}, "$version": 2}
    ack = {"value": 42, "ac": 200, "av": patch["$version"], "ad": ACK}
    client.patch_twin_reported_properties({"thermostat1": {"__t": "c", "targetTemperature": ack}})
    twin = digital.get_digital_twin(device_id)
    assert (twin["serialNumber"], twin["thermostat1"]["targetTemperature"]) == ("alwin", 42)
    assert twin["thermostat1"]["$metadata"]["targetTemperature"]["ackVersion"] == 2
    root = digital.invoke_command(device_id, "reboot", 3, *WAITS)
    part = digital.invoke_component_command(device_id, "thermostat1", "getMaxMinReport", "2020-10-21", *WAITS)
    assert root == {"name": "reboot", "since": 3}
    assert part == {"name": "thermostat1*getMaxMinReport", "since": "2020-10-21"}

    message = Message(
        json.dumps({"temperature": 45}), content_encoding="utf-8", content_type="application/json"
    )
    message.custom_properties["$.sub"] = "thermostat1"
    client.send_message(message)
    event = hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    assert event["body"] == {"temperature": 45}
    assert event["systemProperties"]["dt-dataschema"] == "dtmi:com:example:TemperatureController;1"
    assert event["systemProperties"]["dt-subject"] == "thermostat1"


def test_x_2_the_central_sensor(hub, service, device, device_id):
    client = device(device_id)
    patches = patches_of(client)
    client.patch_twin_reported_properties(
        {"state": "true", "processorArchitecture": "ARM", "swVersion": "1.0.0"}
    )
    client.send_message('{"temp": 70, "humid": 50}')
    event = hub.event("Telemetry", lambda event: event["deviceId"] == device_id)
    assert event["body"] == {"temp": 70, "humid": 50} and "content-type" not in event["systemProperties"]

    def answer(request):
        status = 202 if request.name == "rundiagnostics" else 200
        client.send_method_response(MethodResponse.create_from_method_request(request, status, None))
        if status == 202:
            result = {"rundiagnostics": {"value": "Diagnostics run complete."}}
            threading.Thread(target=client.patch_twin_reported_properties, args=(result,)).start()

    client.on_method_request_received = answer
    call = service.invoke_device_method(device_id, CloudToDeviceMethod(method_name="rundiagnostics"))
    assert (call.status, call.payload) == (202, None)
    eventually(lambda: "rundiagnostics" in reported(service, device_id))
    service.update_twin(device_id, desired(name="Contoso", brightness=2))
    version = patches.get(timeout=PATIENCE_S)["$version"]
    for name, value in (("name", "Contoso"), ("brightness", 2)):
        ack = {"value": value, "ad": "completed", "ac": 200, "av": version}
        client.patch_twin_reported_properties({name: ack})
    assert reported(service, device_id)["brightness"]["av"] == version


def test_x_2_the_reboot_device(service, device, device_id):
    client = device(device_id)

    def reboot(request):
        client.patch_twin_reported_properties({"rebootTime": "2026-11-21 08:30:00.123456"})
        answer = {"Response": "This is the response from the device"}
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, answer))

    client.on_method_request_received = reboot
    call = CloudToDeviceMethod(method_name="rebootDevice", payload='{"method_number":"42"}')
    assert service.invoke_device_method(device_id, call).status == 200
    assert "rebootTime" in reported(service, device_id)


def test_two_devices_never_see_each_others_messages(service, device, hub):
    """By trying: each is spoken to in every way there is, and the other hears nothing."""
    heard = {}
    for name in ("neighbour-a", "neighbour-b"):
        client, came = device(name), heard.setdefault(name, queue.Queue())
        client.on_twin_desired_properties_patch_received = came.put
        client.on_message_received = came.put
        client.on_method_request_received = lambda request, client=client, came=came: (
            came.put(request),
            client.send_method_response(MethodResponse.create_from_method_request(request, 200, None)),
        )
    for name, other in (("neighbour-a", "neighbour-b"), ("neighbour-b", "neighbour-a")):
        service.update_twin(name, desired(secret=name))
        service.invoke_device_method(name, CloudToDeviceMethod(method_name="ping"))
        hub.call("send", name, b"hello", {})
        eventually(lambda name=name: heard[name].qsize() == 3)
        assert heard[other].qsize() == (0 if other == "neighbour-b" else 3)
