"""A connection's life: topics, subscriptions, telemetry, the will, and every way it ends."""

import pytest
from harness import ALL, DESIRED, METHODS, TWIN, Wire

from twinkle_host.hub.core import Will

C2D = "devices/dev1/messages/devicebound/#"
EVENTS = "devices/dev1/messages/events/"


# --- subscriptions


@pytest.mark.parametrize("topic_filter", [TWIN, DESIRED, METHODS, C2D, "$iothub/methods/POST/blink/#"])
def test_documented_filters_are_granted_at_most_qos_1(stage, topic_filter):
    session = stage.device().connect(subscribe=())
    assert session.subscribe([(topic_filter, 0)]) == [0]
    assert session.subscribe([(topic_filter, 2)]) == [1]
    assert session.subscriptions == {topic_filter: 1}


@pytest.mark.parametrize(
    "topic_filter",
    [
        "#",
        "+/#",
        "$iothub/#",
        "$iothub/twin/res/+",
        "$iothub/methods/POST/+/#",
        "$iothub/methods/POST/a/b/#",
        "devices/dev2/messages/devicebound/#",
        "devices/+/messages/devicebound/#",
        "devices/dev1/messages/events/#",
        "",
    ],
)
def test_other_filters_are_answered_0x80_and_told(stage, topic_filter):
    device = stage.device()
    session = device.connect(subscribe=())
    assert session.subscribe([(TWIN, 1), (topic_filter, 1)]) == [1, 0x80]
    assert len(stage.told("requestRefused")) == 1 and device.wire.closed is None


def test_a_sixth_subscription_is_refused_until_one_is_dropped(stage):
    session = stage.device().connect(subscribe=ALL)
    named = [f"$iothub/methods/POST/m{number}/#" for number in range(3)]
    assert session.subscribe([(topic_filter, 1) for topic_filter in named]) == [1, 1, 0x80]
    assert session.subscribe([(TWIN, 0)]) == [0], "one that is held already is not a sixth"
    session.unsubscribe([named[0], "never/heard/of"])
    assert session.subscribe([(named[2], 1)]) == [1]


# --- sessions that are remembered


def test_a_device_that_reconnects_without_subscribing_still_hears_everything(stage):
    device = stage.connected()
    device.session.end(False)
    session = device.connect(subscribe=())
    assert session.present is True
    assert device.get()["desired"] == {"$version": 1}
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"a": 1}}})
    assert device.take()[0][1] == {"a": 1, "$version": 2}
    stage.invoke("dev1", "blink")
    assert device.calls()[0][0] == "blink"


def test_subscriptions_are_remembered_across_a_restart_of_the_hub(stage):
    device = stage.connected()
    device.session.unsubscribe([METHODS])
    stage.start()
    assert device.connect(subscribe=()).present is True
    assert set(device.session.subscriptions) == {TWIN, DESIRED}


def test_a_clean_session_remembers_nothing_and_forgets_what_was(stage):
    device = stage.connected()
    session = device.connect(subscribe=(), clean_session=True)
    assert session.present is False and session.subscriptions == {}
    session.subscribe([(TWIN, 1)])
    session = device.connect(subscribe=())
    assert session.present is False and session.subscriptions == {}
    assert device.connect(subscribe=()).present is True


# --- telemetry


