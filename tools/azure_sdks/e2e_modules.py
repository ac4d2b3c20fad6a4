"""A pytest plugin for Azure's end-to-end suite (azure-iot-sdk-python, tests/e2e/iothub_e2e): ``--identity module``
tests a module.

Without it the suite gives a device's connection string to the module's client: its ``device_identity_helper`` makes
no module, its fixture ``module_id`` is None, and its service helper would not recognise a module's events, whose
annotation it looks for by another name than the event has. See docs/azure-sdks.md for how it is run.
"""

from typing import Any

import client_fixtures
import device_identity_helper
import pytest
from azure.iot.hub import IoTHubRegistryManager
from dev_utils import service_helper_sync, test_env

MODULE = "e2e-module"
ANNOTATION = b"iothub-connection-module-id"

_make_device = device_identity_helper.create_device_with_symmetric_key


def make_module() -> Any:
    """A device with a module, described as the suite describes a device, by the module's credentials."""
    identity = _make_device()
    registry = IoTHubRegistryManager.from_connection_string(test_env.IOTHUB_CONNECTION_STRING)
    module = registry.create_module_with_sas(identity.device_id, MODULE, "", None, None)
    identity.primary_key = module.authentication.symmetric_key.primary_key
    identity.connection_string = (
        f"HostName={test_env.IOTHUB_HOSTNAME};DeviceId={identity.device_id};ModuleId={MODULE};"
        f"SharedAccessKey={identity.primary_key}"
    )
    return identity


@pytest.fixture
def module_id(device_identity: Any) -> str:
    """The module whose twin and methods the suite's service helper asks for."""
    return MODULE


def module_of(event: Any) -> str | None:
    """The module that an event names."""
    name = event.message.annotations.get(ANNOTATION)
    return None if name is None else name.decode()


device_identity_helper.create_device_with_symmetric_key = make_module
client_fixtures.module_id = module_id
service_helper_sync.get_module_id_from_event = module_of
