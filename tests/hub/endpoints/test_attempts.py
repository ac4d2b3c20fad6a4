"""What is attempted against a hub, and how it reacts: each row over a real socket, beside an honest device.

It is the same over TLS on the devices' port and over a WebSocket on the REST port (section 6 of MQTT 3.1.1).

The reactions are IoT Hub's where Microsoft documents them ("Communicate with your IoT
hub using MQTT", "Control access using SAS"), and MQTT 3.1.1's or this hub's own choice
where it does not. ``CONNACK 5`` and the like end the connection too. Ten thousand
connections that never say a word are in test_server, what random bytes come to in
test_hostile_devices.
"""

import contextlib
import queue

import pytest
from packets import packet
from wire import CONNACK, PUBACK, SUBACK, Wire, hello, open_tls, publish, subscribe, token
from wss import Upgraded

from twinkle_host.hub.doors import mqtt
from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S

EVENTS = "devices/{}/messages/events/"
METHODS = "$iothub/methods/POST/#"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
YEAR = 365 * 86400
CLOSED = "closed"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        for name in ("mallory", "victim", "deafened"):
            live.add(name)
        yield live


@pytest.fixture(params=[open_tls, Upgraded], ids=["tls", "websocket"])
def dial(request):
    """How the device under test comes to the hub."""
    return request.param


@pytest.fixture(scope="module")
def honest(hub):
    """A device that does nothing wrong, connected all the while."""
    hub.add("honest")
    with Wire(hub) as wire:
        wire.say(hello(hub, "honest"), subscribe(METHODS))
        assert wire.hear() == (CONNACK, b"\x00\x00") and wire.hear()[0] == SUBACK
        yield wire


def is_served(hub, wire):
    """The honest device sends and is called."""
    wire.say(publish(EVENTS.format("honest"), packet_id=9))
    assert wire.hear() == (PUBACK, b"\x00\x09")
    outcome = queue.Queue()
    hub.call("invoke", "honest", "ping", None, done=outcome.put)
    _, body = wire.hear()
    rid = body.partition(b"$rid=")[2].decode().partition("null")[0]
    wire.say(publish(f"$iothub/methods/res/200/?$rid={rid}", qos=0))
    assert outcome.get(timeout=PATIENCE_S).status == 200


def reaction(wire):
    """What the hub answered, in the table's words."""
    heard = wire.hear()
    if heard is None:
        return CLOSED
    first, body = heard
    if first == CONNACK:
        if body[1] == 0:
            return "CONNACK 0"
        assert wire.hear() is None, "a refused connection must end"
        return f"CONNACK {body[1]}"
    if first == SUBACK:
        return f"SUBACK {body[2]:#04x}"
    return f"packet {first:#04x}"


# --- before the connection: each is a CONNECT


def wrong_key(hub):
    return hello(hub, "mallory", password=token(hub, "mallory", KEY))


def expired(hub):
    return hello(hub, "mallory", password=token(hub, "mallory", life=-60))


def far_future(hub):
    return hello(hub, "mallory", password=token(hub, "mallory", life=1000 * YEAR))


def endless(hub):
    return hello(hub, "mallory", password=token(hub, "mallory", life=10**40))


def others_token(hub):
    return hello(hub, "mallory", password=token(hub, "victim"))


def own_token_for_other(hub):
    own = hub.call("connection_string", "mallory").partition("SharedAccessKey=")[2]
    return hello(hub, "mallory", password=token(hub, "victim", own))


def others_name(hub):
    return hello(hub, "mallory", username="localhost/victim/?api-version=2021-04-12")


def hub_wide(hub):
    return hello(hub, "mallory", password=token(hub, "mallory", resource="localhost"))


def no_token(hub):
    return hello(hub, "mallory", password="let me in")


def unknown_device(hub):
    return hello(hub, "nobody", password=token(hub, "nobody", KEY))


def mqtt_5(hub):
    return hello(hub, "mallory", level=5)


def first_a_publish(hub):
    return publish(EVENTS.format("mallory"))


def http(hub):
    return b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


CONNECTS = [
    (wrong_key, "CONNACK 5"),
    (expired, "CONNACK 5"),
    (far_future, "CONNACK 0"),  # IoT Hub sets no limit to a token's life; it ends the connection when it ends
    (endless, "CONNACK 4"),
    (others_token, "CONNACK 5"),
    (own_token_for_other, "CONNACK 5"),
    (others_name, "CONNACK 2"),
    (hub_wide, "CONNACK 5"),
    (no_token, "CONNACK 4"),
    (unknown_device, "CONNACK 5"),
    (mqtt_5, "CONNACK 1"),
    (first_a_publish, CLOSED),
    (http, CLOSED),
]


