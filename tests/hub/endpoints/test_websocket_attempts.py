"""What is attempted at the WebSocket door of the AMQP endpoint, over real sockets, by websocket-client and by hand."""

import asyncio
import contextlib
import socket
import ssl
import struct

import pytest
import websocket
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from peer import AMQP, SASL
from test_amqp_attempts import BEGIN, OPENING, QUESTION, soon_full
from wss import BROKEN, DEVICES, HANDSHAKE, SERVICES, TOO_BIG, UNSUPPORTED, dialled, heard, status

from twinkle_host.hub.amqp.frames import MAX_FRAME
from twinkle_host.hub.doors import amqp
from twinkle_host.hub.live import LiveHub
from twinkle_host.hub.rest.websocket import MAX_MESSAGE, Line
from twinkle_host.waiting import PATIENCE_S, eventually


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live


@pytest.fixture(autouse=True)
def quiet(hub, alarm):
    """Nothing is left behind, and nothing was a failure of the hub's."""
    yield
    eventually(lambda: not doors(hub))
    alarm.silent()


def doors(hub):
    return set(hub.server._amqp.connections)  # as it is now: the hub's own changes in another thread


@pytest.mark.parametrize("path", [SERVICES, SERVICES + "/", DEVICES])
def test_both_of_iot_hubs_paths_lead_to_the_endpoint(hub, path):
    with dialled(hub, path) as line:
        assert line.headers["sec-websocket-protocol"] == "AMQPWSB10"
        line.send_binary(OPENING)
        assert line.recv().startswith(SASL)
        eventually(lambda: any(door._engine.state == "opened" for door in doors(hub)))


def test_the_stream_may_be_cut_anywhere(hub):
    with dialled(hub) as line:
        for number in range(len(OPENING)):
            line.send_binary(OPENING[number : number + 1])
            if number % 50 == 0:
                line.ping("still there?")
        (door,) = eventually(lambda: doors(hub))
        eventually(lambda: door._engine.state == "opened")
        line.send_binary(b"")


