"""Configurations, with azure-iot-hub 2.7, unmodified."""

import pytest
from azure.iot.hub import IoTHubConfigurationManager
from azure.iot.hub.models import (
    Configuration,
    ConfigurationContent,
    ConfigurationMetrics,
    ConfigurationQueriesTestInput,
    Twin,
)
from msrest.exceptions import HttpOperationError

from twinkle_host.waiting import eventually


@pytest.fixture
def configurations(service_string):
    """IoTHubConfigurationManager."""
    return IoTHubConfigurationManager.from_connection_string(service_string)


def winter(name, device_id):
    """A configuration for one device."""
    return Configuration(
        id=name,
        labels={"season": "winter"},
        content=ConfigurationContent(device_content={"properties.desired.chiller": {"temperature": 38}}),
        target_condition=f"tags.for='{device_id}'",
        priority=10,
        metrics=ConfigurationMetrics(
            queries={
                "Applied": f"select deviceId from devices where configurations.[[{name}]].status = 'Applied'"
            }
        ),
    )


def test_a_configuration_finds_its_device_and_is_counted(configurations, service, device_id):
    made = configurations.create_configuration(winter("winter-1", device_id))
    assert made.etag and made.system_metrics.results == {}
    service.update_twin(device_id, Twin(tags={"for": device_id}))
    found = eventually(
        lambda: (
            (view := configurations.get_configuration("winter-1")).metrics.results == {"Applied": 1} and view
        )
    )
    assert found.system_metrics.results == {"targetedCount": 1, "appliedCount": 1}
    twin = service.get_twin(device_id)
    assert twin.properties.desired["chiller"] == {"temperature": 38}
    assert twin.additional_properties["configurations"] == {"winter-1": {"status": "Applied"}}
    configurations.delete_configuration("winter-1", found.etag)
    eventually(lambda: "chiller" not in service.get_twin(device_id).properties.desired)


def test_a_configuration_is_changed_with_its_etag_listed_and_removed(configurations, device_id):
    made = configurations.create_configuration(winter("winter-2", device_id))
    stale = made.etag
    made.priority = 20
    changed = configurations.update_configuration(made, stale)
    assert changed.priority == 20 and changed.labels == {"season": "winter"}
    with pytest.raises(HttpOperationError) as refusal:
        configurations.update_configuration(made, stale)
    assert refusal.value.response.status_code == 412
    with pytest.raises(HttpOperationError) as refusal:
        configurations.create_configuration(made)
    assert refusal.value.response.headers["iothub-errorcode"] == "ConfigurationAlreadyExists"
    assert "winter-2" in [found.id for found in configurations.get_configurations()]
    assert len(configurations.get_configurations(1)) == 1
    configurations.delete_configuration("winter-2")
    with pytest.raises(HttpOperationError) as refusal:
        configurations.get_configuration("winter-2")
    assert refusal.value.response.headers["iothub-errorcode"] == "ConfigurationNotFound"


def test_queries_are_tested(configurations):
    asked = ConfigurationQueriesTestInput(
        target_condition="tags.a =", custom_metric_queries={"bad": "select", "good": "select * from devices"}
    )
    told = configurations.test_configuration_queries(asked)
    assert "position" in told.target_condition_error and list(told.custom_metric_query_errors) == ["bad"]


def test_a_content_for_an_edge_device_is_refused_by_its_name(configurations, device_id):
    """apply_on_edge_device: this hub has no IoT Edge."""
    content = ConfigurationContent(modules_content={"$edgeAgent": {"properties.desired": {}}})
    with pytest.raises(HttpOperationError) as refusal:
        configurations.apply_configuration_on_edge_device(device_id, content)
    assert refusal.value.response.status_code == 501 and "IoT Edge" in refusal.value.response.reason
