"""Calls of azure-iot-device's IoTHubModuleClient and ProvisioningDeviceClient."""

import asyncio
import os
from typing import Any
from unittest import mock

from azure.iot.device import X509
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties

from .devices import MODULE, Client, answering, do, module_string
from .rows import aside
from .world import World


class Module(Client):
    """IoTHubModuleClient."""

    def service(self) -> IoTHubRegistryManager:
        """The service's side of it."""
        return IoTHubRegistryManager.from_connection_string(self.world.service)

    def identity(self) -> tuple[str, str]:
        """A new module's device and the module's connection string."""
        name = self.world.device()
        self.service().create_module_with_sas(name, MODULE, "", None, None)
        return name, module_string(self.world, name, MODULE)

    def patch(self, name: str) -> None:
        """Change what is desired of it."""
        change = Twin(properties=TwinProperties(desired={"level": 3}))
        self.service().update_module_twin(name, MODULE, change)

    def invoke(self, name: str, done: Any) -> None:
        """Call a method of it, as a service does."""

        def call():
            asked = CloudToDeviceMethod(method_name="blink")
            done(self.service().invoke_device_module_method(name, MODULE, asked))

        self._calling = asyncio.ensure_future(aside(call))
        self._calling.add_done_callback(lambda task: task.cancelled() or task.exception())

    def drop(self, name: str) -> None:
        """End its connection."""
        self.service().delete_module(name, MODULE)

    async def create_from_x509_certificate(self):
        name = self.world.device()
        own, folder = self.world.certified(name)
        self.service().create_module_with_x509(name, MODULE, "", own, own)
        return await self.proved(
            self.kind.create_from_x509_certificate(
                X509(str(folder / "device.pem"), str(folder / "device.key")),
                self.world.address,
                name,
                MODULE,
                **self.options(),
            )
        )

    async def edge_client(self) -> Any:
        """A client made from the variables that Visual Studio sets for a module under development."""
        _, text = await aside(self.identity)
        edge = {
            "EdgeHubConnectionString": f"{text};GatewayHostName={self.world.address}",
            "EdgeModuleCACertificateFile": str(self.world.hub.info["caFile"]),
        }
        with mock.patch.dict(os.environ, edge):
            return self.kind.create_from_edge_environment(connection_retry=False, **self.how)

    async def create_from_edge_environment(self):
        return await self.proved(await self.edge_client())

    async def invoke_method(self):
        name = self.world.device()
        client = self.kept(await self.edge_client())
        with answering(self.world, name):
            return (await do(client.invoke_method, {"methodName": "blink"}, name))["status"] == 200

    async def send_message_to_output(self):
        name, client = await self.client()
        await do(client.send_message_to_output, "hello", "alarms")
        return await self.heard(name)

    async def receive_message_on_input(self):
        """Only IoT Edge's hub sends to inputs: that it is subscribed to is all there is to see."""
        _, client = await self.client()
        await self.subscribed(client, "input")
        return client.connected

    async def on_message_received(self):
        """Likewise."""
        _, client = await self.client()
        client.on_message_received = lambda message: None
        await do(client.get_twin)
        return client.connected


class Provisioning:
    """ProvisioningDeviceClient."""

    def __init__(self, kind: type, world: World, how: dict[str, Any]):
        self.kind, self.world = kind, world
        self.options = {"server_verification_cert": world.ca, **how}

    async def leave(self) -> None:
        """It has no connection when a call has ended."""

    def client(self, name: str = "") -> Any:
        """That of a new enrolment with a key."""
        name = name or self.world.name("registration")
        key = self.world.hub.enrol(name)
        return self.kind.create_from_symmetric_key(
            self.world.address,
            name,
            self.world.hub.info["idScope"],
            key,
            **self.options,
        )

    async def register(self):
        name = self.world.name("registration")
        result = await do(self.client(name).register)
        return result.status == "assigned" and result.registration_state.device_id == name

    create_from_symmetric_key = register

    async def create_from_x509_certificate(self):
        name = self.world.name("certified")
        _, folder = self.world.certified(name)
        self.world.hub.enrol(name, certificate=(folder / "device.pem").read_text())
        client = self.kind.create_from_x509_certificate(
            self.world.address,
            name,
            self.world.hub.info["idScope"],
            X509(str(folder / "device.pem"), str(folder / "device.key")),
            **self.options,
        )
        return (await do(client.register)).status == "assigned"

    async def provisioning_payload(self):
        client = self.client()
        client.provisioning_payload = {"modelId": "dtmi:com:example:Lamp;1"}
        return (await do(client.register)).status == "assigned"
