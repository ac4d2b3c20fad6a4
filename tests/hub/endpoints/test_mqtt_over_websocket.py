"""What is attempted at the WebSocket door of the MQTT endpoint; what is said in MQTT there is in test_attempts, too.

Section 6 of MQTT 3.1.1: packets are a stream of bytes in binary messages, wherever those are cut, and a message of text
ends the connection. Codes are those of RFC 6455, 7.4.1.
"""

import contextlib
import threading

import pytest
import websocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packets import packet
from wire import ACCEPTED, CONNACK, PUBACK, SUBACK, Wire, hello, publish, subscribe, token
from wss import (
    AMQP,
    BROKEN,
    DEVICES,
    MQTT,
    SERVICES,
    TOO_BIG,
    UNSUPPORTED,
    Upgraded,
    dialled,
    heard,
    status,
)

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.doors import mqtt, patience
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.rest.websocket import MAX_MESSAGE
from twinkle_host.waiting import PATIENCE_S, eventually

EVENTS = "devices/{}/messages/events/"
DESIRED = "$iothub/twin/PATCH/properties/desired/#"
PING, PONG, LEAVE = packet(0xC0), 0xD0, packet(0xE0)
GOOD_BYE = 1000


@pytest.fixture(scope="module", autouse=True)
def devices(hub):
    for name in ("desk", "deaf", "loud"):
        hub.add(name)


@pytest.fixture(autouse=True)
def quiet(hub, alarm):
    """Nothing is left behind, and nothing was a failure of the hub's."""
    yield
    hub.misbehave()
    eventually(lambda: not connections(hub))
    eventually(lambda: not hub.server._https.lobby)
    alarm.silent()


def connections(hub):
    return hub.server._endpoint.connections


def opened(hub, path=DEVICES):
    """A WebSocket of a device, yet without a word."""
    return dialled(hub, path, MQTT)


@contextlib.contextmanager
def welcome(hub, device_id="desk"):
    """A device that is connected, by its WebSocket."""
    with opened(hub) as line:
        line.send_binary(hello(hub, device_id))
        assert line.recv() == ACCEPTED
        yield line


# --- the handshake


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("mqtt", "mqtt"),
        ("MQTT", "MQTT"),  # azure-iot-sdk-c, iothubtransportmqtt_websockets.c
        ("mqttv3.1, mqtt", "mqtt"),
        ("mqtt, AMQPWSB10", "mqtt"),
        ("AMQPWSB10,mqtt", AMQP),
    ],
)
def test_the_first_sub_protocol_that_is_spoken_is_taken_as_it_was_written(hub, asked, answered):
    code, headers = status(hub, path=DEVICES, Sec_WebSocket_Protocol=asked)
    assert (code, headers["Sec-WebSocket-Protocol"]) == (101, answered)


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        ({"Sec_WebSocket_Protocol": "mqttv3.1"}, 400),
        ({"Sec_WebSocket_Protocol": "amqp"}, 400),
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"path": SERVICES, "Sec_WebSocket_Protocol": MQTT}, 400),
        ({"method": "PUT", "Sec_WebSocket_Protocol": MQTT}, 405),
        ({"Upgrade": None, "Sec_WebSocket_Protocol": MQTT}, 426),
        ({"Sec_WebSocket_Version": "8", "Sec_WebSocket_Protocol": MQTT}, 426),
    ],
)
def test_what_is_no_such_websocket_is_refused(hub, attempt, answer):
    assert status(hub, **{"path": DEVICES, **attempt})[0] == answer


@pytest.mark.parametrize("query", ["", "?iothub-no-client-cert=true", "/"])
def test_a_device_is_connected_and_sends(hub, query):
    """Azure's SDKs for Java and .NET ask with the query ``iothub-no-client-cert=true``."""
    with opened(hub, DEVICES + query) as line:
        line.send_binary(hello(hub, "desk"))
        assert line.recv() == ACCEPTED
        line.send_binary(publish(EVENTS.format("desk"), b'{"by": "websocket"}', packet_id=7))
        assert line.recv() == bytes((PUBACK, 2, 0, 7))
    event = hub.event("Telemetry", lambda event: event["deviceId"] == "desk")
    assert event["body"] == {"by": "websocket"}


