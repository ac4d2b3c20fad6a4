"""How much memory the hub gives to those who have not said who they are, at each of its doors.

At each port there are at most 1,000 of them, and what all of them together have said is at most 32 MiB
(``doors.patience``): a handshake, a CONNECT, a request's header and body, a WebSocket's message, a frame. Who has
waited longest makes room. Each row says something large that has no end, from many connections at once, beside an
honest device and an honest service.
"""

import contextlib
import socket
import ssl
import struct

import pytest
from packets import field, packet
from test_amqp_attempts import BEGIN, OPENING
from wire import ACCEPTED, CONNECT, PUBACK, PUBLISH, Wire, hello, open_tls, publish
from wss import DEVICES, HANDSHAKE, MQTT, SERVICES, dial

from twinkle_host.hub.doors import patience
from twinkle_host.hub.doors.patience import MAX_BYTES, MAX_WAITING, Lobby
from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S, eventually

ROOM = 1 << 20  # bytes for all of them, in these tests
TIMES = 3  # as much is said in all


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub"), plain_amqp_port=0) as live:
        live.add("honest")
        yield live


@pytest.fixture(autouse=True)
def little_room(monkeypatch):
    monkeypatch.setattr(patience, "MAX_BYTES", ROOM)


@pytest.fixture(scope="module")
def honest(hub):
    with Wire(hub) as wire:
        wire.say(hello(hub, "honest"))
        assert wire.sock.recv(4) == ACCEPTED
        yield wire


def plain(hub, port):
    return socket.create_connection(("127.0.0.1", hub.info[port]), PATIENCE_S)


def tls(hub, port):
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    return context.wrap_socket(plain(hub, port), server_hostname="localhost")


# --- what is said, by whom; each answers the socket


def half_a_client_hello(port):
    """RFC 8446, 4 and 5.1: a handshake's message may have several records; OpenSSL takes one of 128 KiB."""
    message = b"\x01\x01\xff\x00" + bytes(64_000)
    records = [message[at : at + 16_000] for at in range(0, len(message), 16_000)]

    def say(hub):
        sock = plain(hub, port)
        sock.sendall(b"".join(b"\x16\x03\x01" + struct.pack("!H", len(each)) + each for each in records))
        return sock

    return say


def half_a_connect(hub):
    sock = open_tls(hub)
    sock.sendall(packet(CONNECT, bytes(16_000))[:-1])
    return sock


def half_a_message_of_who_is_to_be_provisioned(hub):
    """A CONNECT to DPS is accepted whatever it shows."""
    sock = open_tls(hub)
    scope = hub.info["idScope"]
    username = f"{scope}/registrations/mallory/api-version=2019-03-31"
    sock.sendall(hello(hub, "mallory", username=username, password="let me in"))
    assert sock.recv(4) == ACCEPTED
    topic = field("$dps/registrations/PUT/iotdps-register/?$rid=1")
    sock.sendall(packet(PUBLISH, topic + bytes(300_000))[:-1])
    return sock


def half_a_websocket_message(path, protocol):
    def say(hub):
        sock = dial(hub, path, protocol).sock
        sock.sendall(b"\x82\xff" + (1 << 20).to_bytes(8, "big") + b"mask" + bytes(200_000))
        return sock

    return say


def half_a_header(hub):
    sock = tls(hub, "restPort")
    sock.sendall(
        b"GET /devices HTTP/1.1\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"x" * 8000) for n in range(100))
    )
    return sock


def half_a_body(*header):
    def say(hub):
        sock = tls(hub, "restPort")
        lines = [*header, "Host: localhost", "Content-Length: 500000", "", ""]
        sock.sendall("\r\n".join(lines).encode() + bytes(100_000))
        return sock

    return say


def half_a_frame(dial):
    """Of who has opened the connection, and put no token."""

    def say(hub):
        sock = dial(hub)
        sock.sendall(OPENING + BEGIN + struct.pack("!I", 65_536) + b"\x02\x00\x00\x00" + bytes(60_000))
        return sock

    return say