@pytest.mark.parametrize(
    ("attempt", "expected"), CONNECTS, ids=lambda value: getattr(value, "__name__", value)
)
def test_who_may_connect(hub, dial, honest, attempt, expected):
    with Wire(hub, dial) as wire:
        wire.say(attempt(hub))
        assert reaction(wire) == expected
        is_served(hub, honest)


# --- once connected: what is said, and the reaction

SAID = {
    "another device's telemetry topic": (publish(EVENTS.format("victim")), CLOSED),
    "a topic that is none of a device's": (publish("$SYS/broker"), CLOSED),
    "another device's messages": (subscribe("devices/victim/messages/devicebound/#"), "SUBACK 0x80"),
    "everything": (subscribe("#"), "SUBACK 0x80"),
    "one level of everything": (subscribe("devices/+/messages/events/"), "SUBACK 0x80"),
    "a publish at QoS 2": (publish(EVENTS.format("mallory"), qos=2), CLOSED),
    "a subscription at QoS 2": (subscribe(METHODS, qos=2), "SUBACK 0x01"),
    "a message of 256 KB": (publish(EVENTS.format("mallory"), b" " * (262144 - 100)), "packet 0x40"),
    "a message of more than 256 KB": (publish(EVENTS.format("mallory"), b" " * 262145), CLOSED),
    "a length of 256 MB": (b"\x32\xff\xff\xff\x7f", CLOSED),
    "a length of five bytes": (b"\x32\xff\xff\xff\xff\x01", CLOSED),
    "a reserved packet type": (b"\xf0\x00", CLOSED),
    "a packet only a server sends": (packet(0x90, b"\x00\x01\x00"), CLOSED),
    "an answer to a method that nobody called": (
        publish("$iothub/methods/res/200/?$rid=77") + packet(0xC0),
        "packet 0x40",
    ),
    "a stray PUBACK": (packet(PUBACK, b"\x12\x34") + packet(0xC0), "packet 0xd0"),
    "a property bag that is not encoded": (publish(EVENTS.format("mallory") + "a=%zz"), CLOSED),
    "a twin write that is not JSON": (
        publish("$iothub/twin/PATCH/properties/reported/?$rid=1", b"{") + packet(0xC0),
        "packet 0x40",
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_what_a_device_may_say(hub, dial, honest, what):
    said, expected = SAID[what]
    with Wire(hub, dial) as wire:
        wire.say(hello(hub, "mallory"))
        assert wire.hear() == (CONNACK, b"\x00\x00")
        wire.say(said)
        assert reaction(wire) == expected
        is_served(hub, honest)


def test_a_second_connect_on_one_connection(hub, dial, honest):
    with Wire(hub, dial) as wire:
        wire.say(hello(hub, "mallory"))
        assert wire.hear() == (CONNACK, b"\x00\x00")
        wire.say(hello(hub, "mallory"))
        assert reaction(wire) == CLOSED
        is_served(hub, honest)


def test_two_connections_of_one_id(hub, dial, honest):
    """The newer stays: a device that lost its line comes back before the hub knows."""
    with Wire(hub, dial) as older, Wire(hub, dial) as newer:
        older.say(hello(hub, "mallory"))
        assert older.hear() == (CONNACK, b"\x00\x00")
        newer.say(hello(hub, "mallory"))
        assert newer.hear() == (CONNACK, b"\x00\x00")
        assert older.hear() is None
        newer.say(packet(0xC0))
        assert newer.hear() == (0xD0, b"")
        is_served(hub, honest)


def test_a_method_of_a_device_that_does_not_listen(hub, dial, honest):
    """404103, as for one that is away; nothing is sent to it."""
    with Wire(hub, dial) as wire:
        wire.say(hello(hub, "deafened"))
        assert wire.hear() == (CONNACK, b"\x00\x00")
        with pytest.raises(Exception, match="404103"):
            hub.call("invoke", "deafened", "ping", None, done=print)
        wire.say(packet(0xC0))
        assert wire.hear() == (0xD0, b"")
        is_served(hub, honest)


def test_a_connect_that_never_ends(hub, dial, honest, monkeypatch):
    """The TLS handshake and the CONNECT have a limit each; see test_tls_port and test_time_limits."""
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.5)
    # On a busy computer the handshake may be what takes too long.
    with contextlib.suppress(OSError), Wire(hub, dial) as wire:
        wire.say(hello(hub, "mallory")[:-1])
        assert reaction(wire) == CLOSED
    is_served(hub, honest)


def test_a_device_that_is_silent_for_longer_than_it_said(hub, dial, honest):
    with Wire(hub, dial) as wire:
        wire.say(hello(hub, "mallory", keep_alive=1))
        assert wire.hear() == (CONNACK, b"\x00\x00")
        assert reaction(wire) == CLOSED
        is_served(hub, honest)