# --- the stream


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 100_000])
def test_the_stream_may_be_cut_anywhere(hub, cut):
    with Wire(hub, lambda hub: Upgraded(hub, cut=cut)) as wire:
        wire.say(hello(hub, "desk") + subscribe(DESIRED) + publish(EVENTS.format("desk")) + PING)
        # The PUBACK comes once the message is kept.
        assert sorted(wire.hear()[0] for _ in range(4)) == [CONNACK, PUBACK, SUBACK, PONG]
        wire.sock.line.send_binary(b"")
        wire.sock.line.ping("still there?")
        wire.say(PING)
        assert wire.hear()[0] == PONG


def test_one_message_of_websocket_may_be_several_frames(hub):
    with welcome(hub) as line:
        line.send_frame(websocket.ABNF(0, 0, 0, 0, websocket.ABNF.OPCODE_BINARY, 1, PING[:1]))
        line.ping()
        line.send_frame(websocket.ABNF(1, 0, 0, 0, websocket.ABNF.OPCODE_CONT, 1, PING[1:] + PING))
        assert line.recv() == 2 * b"\xd0\x00"


# --- the end


@pytest.mark.parametrize(
    ("said", "code", "reason"),
    [
        (b"\x81\x84mask" + b"MQTT", UNSUPPORTED, "text"),
        (b"\x82\xff" + (MAX_MESSAGE + 1).to_bytes(8, "big") + b"mask", TOO_BIG, "size"),
        (b"\xc2\x81maskx", BROKEN, "reserved"),
        (b"\x80\x81maskx", BROKEN, "continuation"),
    ],
    ids=["text", "too-big", "reserved-bits", "continues-nothing"],
)
def test_what_is_no_binary_message_closes_it_and_says_why(hub, said, code, reason):
    with welcome(hub) as line:
        line.sock.sendall(said)
        assert heard(line) == (b"", code)
    event = hub.event("hubDiagnostics", lambda event: "WebSocket failed" in event["body"]["reason"])
    assert event["deviceId"] == "desk" and reason in event["body"]["reason"].lower()


@pytest.mark.parametrize(
    ("said", "last"),
    [
        (packet(0xF0), b""),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (LEAVE, b""),
        (publish("$SYS/broker"), b""),
        (PING + LEAVE, b"\xd0\x00"),
    ],
    ids=["reserved-type", "http", "disconnect", "no-topic-of-its-own", "ping-and-disconnect"],
)
def test_what_ends_it_in_mqtt_is_followed_by_a_good_bye(hub, said, last):
    with welcome(hub) as line:
        line.send_binary(said)
        assert heard(line) == (last, GOOD_BYE)


def test_who_is_refused_hears_it_before_the_good_bye(hub):
    with opened(hub) as line:
        line.send_binary(hello(hub, "desk", password=token(hub, "deaf")))
        assert heard(line) == (b"\x20\x02\x00\x05", GOOD_BYE)


def test_who_leaves_by_websockets_good_bye_has_left_its_will(hub):
    """A connection that ends without DISCONNECT, 3.1.2.5; a diagnostic says so here."""
    with welcome(hub) as line:
        line.send_close()
        assert heard(line)[1] == GOOD_BYE
    hub.event("hubDiagnostics", lambda event: event["body"]["reason"] == "the connection broke")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_bytes_that_are_no_frames_harm_nobody(hub, data, known):
    with opened(hub) as line, contextlib.suppress(OSError):
        if known:
            line.send_binary(hello(hub, "desk"))
        line.sock.sendall(data)


def test_after_all_that_a_device_is_served(hub):
    with welcome(hub) as line:
        line.send_binary(PING)
        assert line.recv() == b"\xd0\x00"


# --- the limits are those of the endpoint


@pytest.mark.parametrize("said", [None, b"", b"\x10", "ping"], ids=["nothing", "empty", "a-byte", "pings"])
def test_who_does_not_say_who_it_is_is_dropped_in_time(hub, said, monkeypatch):
    """What keeps a WebSocket alive is no CONNECT."""
    monkeypatch.setattr(mqtt, "CONNECT_S", 0.5)
    with opened(hub) as line:
        with contextlib.suppress(OSError, websocket.WebSocketException):
            while said == "ping" and connections(hub):
                line.ping()
            if isinstance(said, bytes):
                line.send_binary(said)
        assert heard(line)[1] is None