def test_telemetry_becomes_an_event_with_its_properties(stage):
    device = stage.connected(api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1")
    bag = (
        "%24.on=out&%24.mid=id%3A1&%24.cid=c&%24.uid=u&%24.ct=application%2Fjson&%24.ce=utf-8"
        "&$.ctime=2021-01-01T00%3A00%3A00Z&$.sub=thermostat1&plain=a%20b&%C3%A9=%E2%82%AC&empty=&bare"
    )
    device.session.publish(EVENTS + bag, b'{"temperature": 12}', 1)
    (event,) = stage.events_of("Telemetry")
    generation = stage.hub.get_device("dev1")["generationId"]
    assert event == {
        "source": "Telemetry",
        "deviceId": "dev1",
        "enqueuedTime": "2026-11-18T11:06:40Z",
        "systemProperties": {
            "iothub-outputname": "out",
            "message-id": "id:1",
            "correlation-id": "c",
            "user-id": "u",
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "iothub-creation-time-utc": "2021-01-01T00:00:00Z",
            "dt-subject": "thermostat1",
            "iothub-connection-auth-method": (
                '{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}'
            ),
            "iothub-connection-auth-generation-id": generation,
            "iothub-message-source": "Telemetry",
            "dt-dataschema": "dtmi:com:example:Thermostat;1",
            "iothub-connection-device-id": "dev1",
            "iothub-enqueuedtime": 1_795_000_000_000,
        },
        "applicationProperties": {"plain": "a b", "é": "€", "empty": "", "bare": None},
        "bodyType": "json",
        "body": {"temperature": 12},
    }
    assert stage.hub.get_device("dev1")["lastActivityTime"] == "2026-11-18T11:06:40Z"


@pytest.mark.parametrize(
    ("bag", "properties"),
    [
        ("?a=1&b=2", {"?a": "1", "b": "2"}),
        ("?%24.ct=application%2Fjson", {"?$.ct": "application/json"}),
        ("?", {"?": None}),
    ],
)
def test_a_question_mark_before_a_property_bag_belongs_to_the_first_name(stage, bag, properties):
    """Azure's answer in sdk-nrf pull request 5906: it "would be considered a part of the first property name"."""
    device = stage.connected()
    device.session.publish(EVENTS + bag, b"{}", 1)
    (event,) = stage.events_of("Telemetry")
    assert event["applicationProperties"] == properties
    assert "content-type" not in event["systemProperties"] and device.wire.closed is None


@pytest.mark.parametrize(
    ("bag", "properties"),
    [("%24.on=alarms/", {"iothub-outputname": "alarms"}), ("a=1/", {"a": "1"}), ("/", {})],
)
def test_a_slash_after_a_property_bag_ends_it(stage, bag, properties):
    """npm azure-iot-device-mqtt 1.16, dist/mqtt.js: ``if (outputProps) topic += '/'`` in sendOutputEvent."""
    device = stage.connected()
    device.session.publish(EVENTS + bag, b"{}", 1)
    (event,) = stage.events_of("Telemetry")
    said = {**event["systemProperties"], **event["applicationProperties"]}
    assert said.items() >= properties.items() and not any("/" in name for name in said)
    assert device.wire.closed is None


@pytest.mark.parametrize("bag", ["a?=1", "a=1&?b=2", "??a=1", "a=?"])
def test_a_question_mark_elsewhere_is_not_encoded_as_it_must_be(stage, bag):
    device = stage.connected()
    device.session.publish(EVENTS + bag, b"{}", 1)
    assert "unencoded" in device.wire.closed


@pytest.mark.parametrize(
    ("payload", "kind", "body"),
    [
        (b'{"a":1}', "json", {"a": 1}),
        (b"", "text", ""),
        (b"21.5 C", "text", "21.5 C"),
        (b'{"a":NaN}', "text", '{"a":NaN}'),
        (b"1e999", "text", "1e999"),
        (b"\xff\x00", "base64", "/wA="),
        (b"[" * 5000 + b"]" * 5000, "text", "[" * 5000 + "]" * 5000),
    ],
)
def test_a_body_is_shown_as_what_it_is(stage, payload, kind, body):
    device = stage.connected()
    device.session.publish(EVENTS, payload)
    (event,) = stage.events_of("Telemetry")
    assert (event["bodyType"], event["body"]) == (kind, body)


def test_the_retain_flag_becomes_a_property(stage):
    stage.connected().session.publish("devices/dev1/messages/events", b"1", 0, True)
    assert stage.events_of("Telemetry")[0]["applicationProperties"] == {"mqtt-retain": "true"}


def test_a_message_of_256_kb_is_taken_and_one_byte_more_is_not(stage):
    device = stage.connected()
    device.session.publish(EVENTS + "key=value", b"x" * (262144 - 8))
    assert device.wire.closed is None
    device.session.publish(EVENTS + "key=value", b"x" * (262144 - 7))
    assert "262144" in device.wire.closed and len(stage.events_of("Telemetry")) == 1


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("devices/dev2/messages/events/", "another device"),
        ("devices/dev10/messages/events/", "another device"),
        ("devices/dev1/messages/eventsx", "none a device may publish to"),
        ("devices/dev1/messages/devicebound/", "none a device may publish to"),
        ("home/temperature", "none a device may publish to"),
        ("$iothub/twin/res/200/?$rid=1", "none a device may publish to"),
        ("$iothub/twin/GET/", "$rid"),
        ("$iothub/twin/GET/?x=1", "$rid"),
        ("$iothub/twin/GET/?$rid=", "$rid"),
        ("$iothub/twin/GET/?$rid=" + "x" * 513, "$rid"),
        ("$iothub/twin/PATCH/properties/reported/?$rid=1&$version=x", "$version"),
        ("$iothub/methods/res/ok/?$rid=1", "integer"),
        ("$iothub/methods/res/200/", "$rid"),
        (EVENTS + "time=12:30", "unencoded"),
        (EVENTS + "a=b c", "unencoded"),
        (EVENTS + "a=é", "unencoded"),
        (EVENTS + "a=%zz", "unencoded"),
        (EVENTS + "a=%ff", "UTF-8"),
        (EVENTS + "a=b&&c=d", "without a name"),
        (EVENTS + "=b", "without a name"),
        (EVENTS + "$.mid=" + "x" * 129, "$.mid"),
        (EVENTS + "$.mid=%C3%A9", "$.mid"),
    ],
)
def test_a_broken_rule_closes_the_connection_and_says_which(stage, topic, words):
    device = stage.connected()
    device.session.publish(topic, b"{}", 1)
    assert words in device.wire.closed
    assert stage.told("connectionClosed") == [device.wire.closed]
    assert device.session.ended and stage.hub.get_twin("dev1")["connectionState"] == "Disconnected"
    assert stage.events_of("Telemetry") == []


