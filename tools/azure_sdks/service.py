"""Calls of azure-iot-hub: one for each public method, each with what proves that it has done it."""

import datetime
import time
from collections.abc import Callable
from typing import Any

from azure.core.credentials import AccessToken
from azure.iot import hub as azure
from azure.iot.hub.models import (
    CloudToDeviceMethod,
    Configuration,
    ConfigurationContent,
    ConfigurationQueriesTestInput,
    ExportImportDevice,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from azure.iot.hub.protocol.models import AuthenticationMechanism, JobProperties, JobRequest, SymmetricKey

from twinkle_host.waiting import PATIENCE_S

from .devices import answering
from .world import World

CLASSES = (
    azure.IoTHubRegistryManager,
    azure.IoTHubJobManager,
    azure.IoTHubConfigurationManager,
    azure.IoTHubHttpRuntimeManager,
    azure.DigitalTwinClient,
)
KEYS = ("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYyE=", "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYzI=")
PRINTS = ("A" * 64, "B" * 64)
MODULE = "part"


class Credential:
    """What azure-identity gives, without a tenant behind it."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """A token that no hub of this project can check."""
        return AccessToken("eyJhbGciOiJub25lIn0.e30.", int(time.time()) + 3600)


def desired(**members: Any) -> Twin:
    """A patch of desired properties."""
    return Twin(properties=TwinProperties(desired=members))


def awaited(look: Callable[[], Any]) -> Any:
    """What ``look()`` finds, if it does in time."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


class Registry:
    """IoTHubRegistryManager."""

    def __init__(self, world: World):
        self.world = world
        self.it = azure.IoTHubRegistryManager.from_connection_string(world.service)

    def from_connection_string(self):
        return azure.IoTHubRegistryManager.from_connection_string(self.world.service).get_service_statistics()

    def from_token_credential(self):
        host = self.world.service.partition("HostName=")[2].partition(";")[0]
        return azure.IoTHubRegistryManager.from_token_credential(host, Credential()).get_service_statistics()

    def create_device_with_sas(self):
        made = self.it.create_device_with_sas(self.world.name("sas"), *KEYS, "enabled")
        return made.authentication.symmetric_key.primary_key == KEYS[0]

    def create_device_with_x509(self):
        made = self.it.create_device_with_x509(self.world.name("x509"), *PRINTS, "enabled")
        return made.authentication.x509_thumbprint.primary_thumbprint == PRINTS[0]

    def create_device_with_certificate_authority(self):
        made = self.it.create_device_with_certificate_authority(self.world.name("ca"), "enabled")
        return made.authentication.type == "certificateAuthority"

    def update_device_with_sas(self):
        made = self.it.create_device_with_sas(self.world.name("sas"), *KEYS, "enabled")
        return (
            self.it.update_device_with_sas(made.device_id, made.etag, *KEYS, "disabled").status == "disabled"
        )

    def update_device_with_x509(self):
        made = self.it.create_device_with_x509(self.world.name("x509"), *PRINTS, "enabled")
        changed = self.it.update_device_with_x509(made.device_id, made.etag, *reversed(PRINTS), "enabled")
        return changed.authentication.x509_thumbprint.primary_thumbprint == PRINTS[1]

    def update_device_with_certificate_authority(self):
        made = self.it.create_device_with_certificate_authority(self.world.name("ca"), "enabled")
        changed = self.it.update_device_with_certificate_authority(made.device_id, made.etag, "disabled")
        return changed.status == "disabled"

    def get_device(self):
        name = self.world.device()
        return self.it.get_device(name).device_id == name

    def get_devices(self):
        name = self.world.device()
        return name in [device.device_id for device in self.it.get_devices(1000)]

    def delete_device(self):
        self.it.delete_device(name := self.world.device())
        return name not in [device.device_id for device in self.it.get_devices(1000)]

    def get_device_registry_statistics(self):
        self.world.device()
        return self.it.get_device_registry_statistics().total_device_count > 0

    def get_service_statistics(self):
        return self.it.get_service_statistics().connected_device_count is not None

    def bulk_create_or_update_devices(self):
        key = AuthenticationMechanism(
            type="sas", symmetric_key=SymmetricKey(primary_key=KEYS[0], secondary_key=KEYS[1])
        )
        device = ExportImportDevice(id=self.world.name("bulk"), status="enabled", authentication=key)
        device.import_mode = "create"
        return self.it.bulk_create_or_update_devices([device]).is_successful

    def query_iot_hub(self):
        name = self.world.device()
        text = f"SELECT * FROM devices WHERE deviceId = '{name}'"
        return [item.device_id for item in self.it.query_iot_hub(QuerySpecification(query=text)).items] == [
            name
        ]

    def get_twin(self):
        name = self.world.device()
        return self.it.get_twin(name).device_id == name

    def update_twin(self):
        name = self.world.device()
        return self.it.update_twin(name, desired(level=3)).properties.desired["level"] == 3

    def replace_twin(self):
        name = self.world.device()
        self.it.update_twin(name, desired(level=3))
        return "level" not in self.it.replace_twin(name, desired(other=1)).properties.desired

    def invoke_device_method(self):
        with answering(self.world, self.world.device()) as name:
            return self.it.invoke_device_method(name, CloudToDeviceMethod(method_name="blink")).status == 200

    def send_c2d_message(self):
        name = self.world.device()
        self.it.send_c2d_message(name, "hello", {"level": "3"})
        return self.it.get_device(name).cloud_to_device_message_count == 1

    # --- modules

    def _module(self):
        return self.it.create_module_with_sas(self.world.device(), MODULE, "", *KEYS)

    def create_module_with_sas(self):
        return self._module().module_id == MODULE

    def create_module_with_x509(self):
        return self.it.create_module_with_x509(self.world.device(), MODULE, "", *PRINTS).module_id == MODULE

    def create_module_with_certificate_authority(self):
        made = self.it.create_module_with_certificate_authority(self.world.device(), MODULE, "")
        return made.authentication.type == "certificateAuthority"

    def update_module_with_sas(self):
        made = self._module()
        changed = self.it.update_module_with_sas(made.device_id, MODULE, "me", made.etag, *reversed(KEYS))
        return changed.authentication.symmetric_key.primary_key == KEYS[1]

    def update_module_with_x509(self):
        made = self._module()
        changed = self.it.update_module_with_x509(made.device_id, MODULE, "me", made.etag, *PRINTS)
        return changed.authentication.x509_thumbprint.primary_thumbprint == PRINTS[0]

    def update_module_with_certificate_authority(self):
        made = self._module()
        changed = self.it.update_module_with_certificate_authority(made.device_id, MODULE, "me", made.etag)
        return changed.authentication.type == "certificateAuthority"

    def get_module(self):
        return self.it.get_module(self._module().device_id, MODULE).module_id == MODULE

    def get_modules(self):
        return [module.module_id for module in self.it.get_modules(self._module().device_id)] == [MODULE]

    def delete_module(self):
        name = self._module().device_id
        self.it.delete_module(name, MODULE)
        return self.it.get_modules(name) == []

    def get_module_twin(self):
        return self.it.get_module_twin(self._module().device_id, MODULE).module_id == MODULE

    def update_module_twin(self):
        changed = self.it.update_module_twin(self._module().device_id, MODULE, desired(level=3))
        return changed.properties.desired["level"] == 3

    def replace_module_twin(self):
        name = self._module().device_id
        self.it.update_module_twin(name, MODULE, desired(level=3))
        changed = self.it.replace_module_twin(name, MODULE, desired(other=1))
        return "level" not in changed.properties.desired

    def invoke_device_module_method(self):
        with answering(self.world, self._module().device_id, MODULE) as name:
            call = CloudToDeviceMethod(method_name="blink")
            return self.it.invoke_device_module_method(name, MODULE, call).status == 200


class Jobs:
    """IoTHubJobManager."""

    def __init__(self, world: World):
        self.world = world
        self.it = azure.IoTHubJobManager.from_connection_string(world.service)

    def from_connection_string(self):
        made = azure.IoTHubJobManager.from_connection_string(self.world.service)
        return made.get_scheduled_job(self._scheduled()[1].job_id).job_id

    def from_token_credential(self):
        host = self.world.service.partition("HostName=")[2].partition(";")[0]
        return azure.IoTHubJobManager.from_token_credential(host, Credential()).get_scheduled_job("none")

    def _scheduled(self, later: float = 0):
        device, name = self.world.device(), self.world.name("job")
        request = JobRequest(
            job_id=name,
            type="scheduleUpdateTwin",
            update_twin=Twin(etag="*", properties=TwinProperties(desired={"level": 3})),
            query_condition=f"deviceId = '{device}'",
            start_time=datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=later),
            max_execution_time_in_seconds=60,
        )
        return device, self.it.create_scheduled_job(name, request)

    def create_scheduled_job(self):
        device, _ = self._scheduled()
        twin = self.world.hub
        return awaited(lambda: "level" in twin.call("get_twin", device)["properties"]["desired"])

    def get_scheduled_job(self):
        job = self._scheduled()[1].job_id
        return awaited(lambda: self.it.get_scheduled_job(job).status == "completed")

    def query_scheduled_jobs(self):
        job = self._scheduled()[1].job_id
        self.it.get_scheduled_job(job)
        return self.it.query_scheduled_jobs("scheduleUpdateTwin", None) is not None

    def cancel_scheduled_job(self):
        job = self._scheduled(later=3600)[1].job_id
        return self.it.cancel_scheduled_job(job).status == "cancelled"

    def _export(self):
        container = "https://storage.example/container?sv=1"
        return self.it.create_import_export_job(
            JobProperties(type="export", output_blob_container_uri=container, exclude_keys_in_export=True)
        )

    def create_import_export_job(self):
        return self._export().job_id

    def get_import_export_jobs(self):
        return self.it.get_import_export_jobs() is not None

    def get_import_export_job(self):
        return self.it.get_import_export_job(self._export().job_id)

    def cancel_import_export_job(self):
        self.it.cancel_import_export_job(self._export().job_id)
        return True