def test_pings_of_websocket_are_no_sign_of_a_devices_life(hub):
    """3.1.2.10: it is control packets that a keep-alive is counted from."""
    with opened(hub) as line:
        line.send_binary(hello(hub, "desk", keep_alive=1))
        assert line.recv() == ACCEPTED
        with contextlib.suppress(OSError, websocket.WebSocketException):
            while hub.call("get_device", "desk")["connectionState"] == "Connected":
                line.ping()
        hub.event("hubDiagnostics", lambda event: "silent" in event["body"]["reason"])


def test_those_that_wait_longest_make_room_and_are_counted(hub, monkeypatch):
    monkeypatch.setattr(patience, "MAX_WAITING", 5)
    monkeypatch.setattr(mqtt, "CONNECT_S", PATIENCE_S)  # nobody leaves because of the time
    lobby = hub.server._https.lobby  # of all that come to that port
    before = lobby.refused
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(opened(hub)) for _ in range(12)]
        assert len(lobby) <= 5
        eventually(lambda: lobby.refused == before + 7)
        assert [heard(line)[1] for line in lines[:7]] == [None] * 7
        lines[-1].send_binary(hello(hub, "desk"))
        assert lines[-1].recv() == ACCEPTED


def test_who_does_not_read_is_dropped_and_nobody_else_is(hub):
    with welcome(hub, "deaf") as deaf, welcome(hub) as other:
        deaf.send_binary(subscribe(DESIRED))
        assert deaf.recv()[0] == SUBACK
        patch = {"properties": {"desired": {f"k{n}": "x" * 4000 for n in range(7)}}}

        def gone():
            hub.call("patch_twin", "deaf", patch)
            return hub.call("get_device", "deaf")["connectionState"] == "Disconnected"

        eventually(gone)
        other.send_binary(PING)
        assert other.recv() == b"\xd0\x00"


def test_who_floods_and_does_not_read_is_held_up_and_takes_no_room(hub):
    def flood():
        with contextlib.suppress(OSError, websocket.WebSocketException):
            while True:
                loud.send_binary(PING * 10_000)

    with welcome(hub, "loud") as loud:
        (connection,) = connections(hub)
        line = connection._transport
        flooding = threading.Thread(target=flood, daemon=True)
        flooding.start()
        # Nothing more is taken from it, until some of what waits has gone.
        unread = eventually(lambda: not line._wanted.is_set() and line.get_write_buffer_size())
        assert unread < mqtt.MAX_UNREAD
    flooding.join(PATIENCE_S)


# --- faults, certificates, and the hub's own end


def test_a_fault_hits_a_device_at_its_websocket_too(hub):
    faults = hub.misbehave({"fault": "refuse", "times": 1}, {"fault": "kill", "bytes": 6})
    with opened(hub) as line:
        line.send_binary(hello(hub, "desk"))
        assert heard(line) == (b"\x20\x02\x00\x03", GOOD_BYE)
    with welcome(hub) as line:
        line.send_binary(PING * 10)
        assert heard(line)[1] is None
    assert faults.done["refuse"] == faults.done["kill"] == 1


def test_a_certificate_is_shown_to_the_tls_below(hub, tmp_path):
    def known_by(thumbprint):
        prints = {"primaryThumbprint": thumbprint, "secondaryThumbprint": None}
        return {"authentication": {"type": "selfSigned", "x509Thumbprint": prints}}

    hub.call("create_device", "shed", known_by(make_certificate(tmp_path, "shed")))
    hub.call("create_device", "other", known_by("A" * 40))
    for name, answer in (("shed", ACCEPTED), ("other", b"\x20\x02\x00\x05")):
        with dialled(hub, DEVICES, MQTT, shown=tmp_path) as line:
            line.send_binary(hello(hub, name, password=b""))
            assert line.recv() == answer, name


def test_who_shows_nothing_is_refused_and_told_why(hub):
    with opened(hub) as line:
        line.send_binary(hello(hub, "desk", password=b""))
        assert heard(line) == (b"\x20\x02\x00\x04", GOOD_BYE)
    hub.event("hubDiagnostics", lambda event: "neither a password nor" in event["body"]["reason"])


def test_a_connection_ends_when_the_hub_stops(tmp_path, alarm):
    with LiveHub(tmp_path) as live:
        live.add("desk")
        with welcome(live) as line:
            live.stop()
            heard(line)
    alarm.silent()
