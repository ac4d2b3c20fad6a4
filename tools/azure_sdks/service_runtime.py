"""Calls of azure-iot-hub's IoTHubHttpRuntimeManager and DigitalTwinClient, likewise."""

import threading

from azure.iot import hub as azure
from azure.iot.device import IoTHubDeviceClient

from twinkle_host.waiting import PATIENCE_S

from .devices import MODEL, answering
from .service import Credential, awaited
from .world import World


class Runtime:
    """IoTHubHttpRuntimeManager."""

    def __init__(self, world: World):
        self.world = world
        self.it = azure.IoTHubHttpRuntimeManager.from_connection_string(world.service)
        self._alone = threading.Lock()  # all of them receive from one queue

    def from_connection_string(self):
        made = azure.IoTHubHttpRuntimeManager.from_connection_string(self.world.service)
        with self._alone:
            made.receive_feedback_notification()
        return True

    def _locked(self):
        """The lock token of what was received, which the method itself does not pass on."""
        answer = self.it.protocol.cloud_to_device_messages.receive_feedback_notification(raw=True)
        return answer.response.headers.get("ETag", "").strip('"')

    def _feedback(self):
        """That of a message that a device has just completed."""
        name = self.world.device()
        self.world.hub.call("send", name, b"hello", {"$.mid": name, "iothub-ack": "full"})
        client = IoTHubDeviceClient.create_from_connection_string(
            self.world.string(name), server_verification_cert=self.world.ca
        )
        try:
            client.receive_message(timeout=PATIENCE_S)
            # The message is given away before it is acknowledged.
            awaited(lambda: not self.world.hub.call("get_device", name)["cloudToDeviceMessageCount"])
        finally:
            client.shutdown()
        return awaited(self._locked)

    def from_token_credential(self):
        host = self.world.service.partition("HostName=")[2].partition(";")[0]
        azure.IoTHubHttpRuntimeManager.from_token_credential(
            host, Credential()
        ).receive_feedback_notification()
        return True

    def receive_feedback_notification(self):
        with self._alone:
            self.it.receive_feedback_notification()
        return True

    def complete_feedback_notification(self):
        with self._alone:
            self.it.complete_feedback_notification(self._feedback())
            return not self._locked()

    def abandon_feedback_notification(self):
        with self._alone:
            self.it.abandon_feedback_notification(self._feedback())
            again = self._locked()
            self.it.complete_feedback_notification(again)
        return again


class DigitalTwins:
    """DigitalTwinClient."""

    def __init__(self, world: World):
        self.world = world
        self.it = azure.DigitalTwinClient.from_connection_string(world.service)

    def from_connection_string(self):
        made = azure.DigitalTwinClient.from_connection_string(self.world.service)
        return made.get_digital_twin(self.world.device())

    def from_token_credential(self):
        host = self.world.service.partition("HostName=")[2].partition(";")[0]
        made = azure.DigitalTwinClient.from_token_credential(host, Credential())
        return made.get_digital_twin(self.world.device())

    def get_digital_twin(self):
        with answering(self.world, self.world.device(), model=MODEL) as name:
            return self.it.get_digital_twin(name)["$metadata"]["$model"] == MODEL

    def update_digital_twin(self):
        name = self.world.device()
        self.it.update_digital_twin(name, [{"op": "add", "path": "/level", "value": 3}])
        return self.it.get_digital_twin(name)["$metadata"]["level"]["desiredValue"] == 3

    def invoke_command(self):
        with answering(self.world, self.world.device(), model=MODEL) as name:
            return self.it.invoke_command(name, "blink", "now") is not None

    def invoke_component_command(self):
        with answering(self.world, self.world.device(), model=MODEL) as name:
            return self.it.invoke_component_command(name, "lamp", "blink", "now") is not None