@pytest.mark.parametrize(
    "attempt, answer",
    [
        ({"path": "/$servicebus/other"}, 404),
        ({"path": "/$servicebus"}, 404),
        ({"path": "/websocket"}, 404),
        ({"method": "POST"}, 405),
        ({"Sec_WebSocket_Protocol": "mqtt"}, 400),
        ({"Sec_WebSocket_Protocol": None}, 400),
        ({"Upgrade": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Connection": None}, 400),
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Key": None}, 400),
    ],
)
def test_what_is_no_such_websocket_is_refused(hub, attempt, answer):
    code, headers = status(hub, **attempt)
    assert code == answer
    if code == 426:
        assert (headers["Upgrade"], headers["Sec-WebSocket-Version"]) == ("websocket", "13")


REQUEST = "\r\n".join(
    [f"GET {SERVICES} HTTP/1.1", "Host: localhost", *map("{0[0]}: {0[1]}".format, HANDSHAKE.items()), "", ""]
).encode()


def test_who_asks_and_is_gone_is_no_failure(hub):
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    at_once = struct.pack("ii", 1, 0)
    for _ in range(100):
        plain = socket.create_connection(("127.0.0.1", hub.info["restPort"]), timeout=PATIENCE_S)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            sock.sendall(REQUEST)


def test_without_tls_nothing_is_answered(hub):
    with socket.create_connection(("127.0.0.1", hub.info["restPort"]), timeout=PATIENCE_S) as plain:
        plain.sendall(REQUEST)
        with contextlib.suppress(ConnectionError):
            assert not plain.recv(100).startswith(b"HTTP")


@pytest.mark.parametrize(
    "said, code",
    [
        (b"\x81\x84masked"[:6] + b"AMQP", UNSUPPORTED),
        (b"\x82\xff" + (MAX_MESSAGE + 1).to_bytes(8, "big") + b"mask", TOO_BIG),
        (b"\xc2\x81maskx", BROKEN),
        (b"\x82\xff" + b"\xff" * 8 + b"mask", TOO_BIG),
    ],
    ids=["text", "too-big", "reserved-bits", "absurd"],
)
def test_what_is_no_binary_message_closes_it_and_says_why(hub, said, code):
    with dialled(hub) as line:
        line.send_binary(OPENING)
        line.sock.sendall(said)
        assert heard(line)[1] == code


@pytest.mark.parametrize(
    "said, answer",
    [
        (b"GET / HTTP/1.1\r\n\r\n", SASL),
        (OPENING + b"\xff" * 100, b"amqp:connection:framing-error"),
        (OPENING + BEGIN + BEGIN, b"amqp:not-allowed"),
    ],
    ids=["http", "no-frames", "a-channel-twice"],
)
def test_what_is_no_amqp_is_answered_and_closed(hub, said, answer):
    with dialled(hub) as line:
        line.send_binary(said)
        data, code = heard(line)
        assert answer in data and code == 1000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
@example(b"\x82\xfe")
@example(b"\x88\x80mask" * 2)
@example(b"\x89\xfe\x01\x00mask" + bytes(256))
def test_bytes_that_are_no_frames_harm_nobody(hub, data):
    with dialled(hub) as line:
        line.send_binary(OPENING)
        with contextlib.suppress(OSError):
            line.sock.sendall(data)
    with dialled(hub) as other:
        other.send_binary(OPENING)
        assert other.recv().startswith(SASL)


@pytest.mark.parametrize("said", [None, b"", SASL, SASL + AMQP[:4]], ids=["nothing", "empty", "sasl", "half"])
def test_who_does_not_open_is_dropped_in_time(hub, said, monkeypatch):
    monkeypatch.setattr(amqp, "GREET_S", 0.2)
    with dialled(hub) as line:
        if said is not None:
            line.send_binary(said)
        heard(line)


def test_who_reads_nothing_is_waited_for_and_dropped_and_nothing_is_made_for_it(hub, monkeypatch):
    monkeypatch.setattr(amqp, "STALL_S", 0.5)
    with dialled(hub) as line:
        line.send_binary(OPENING + BEGIN)
        (door,) = eventually(lambda: doors(hub))
        soon_full(door)
        with contextlib.suppress(OSError, websocket.WebSocketException):
            while door in doors(hub):
                line.send_binary(QUESTION * 1000)
                assert door._transport.get_write_buffer_size() < amqp.MAX_UNSENT + 512 * 1024
        eventually(lambda: door not in doors(hub))


class SlowSocket:
    """aiohttp's WebSocketResponse, when its peer reads late: ``send_bytes`` waits while the transport is full."""

    def __init__(self):
        self.reads = asyncio.Event()
        self.sent = []

    async def send_bytes(self, data):
        await self.reads.wait()
        self.sent.append(data)

    async def close(self):
        self.sent.append(None)


class Told:
    """A door that is told when to pause."""

    def __init__(self):
        self.words = []

    def pause_writing(self):
        self.words.append("pause")

    def resume_writing(self):
        self.words.append("resume")


def test_who_reads_late_gets_all_of_it_in_order_and_the_door_pauses_meanwhile():
    async def story():
        socket, door = SlowSocket(), Told()
        line = Line(socket, asyncio.Transport(), door)
        line.set_write_buffer_limits(100_000)
        sending = asyncio.create_task(line.send())
        pieces = [b"%d" % number * 30_000 for number in range(10, 15)]
        line.write(pieces[0])
        assert door.words == []
        for piece in pieces[1:]:
            line.write(piece)
        assert door.words == ["pause"]
        assert line.get_write_buffer_size() == 300_000
        socket.reads.set()
        line.close()
        line.write(b"too late")
        await sending
        assert door.words == ["pause", "resume"]
        assert line.get_write_buffer_size() == 0
        *sent, end = socket.sent
        assert b"".join(sent) == b"".join(pieces) and max(map(len, sent)) <= MAX_FRAME and end is None

    asyncio.run(story())


def test_more_than_there_is_room_for_are_refused_and_counted(hub, monkeypatch):
    before = hub.server._amqp.refused
    with dialled(hub) as line:
        line.send_binary(OPENING)
        assert line.recv()
        monkeypatch.setattr(amqp, "MAX_CONNECTIONS", 1)
        assert status(hub)[0] == 503
    assert hub.server._amqp.refused == before + 1


def test_the_hub_says_good_bye_when_it_stops(tmp_path, alarm):
    with LiveHub(tmp_path) as live, dialled(live) as line:
        line.send_binary(OPENING)
        eventually(lambda: any(door._engine.state == "opened" for door in doors(live)))
        live.stop()
        data, code = heard(line)
        assert b"amqp:connection:forced" in data and code == 1000
    alarm.silent()