class Configurations:
    """IoTHubConfigurationManager."""

    def __init__(self, world: World):
        self.world = world
        self.it = azure.IoTHubConfigurationManager.from_connection_string(world.service)

    def from_connection_string(self):
        made = azure.IoTHubConfigurationManager.from_connection_string(self.world.service)
        return made.get_configurations() is not None

    def from_token_credential(self):
        host = self.world.service.partition("HostName=")[2].partition(";")[0]
        return azure.IoTHubConfigurationManager.from_token_credential(host, Credential()).get_configurations()

    def _made(self):
        content = ConfigurationContent(device_content={"properties.desired.level": 3})
        return self.it.create_configuration(
            Configuration(
                id=self.world.name("configuration"),
                content=content,
                target_condition="tags.none = 1",
                priority=1,
            )
        )

    def create_configuration(self):
        return self._made().etag

    def get_configuration(self):
        return self.it.get_configuration(self._made().id).priority == 1

    def get_configurations(self):
        name = self._made().id
        return name in [found.id for found in self.it.get_configurations(20)]

    def update_configuration(self):
        made = self._made()
        made.priority = 7
        return self.it.update_configuration(made, made.etag).priority == 7

    def delete_configuration(self):
        name = self._made().id
        self.it.delete_configuration(name)
        return name not in [found.id for found in self.it.get_configurations(20)]

    def test_configuration_queries(self):
        asked = ConfigurationQueriesTestInput(target_condition="tags.none = 1", custom_metric_queries={})
        return self.it.test_configuration_queries(asked) is not None

    def apply_configuration_on_edge_device(self):
        content = ConfigurationContent(modules_content={"$edgeAgent": {"properties.desired": {}}})
        self.it.apply_configuration_on_edge_device(self.world.device(), content)
        return True
