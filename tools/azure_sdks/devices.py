"""Calls of azure-iot-device: the sync and the aio clients have the same methods, and are asked the same."""

import asyncio
import contextlib
import inspect
import time
from collections.abc import Iterator
from typing import Any

from azure.iot import device as sync
from azure.iot.device import X509, Message, MethodResponse, aio
from azure.iot.hub.sastoken import SasToken

from twinkle_host.waiting import PATIENCE_S

from .rows import aside
from .world import World

MODEL = "dtmi:com:example:Lamp;1"
MODULE = "part"
CLASSES = {
    flavour: (library.IoTHubDeviceClient, library.IoTHubModuleClient, library.ProvisioningDeviceClient)
    for flavour, library in (("sync", sync), ("aio", aio))
}
RENEWAL_MARGIN_S = 120  # before its end a token is renewed, or a new one asked for
PREPARED_S = 10  # to make a client in, and to tell it who is to be asked


async def do(function: Any, *arguments: Any, **options: Any) -> Any:
    """Call a method of either kind without holding up the others."""
    answer = await aside(function, *arguments, **options)
    return await answer if inspect.isawaitable(answer) else answer


@contextlib.contextmanager
def answering(world: World, device_id: str, module: str | None = None, model: str = "") -> Iterator[str]:
    """A device, or a module of it, that is connected and answers every method with 200."""
    text = module_string(world, device_id, module) if module else world.string(device_id)
    kind = sync.IoTHubModuleClient if module else sync.IoTHubDeviceClient
    product = {"product_info": model} if model else {}  # that begins with dtmi: is a model's id
    client = kind.create_from_connection_string(
        text, server_verification_cert=world.ca, connection_retry=False, **product
    )

    def answer(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, {"done": True}))

    client.on_method_request_received = answer
    try:
        client.connect()
        yield device_id
    finally:
        client.shutdown()


def module_string(world: World, device_id: str, module: str) -> str:
    """A module's connection string, from its identity as azure-iot-hub reads it."""
    from azure.iot.hub import IoTHubRegistryManager

    known = IoTHubRegistryManager.from_connection_string(world.service).get_module(device_id, module)
    key = known.authentication.symmetric_key.primary_key
    return f"HostName={world.address};DeviceId={device_id};ModuleId={module};SharedAccessKey={key}"


