"""S2.13 to S2.16 as azure-eventhub sees them: members and values are those that the tutorial prints."""

import json
import re

import pytest
from azure.iot.device import Message
from reading import Reading, application_of, client_of, system_of

from twinkle_host.hub.events.log import partition_of

THERMOSTAT = "dtmi:com:example:Thermostat;1"
CONTROLLER = "dtmi:com:example:TemperatureController;1"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?")


@pytest.fixture
def events(hub, device_id):
    """A function: the next event of a source, from the test's beginning on."""
    number = partition_of(device_id)
    hub.keep(device_id)
    end = hub.server.events.events.partitions[number].next
    with Reading(client_of(hub), partition_id=str(number), starting_position=end - 1) as reading:

        def next_of(source):
            while True:
                event = reading.next()
                system = system_of(event)
                if (system["iothub-message-source"], system["iothub-connection-device-id"]) == (
                    source,
                    device_id,
                ):
                    return event

        yield next_of


def connected(hub, device, device_id, model):
    text = hub.call("connection_string", device_id)
    return device(text=text, product_info=model)  # that is how the SDK announces a model


def message(body, component=None):
    made = Message(json.dumps(body), content_encoding="utf-8", content_type="application/json")
    if component:
        made.custom_properties["$.sub"] = component
    return made


def system_without_moments(event):
    """System properties, without those that differ each time; these are looked at here."""
    system = system_of(event)
    enqueued = system.pop("x-opt-enqueued-time")
    assert system.pop("iothub-enqueuedtime") == enqueued and enqueued > 1_600_000_000_000
    assert system.pop("x-opt-sequence-number") == event.sequence_number
    assert system.pop("x-opt-offset") == event.offset
    return system


def test_s2_13_root_telemetry_as_it_is_read(hub, device, device_id, events):
    connected(hub, device, device_id, THERMOSTAT).send_message(message({"temperature": 12}))
    event = events("Telemetry")
    assert event.body_as_str() == '{"temperature": 12}' and application_of(event) == {}
    system = system_without_moments(event)
    method = json.loads(system.pop("iothub-connection-auth-method"))
    assert method == {"scope": "device", "type": "sas", "issuer": "iothub", "acceptingIpFilterRule": None}
    assert system == {
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "iothub-connection-device-id": device_id,
        "iothub-connection-auth-generation-id": hub.call("get_device", device_id)["generationId"],
        "iothub-message-source": "Telemetry",
        "dt-dataschema": THERMOSTAT,
    }


def test_s2_14_a_components_telemetry_as_it_is_read(hub, device, device_id, events):
    client = connected(hub, device, device_id, CONTROLLER)
    for component, value in (("thermostat1", 45), ("thermostat2", 49)):
        client.send_message(message({"temperature": value}, component))
        event = events("Telemetry")
        system = system_of(event)
        assert json.loads(event.body_as_str()) == {"temperature": value} and application_of(event) == {}
        assert (system["dt-subject"], system["dt-dataschema"]) == (component, CONTROLLER)


def both(hub, device_id, events, changed, patch):
    """The two events of a change: their properties are looked at here, their bodies answered with the moment."""
    twin, digital = events("twinChangeEvents"), events("digitalTwinChangeEvents")
    reported = hub.call("get_twin", device_id)["properties"]["reported"]
    moment = reported["$metadata"]["$lastUpdated"]
    assert MOMENT.fullmatch(moment[:-1]) and moment.endswith("Z")
    correlation = system_of(twin)["correlation-id"]
    for event, source, schema, kind in (
        (twin, "twinChangeEvents", "twinChangeNotification", "application/json"),
        (digital, "digitalTwinChangeEvents", "digitalTwinChangeNotification", "application/json-patch+json"),
    ):
        assert application_of(event) == {
            "hubName": "contoso",
            "deviceId": device_id,
            "operationTimestamp": moment[:-1] + "+00:00",
            "iothub-message-schema": schema,
            "opType": "updateTwin",
        }
        assert system_without_moments(event) == {
            "user-id": "contoso",
            "correlation-id": correlation,
            "content-type": kind,
            "content-encoding": "utf-8",
            "iothub-connection-device-id": device_id,
            "iothub-message-source": source,
        }
    assert json.loads(twin.body_as_str()) == {"version": 3, "properties": {"reported": changed(moment)}}
    assert json.loads(digital.body_as_str()) == patch(moment)


def test_s2_15_a_reported_property_as_both_events_of_it_are_read(hub, device, device_id, events):
    client = connected(hub, device, device_id, THERMOSTAT)
    client.patch_twin_reported_properties({"maxTempSinceLastReboot": 10.96})
    both(
        *(hub, device_id, events),
        lambda moment: {
            "maxTempSinceLastReboot": 10.96,
            "$metadata": {"$lastUpdated": moment, "maxTempSinceLastReboot": {"$lastUpdated": moment}},
            "$version": 2,
        },
        lambda moment: [
            {"op": "add", "path": "/$metadata/maxTempSinceLastReboot", "value": {"lastUpdateTime": moment}},
            {"op": "add", "path": "/maxTempSinceLastReboot", "value": 10.96},
        ],
    )


def test_s2_16_a_component_that_is_new_as_both_events_of_it_are_read(hub, device, device_id, events):
    client = connected(hub, device, device_id, CONTROLLER)
    client.patch_twin_reported_properties({"thermostat1": {"__t": "c", "maxTempSinceLastReboot": 98.34}})

    def changed(moment):
        now = {"$lastUpdated": moment}
        return {
            "thermostat1": {"maxTempSinceLastReboot": 98.34, "__t": "c"},
            "$metadata": {**now, "thermostat1": {**now, "maxTempSinceLastReboot": now, "__t": now}},
            "$version": 2,
        }

    def patch(moment):
        value = {
            "$metadata": {"maxTempSinceLastReboot": {"lastUpdateTime": moment}},
            "maxTempSinceLastReboot": 98.34,
        }
        return [{"op": "add", "path": "/thermostat1", "value": value}]

    both(hub, device_id, events, changed, patch)