def test_qos_2_closes_the_connection(stage):
    device = stage.connected()
    device.session.publish(EVENTS, b"1", 2)
    assert "QoS 2" in device.wire.closed


def test_an_oversized_twin_write_closes_the_connection(stage):
    device = stage.connected()
    device.session.publish("$iothub/twin/PATCH/properties/reported/?$rid=1", b" " * 262145, 1)
    assert "262144" in device.wire.closed


# --- the end


def test_a_newer_connection_closes_the_older(stage):
    device = stage.connected()
    old_wire, old_session = device.wire, device.session
    device.connect(subscribe=())
    assert "400027" in old_wire.closed and old_session.ended
    assert device.wire.closed is None and device.session.present
    old_session.end(False)  # the skin notices a little later
    old_session.publish(EVENTS, b"ghost")
    assert old_session.subscribe([(TWIN, 1)]) == [0x80]
    assert stage.hub.get_device("dev1")["connectionState"] == "Connected"
    assert stage.events_of("Telemetry") == []
    assert device.get()


def test_an_expired_token_closes_the_connection_at_its_second(stage):
    device = stage.connected(lifetime=60)
    stage.run(59.9)
    assert device.wire.closed is None
    stage.run(0.2)
    assert "401003" in device.wire.closed and "fresh token" in device.wire.closed
    assert stage.hub.get_twin("dev1")["connectionState"] == "Disconnected"
    device.connect()


def test_renewing_in_time_keeps_a_device_connected_for_a_week(stage):
    device = stage.connected()
    for _ in range(7 * 24):
        stage.run(3480)
        device.session.end(True)
        device.connect(subscribe=())
    assert device.wire.closed is None and stage.told("connectionClosed") == []
    assert len(stage.hub.timers) < 100, "cancelled timers are swept"


def test_a_clean_end_is_quiet_and_a_lost_link_is_told(stage):
    device = stage.connected(will=Will(EVENTS + "why=lost", b"gone"))
    device.session.end(True)
    assert stage.told("connectionClosed") == [] and stage.events_of("Telemetry") == []
    device.connect()
    device.session.end(False, "nothing was heard for 90 s")
    assert stage.told("connectionClosed") == ["nothing was heard for 90 s"]
    assert stage.events_of("Telemetry") == []
    assert device.wire.closed is None, "the skin closes what it lost itself"


def test_the_will_is_sent_when_a_device_does_not_say_goodbye(stage):
    will = Will(EVENTS + "why=lost", b'"gone"', retain=True)
    device = stage.device()
    for end in (
        lambda device: device.session.end(False),
        lambda device: device.session.publish("x", b""),
        lambda device: device.connect(subscribe=()),
    ):
        device.connect(will=will)
        stage.events.clear()
        end(device)
        (event,) = stage.events_of("Telemetry")
        assert event["body"] == "gone"
        properties = {"why": "lost", "mqtt-retain": "true", "iothub-MessageType": "Will"}
        assert event["applicationProperties"] == properties
        device.session.end(True)


def test_connection_state_events_come_in_order_with_growing_numbers(stage):
    device = stage.connected()
    device.connect(subscribe=())
    device.session.end(True)
    events = stage.events_of("deviceConnectionStateEvents")
    kinds = [event["applicationProperties"]["opType"] for event in events]
    assert kinds == ["deviceConnected", "deviceDisconnected", "deviceConnected", "deviceDisconnected"]
    numbers = [int(event["body"]["sequenceNumber"], 16) for event in events]
    assert numbers == sorted(set(numbers))


def test_ending_twice_is_ending_once(stage):
    device = stage.connected()
    device.session.end(True)
    device.session.end(False)
    device.session.close("again")
    assert len(stage.events_of("deviceConnectionStateEvents")) == 2 and device.wire.closed is None


def test_the_connect_itself_sends_nothing(stage):
    device = stage.connected()
    device.session.end(True)
    stage.invoke("dev1", "blink", connect_timeout=30)
    wire = Wire()
    stage.hub.connect(device.hello(), wire)
    assert wire.sent == [], "the CONNACK must be first on the wire"
    stage.hub.step()
    assert len(wire.sent) == 1