def without_tls(hub):
    return socket.create_connection(("127.0.0.1", hub.server._plain_port), PATIENCE_S)


ATTEMPTS = {
    "a handshake at the devices' port": (half_a_client_hello("mqttPort"), 64_000),
    "a handshake at the services' port": (half_a_client_hello("restPort"), 64_000),
    "a handshake at the readers' port": (half_a_client_hello("amqpPort"), 64_000),
    "a CONNECT": (half_a_connect, 16_000),
    "a message to the provisioning service": (half_a_message_of_who_is_to_be_provisioned, 300_000),
    "a WebSocket's message of a device": (half_a_websocket_message(DEVICES, MQTT), 200_000),
    "a WebSocket's message of a service": (half_a_websocket_message(SERVICES, "AMQPWSB10"), 200_000),
    "a request's header": (half_a_header, 800_000),
    "a body without authorization": (half_a_body("POST /devices?api-version=2021-04-12 HTTP/1.1"), 100_000),
    "a body with a bad token": (
        half_a_body(
            "POST /devices/honest/messages/events?api-version=2021-04-12 HTTP/1.1",
            "Authorization: SharedAccessSignature sr=localhost&sig=x&se=1",
        ),
        100_000,
    ),
    "a body for an upgrade": (
        half_a_body(f"GET {SERVICES} HTTP/1.1", *(f"{name}: x" for name in HANDSHAKE)),
        100_000,
    ),
    "a frame of AMQP": (half_a_frame(lambda hub: tls(hub, "amqpPort")), 60_000),
    "a frame of AMQP without TLS": (half_a_frame(without_tls), 60_000),
}


def is_open(sock):
    """Whether the hub has not closed it; what it says is of no interest."""
    sock.setblocking(False)
    try:
        while sock.recv(65536):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        sock.settimeout(PATIENCE_S)
    return False


def served(hub, rest, honest):
    honest.say(publish("devices/honest/messages/events/", packet_id=7))
    assert honest.hear() == (PUBACK, b"\x00\x07")
    assert rest("GET", "/devices/honest").status_code == 200


@pytest.mark.parametrize(("say", "size"), ATTEMPTS.values(), ids=ATTEMPTS)
def test_what_the_unidentified_say_is_bounded_in_total(hub, rest, honest, alarm, say, size):
    amqp = hub.server._amqp
    lobbies = [hub.server._endpoint.lobby, hub.server._https.lobby, amqp._tls.lobby, amqp.lobby]
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(TIMES * ROOM // size + 1):
            with contextlib.suppress(OSError):  # while it speaks, others may have made it leave
                held.append(stack.enter_context(contextlib.closing(say(hub))))
        served(hub, rest, honest)
        eventually(lambda: sum(map(is_open, held)) * size <= ROOM)
        assert all(lobby.said <= ROOM for lobby in lobbies)
    eventually(lambda: not any(len(lobby) or lobby.said for lobby in lobbies))
    assert is_open(honest.sock), "who is known makes room for nobody"
    alarm.silent()


def test_of_those_who_have_said_something_the_one_that_has_waited_longest_makes_room(monkeypatch):
    class Comer:
        def drop(self):
            gone.append(self)

    gone, lobby = [], Lobby()
    silent, first, second, third = comers = [Comer() for _ in range(4)]
    for comer in comers:
        lobby.enter(comer)
    for comer in (third, second, first):
        lobby.heard(comer, ROOM // 3)
    assert gone == []
    lobby.heard(second, ROOM // 3)
    assert gone == [first] and lobby.said == ROOM // 3 * 3 and silent in list(lobby)
    lobby.heard(first, ROOM)
    lobby.leave(first)
    lobby.leave(second)
    assert lobby.said == ROOM // 3 and lobby.refused == 1
    lobby.heard(third, ROOM)
    assert gone == [first, third] and lobby.said == 0, "nobody alone has more"


def test_the_bounds_are_those_that_stand_above():
    assert (MAX_WAITING, MAX_BYTES) == (1000, 32 << 20)
