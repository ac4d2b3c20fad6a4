"""MQTT over WebSocket by azure-iot-device, unmodified (``websockets=True``): devices, modules and provisioning.

It dials port 443; a proxy, which it knows, too, leads it to the hub's.
"""

import asyncio
import queue

import pytest
from azure.iot.device import (
    IoTHubModuleClient,
    Message,
    MethodResponse,
    ProxyOptions,
)
from azure.iot.device.aio import IoTHubDeviceClient as AioClient
from azure.iot.device.exceptions import CredentialError
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties
from https_door import HttpsDoor
from registering import register, report_by_certificate
from support import own_address
from test_cloud_to_device import send

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.rest.websocket import Line
from twinkle_host.waiting import PATIENCE_S, eventually


@pytest.fixture
def door(hub):
    """The proxy's port."""
    with HttpsDoor(own_address(), hub.info["restPort"]) as door:
        yield door.port


@pytest.fixture
def over_websocket(hub, door):
    """The options that make a client come by WebSocket. At the end it is seen that there was such a connection."""
    lines = set()
    begin = hub.server._endpoint.begin

    def told(connection):
        lines.add(type(connection._transport))
        begin(connection)

    hub.server._endpoint.begin = told
    yield {"websockets": True, "proxy_options": ProxyOptions("HTTP", "127.0.0.1", door)}
    del hub.server._endpoint.begin
    assert lines == {Line}


def desired(**members):
    return Twin(properties=TwinProperties(desired=members))


def blink(service, device_id, module=None):
    called = CloudToDeviceMethod(method_name="blink", payload=[1, None])
    if module:
        return service.invoke_device_module_method(device_id, module, called)
    return service.invoke_device_method(device_id, called)


def answer(request):
    return MethodResponse.create_from_method_request(request, 207, {"got": request.payload})


def telemetry(hub, device_id):
    return hub.event("Telemetry", lambda event: event["deviceId"] == device_id)


def test_a_device_is_served_over_websocket(hub, service, device, device_id, over_websocket):
    client = device(text=hub.call("connection_string", device_id), **over_websocket)
    messages, patches = queue.Queue(), queue.Queue()
    client.on_message_received = messages.put
    client.on_twin_desired_properties_patch_received = patches.put
    client.on_method_request_received = lambda request: client.send_method_response(answer(request))
    client.send_message(
        Message('{"temperature": 21}', content_type="application/json", content_encoding="utf-8")
    )
    assert telemetry(hub, device_id)["body"] == {"temperature": 21}
    client.send_message(Message("x" * 200_000))
    assert telemetry(hub, device_id)["body"] == "x" * 200_000
    client.patch_twin_reported_properties({"fan": "on"})
    service.update_twin(device_id, desired(text="y" * 4000, list=["z" * 4000] * 5))
    assert patches.get(timeout=PATIENCE_S)["list"] == ["z" * 4000] * 5
    twin = client.get_twin()
    assert twin["reported"]["fan"] == "on" and twin["desired"]["text"] == "y" * 4000
    assert (blink(service, device_id).status, blink(service, device_id).payload) == (207, {"got": [1, None]})
    assert send(hub, device_id, "on", level="3") == "sent"
    message = messages.get(timeout=PATIENCE_S)
    assert (message.data, message.custom_properties["level"]) == (b"on", "3")


def test_a_device_on_asyncio_is_served_over_websocket(hub, service, device_id, over_websocket):
    text = f"{hub.call('connection_string', device_id)};GatewayHostName={own_address()}"
    with open(hub.info["caFile"]) as file:
        client = AioClient.create_from_connection_string(
            text, server_verification_cert=file.read(), connection_retry=False, **over_websocket
        )

    async def live():
        patches, messages = queue.Queue(), queue.Queue()  # handlers run in a loop of the SDK's own
        client.on_twin_desired_properties_patch_received = patches.put
        client.on_message_received = messages.put

        async def reply(request):
            await client.send_method_response(answer(request))

        client.on_method_request_received = reply
        await client.connect()
        await client.send_message(Message("hello"))
        await client.patch_twin_reported_properties({"fan": "on"})
        await asyncio.to_thread(service.update_twin, device_id, desired(level=3))
        assert (await asyncio.to_thread(patches.get, timeout=PATIENCE_S))["level"] == 3
        assert (await client.get_twin())["reported"]["fan"] == "on"
        assert (await asyncio.to_thread(blink, service, device_id)).payload == {"got": [1, None]}
        assert await asyncio.to_thread(send, hub, device_id, "on") == "sent"
        assert (await asyncio.to_thread(messages.get, timeout=PATIENCE_S)).data == b"on"
        await client.shutdown()

    asyncio.run(live())
    assert telemetry(hub, device_id)["body"] == "hello"


def test_a_module_is_served_over_websocket(hub, service, device_id, over_websocket):
    made = service.create_module_with_sas(device_id, "part", "", None, None)
    key = made.authentication.symmetric_key.primary_key
    with open(hub.info["caFile"]) as file:
        client = IoTHubModuleClient.create_from_connection_string(
            f"HostName=contoso.example;DeviceId={device_id};ModuleId=part;SharedAccessKey={key};"
            f"GatewayHostName={own_address()}",
            server_verification_cert=file.read(),
            connection_retry=False,
            **over_websocket,
        )
    try:
        client.connect()
        client.on_method_request_received = lambda request: client.send_method_response(answer(request))
        client.send_message("hello")
        assert telemetry(hub, device_id)["moduleId"] == "part"
        assert blink(service, device_id, "part").status == 207
    finally:
        client.shutdown()


def test_a_connection_that_was_lost_is_made_again(hub, device, device_id, over_websocket):
    client = device(text=hub.call("connection_string", device_id), **over_websocket)
    client.send_message("one")
    telemetry(hub, device_id)
    hub.drop(device_id)
    eventually(lambda: not client.connected)
    client.send_message("two")
    assert telemetry(hub, device_id)["body"] == "two"


def test_a_wrong_key_is_refused_over_websocket(hub, device, device_id, over_websocket):
    text, _, _ = hub.call("connection_string", device_id).partition("SharedAccessKey=")
    with pytest.raises(CredentialError):
        device(text=f"{text}SharedAccessKey=d3Jvbmc=", **over_websocket)


def test_a_device_is_assigned_over_websocket_and_connects(hub, device, over_websocket, door):
    key = hub.enrol("websocket-1")
    result = register(hub, "websocket-1", key, door)
    assert result == {"status": "assigned", "hub": "contoso.example", "deviceId": "websocket-1"}
    text = f"HostName={result['hub']};DeviceId={result['deviceId']};SharedAccessKey={key}"
    assert device(text=text, **over_websocket).get_twin()["desired"]["$version"] == 1


def test_a_device_is_assigned_by_its_certificate_and_connects_with_it(hub, over_websocket, door, tmp_path):
    make_certificate(tmp_path / "own", "websocket-2")
    hub.enrol("websocket-2", certificate=(tmp_path / "own" / "device.pem").read_text())
    result = register(hub, "websocket-2", str(tmp_path / "own"), door)
    assert result == {"status": "assigned", "hub": "contoso.example", "deviceId": "websocket-2"}
    report_by_certificate(hub, tmp_path / "own", "websocket-2", {"certified": True}, **over_websocket)
    assert hub.reported("websocket-2") == {"certified": True}