class Client:
    """What IoTHubDeviceClient and IoTHubModuleClient have in common; each call has a client of its own.

    ``how``: options of theirs that say how they come to the hub.
    """

    kind: type
    world: World

    def __init__(self, kind: type, world: World, how: dict[str, Any]):
        self.kind, self.world, self.how = kind, world, how
        self._open: list[Any] = []

    # --- of whom it is

    def identity(self) -> tuple[str, str]:
        """A new device's id and connection string."""
        name = self.world.device()
        return name, self.world.string(name)

    def token(self, text: str, seconds: int = 3600) -> str:
        """A token for what a connection string names."""
        parts = dict(pair.partition("=")[::2] for pair in text.split(";"))
        place = f"{parts['HostName']}/devices/{parts['DeviceId']}"
        if "ModuleId" in parts:
            place += f"/modules/{parts['ModuleId']}"
        return str(SasToken(place, parts["SharedAccessKey"], ttl=seconds))

    def options(self) -> dict[str, Any]:
        """What every way to make a client is given."""
        return {"server_verification_cert": self.world.ca, "connection_retry": False, **self.how}

    def kept(self, client: Any) -> Any:
        """It leaves when the call has been judged."""
        self._open.append(client)
        return client

    async def leave(self) -> None:
        """End the clients that a call has made."""
        while self._open:
            with contextlib.suppress(Exception):
                await do(self._open.pop().shutdown)

    async def client(self, connect: bool = True, **options: Any) -> tuple[str, Any]:
        """A device's id and its client, connected."""
        name, text = await aside(self.identity)
        made = self.kept(self.kind.create_from_connection_string(text, **self.options(), **options))
        if connect:
            await do(made.connect)
        return name, made

    async def proved(self, client: Any) -> bool:
        """Whether a client that was made somehow gets in."""
        self.kept(client)
        await do(client.connect)
        return bool(client.connected)

    async def heard(self, name: str) -> bool:
        """Whether the hub has, or gets, telemetry of this device."""

        def found():
            return any(
                event["source"] == "Telemetry" and event["deviceId"] == name
                for event in list(self.world.told)
            )

        return bool(await self.eventually(found))

    # --- the calls

    async def create_from_connection_string(self):
        return (await self.client())[1].connected

    async def create_from_sastoken(self):
        _, text = await aside(self.identity)
        made = self.kind.create_from_sastoken(self.token(text), **self.options())
        return await self.proved(made)

    async def connect(self):
        return (await self.client())[1].connected

    connected = connect

    async def disconnect(self):
        _, client = await self.client()
        await do(client.disconnect)
        return not client.connected

    async def shutdown(self):
        _, client = await self.client()
        await do(client.shutdown)
        return not client.connected

    async def send_message(self):
        name, client = await self.client()
        await do(client.send_message, Message(f"from {name}"))
        return await self.heard(name)

    async def get_twin(self):
        return (await do((await self.client())[1].get_twin))["desired"]["$version"] == 1

    async def patch_twin_reported_properties(self):
        _, client = await self.client()
        await do(client.patch_twin_reported_properties, {"level": 3})
        return (await do(client.get_twin))["reported"]["level"] == 3

    def patch(self, name: str) -> None:
        """Change what is desired of it."""
        self.world.hub.call("patch_twin", name, {"properties": {"desired": {"level": 3}}})

    async def receive_twin_desired_properties_patch(self):
        name, client = await self.client()
        await self.subscribed(client, "twin_patches")
        self.patch(name)
        return (await do(client.receive_twin_desired_properties_patch))["level"] == 3

    async def subscribed(self, client: Any, feature: str) -> None:
        """Have the client subscribe now: what is sent before that is not kept for it."""
        await do(client._enable_feature, feature)

    def drop(self, name: str) -> None:
        """End its connection."""
        self.world.hub.drop(name)

    def invoke(self, name: str, done: Any) -> None:
        """Call a method of it, as a service does."""
        self.world.hub.call("invoke", name, "blink", None, done=done)

    async def receive_method_request(self):
        name, client = await self.client()
        await self.subscribed(client, "methods")
        self.invoke(name, lambda result: None)
        return (await do(client.receive_method_request)).name == "blink"

    async def send_method_response(self):
        name, client = await self.client()
        await self.subscribed(client, "methods")
        answers: list[Any] = []
        self.invoke(name, answers.append)
        request = await do(client.receive_method_request)
        await do(
            client.send_method_response, MethodResponse.create_from_method_request(request, 200, {"x": 1})
        )
        return await self.eventually(lambda: answers and answers[0].status == 200)

    async def eventually(self, look: Any) -> Any:
        """What ``look()`` finds, if it does in time."""
        end = time.monotonic() + PATIENCE_S
        while not (found := look()) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        return found

    async def update_sastoken(self):
        _, text = await aside(self.identity)
        made = self.kind.create_from_sastoken(self.token(text), **self.options())
        await self.proved(made)
        await do(made.update_sastoken, self.token(text, 7200))
        return (await do(made.get_twin))["desired"]["$version"] == 1

    # --- handlers

    async def on_connection_state_change(self):
        _, client = await self.client(connect=False)
        seen: list[bool] = []
        client.on_connection_state_change = lambda: seen.append(True)
        await do(client.connect)
        return await self.eventually(lambda: seen)

    async def on_new_sastoken_required(self):
        _, text = await aside(self.identity)
        soon = self.token(text, RENEWAL_MARGIN_S + PREPARED_S)
        made = self.kind.create_from_sastoken(soon, **self.options())
        seen: list[bool] = []
        made.on_new_sastoken_required = lambda: seen.append(True)
        await self.proved(made)
        return await self.eventually(lambda: seen)

    async def on_background_exception(self):
        name, client = await self.client()
        seen: list[Exception] = []
        client.on_background_exception = seen.append
        await aside(self.drop, name)
        return await self.eventually(lambda: seen)

    async def on_method_request_received(self):
        name, client = await self.client()
        seen: list[Any] = []
        client.on_method_request_received = seen.append
        await do(client.get_twin)  # what is subscribed to first is there by then
        self.invoke(name, lambda result: None)
        return await self.eventually(lambda: seen)

    async def on_twin_desired_properties_patch_received(self):
        name, client = await self.client()
        seen: list[Any] = []
        client.on_twin_desired_properties_patch_received = seen.append
        await do(client.get_twin)
        self.patch(name)
        return await self.eventually(lambda: seen)


class Device(Client):
    """IoTHubDeviceClient."""

    async def create_from_symmetric_key(self):
        name, text = self.identity()
        key = text.partition("SharedAccessKey=")[2].partition(";")[0]
        return await self.proved(
            self.kind.create_from_symmetric_key(key, self.world.address, name, **self.options())
        )

    async def create_from_x509_certificate(self):
        name = self.world.name("x509")
        own, folder = self.world.certified(name)
        proof = {
            "type": "selfSigned",
            "x509Thumbprint": {"primaryThumbprint": own, "secondaryThumbprint": own},
        }
        self.world.hub.call("create_device", name, {"authentication": proof})
        return await self.proved(
            self.kind.create_from_x509_certificate(
                X509(str(folder / "device.pem"), str(folder / "device.key")),
                self.world.address,
                name,
                **self.options(),
            )
        )

    async def receive_message(self):
        name, client = await self.client()
        self.world.hub.call("send", name, b"hello")
        return (await do(client.receive_message)).data == b"hello"

    async def on_message_received(self):
        name, client = await self.client()
        seen: list[Any] = []
        client.on_message_received = seen.append
        self.world.hub.call("send", name, b"hello")
        return await self.eventually(lambda: seen)

    async def get_storage_info_for_blob(self):
        return (await do((await self.client())[1].get_storage_info_for_blob, "log.txt"))["sasToken"]

    async def notify_blob_upload_status(self):
        _, client = await self.client()
        info = await do(client.get_storage_info_for_blob, "log.txt")
        await do(client.notify_blob_upload_status, info["correlationId"], True, 200, "done")
        return True
