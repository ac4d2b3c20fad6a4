"""Calls of azure-iot-hub's IoTHubHttpRuntimeManager and DigitalTwinClient, likewise."""

from azure.iot import hub as azure

from .devices import MODEL, answering
from .service import Credential
from .world import World


class Runtime:
    """IoTHubHttpRuntimeManager."""

    def __init__(self, world: World):
        self.world = world
        self.it = azure.IoTHubHttpRuntimeManager.from_connection_string(world.service)

    def from_connection_string(self):
        made = azure.IoTHubHttpRuntimeManager.from_connection_string(self.world.service)
        made.receive_feedback_notification()
        return True

    def from_token_credential(self):
        host = self.world.service.partition("HostName=")[2].partition(";")[0]
        azure.IoTHubHttpRuntimeManager.from_token_credential(
            host, Credential()
        ).receive_feedback_notification()
        return True

    def receive_feedback_notification(self):
        self.it.receive_feedback_notification()
        return True

    def complete_feedback_notification(self):
        self.it.complete_feedback_notification("token")
        return True

    def abandon_feedback_notification(self):
        self.it.abandon_feedback_notification("token")
        return True


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
