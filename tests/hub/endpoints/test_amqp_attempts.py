"""What is attempted at the AMQP doors, and how the hub reacts: over real sockets, beside an honest reader and device.

What is refused with a condition by the engine and the nodes is in the rooms amqp and nodes; here is what only a
socket can do: say nothing, say half, never read, come in great number.
"""

import asyncio
import contextlib
import json
import os
import queue
import signal
import socket
import ssl
import subprocess
import threading

import pytest
from azure.eventhub import EventHubConsumerClient
from azure.eventhub._pyamqp import performatives
from azure.eventhub._pyamqp.endpoints import Source, Target
from peer import AMQP, SASL, frame_of
from support import TWINKLE
from wire import PUBACK, Wire, hello, publish

from twinkle_host.hub.doors import amqp
from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import PATIENCE_S, eventually

EVENTS = "devices/honest/messages/events/"
OPENING = (
    SASL
    + frame_of(0, performatives.SASLInit, b"\x01", mechanism=b"ANONYMOUS")
    + AMQP
    + frame_of(0, performatives.OpenFrame, container_id="mallory")
)
BEGIN = frame_of(0, performatives.BeginFrame, next_outgoing_id=0, incoming_window=100, outgoing_window=100)
QUESTION = frame_of(
    *(0, performatives.FlowFrame),
    **{"next_incoming_id": 0, "incoming_window": 100, "next_outgoing_id": 0, "outgoing_window": 100},
    echo=True,
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub"), plain_amqp_port=0) as live:
        live.add("honest")
        yield live


@pytest.fixture(scope="module")
def honest(hub):
    """A device and a reader that do nothing wrong; a function that says whether both are served."""
    came = queue.Queue()
    client = EventHubConsumerClient.from_connection_string(
        hub.info["eventHubEmulatorConnectionString"], "$Default"
    )
    thread = threading.Thread(
        target=client.receive_batch,
        kwargs={"on_event_batch": lambda _, events: [came.put(event) for event in events]},
        daemon=True,
    )
    thread.start()
    eventually(lambda: sum(map(len, hub.server._amqp.event_hub._readers.values())) == 4)
    with Wire(hub) as device:
        device.say(hello(hub, "honest"))
        device.hear()

        def served():
            device.say(publish(EVENTS, b"still served", packet_id=7))
            assert device.hear()[0] == PUBACK
            while came.get(timeout=PATIENCE_S).body_as_str() != "still served":
                pass

        served()
        yield served
    client.close()
    thread.join(PATIENCE_S)


@contextlib.contextmanager
def dialled(hub, tls=True):
    """A socket to the AMQP door."""
    port = hub.info["amqpPort"] if tls else int(plain_port(hub))
    plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    if tls:
        context = ssl.create_default_context(cafile=hub.info["caFile"])
        plain = context.wrap_socket(plain, server_hostname="localhost")
    with plain:
        yield plain


def plain_port(hub):
    return hub.info["eventHubEmulatorConnectionString"].partition("localhost:")[2].partition("/")[0]


def heard(sock):
    """All that comes until the hub has closed."""
    data = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := sock.recv(65536):
            data += more
    return data


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    "said, answer",
    [
        (b"GET / HTTP/1.1\r\n\r\n", SASL),
        (b"\x10\x0c\x00\x04MQTT", SASL),
        (b"AMQP\x00\x00\x09\x01", SASL),
        (OPENING + b"\xff" * 100, b"amqp:connection:framing-error"),
        (OPENING + b"\x00\x00\x00\x0c\x02\x00\x00\x00\x00\x53\x17\x40", b"amqp:decode-error"),
        (OPENING + BEGIN + BEGIN, b"amqp:not-allowed"),
    ],
    ids=["http", "mqtt", "amqp-0.9", "no-frames", "no-values", "a-channel-twice"],
)
def test_what_is_no_amqp_is_answered_and_closed(hub, honest, said, answer, tls):
    with dialled(hub, tls) as sock:
        sock.sendall(said)
        assert answer in heard(sock)
    honest()


@pytest.mark.parametrize(
    "said", [b"", SASL[:3], SASL, OPENING[:-1]], ids=["nothing", "half", "sasl", "no-open"]
)
def test_who_does_not_open_is_dropped_in_time(hub, honest, said, monkeypatch):
    monkeypatch.setattr(amqp, "GREET_S", 0.2)
    with dialled(hub) as sock:
        sock.sendall(said)
        heard(sock)
    honest()


def test_a_tls_handshake_that_is_never_finished_harms_nobody(hub, honest):
    with socket.create_connection(("127.0.0.1", hub.info["amqpPort"])) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00")
        honest()


def test_the_door_without_tls_is_there_on_loopback_only_and_only_when_it_is_asked_for(tmp_path):
    with LiveHub(tmp_path / "shut") as live:
        assert "eventHubEmulatorConnectionString" not in live.info
        assert live.server._amqp._plain is None
    with LiveHub(tmp_path / "open", bind="0.0.0.0", plain_amqp_port=0) as live:
        assert [sock.getsockname()[0] for sock in live.server._amqp._plain.sockets] == ["127.0.0.1"]


def test_a_peer_that_reads_nothing_is_waited_for_and_dropped_and_nothing_is_made_for_it(
    hub, honest, monkeypatch
):
    monkeypatch.setattr(amqp, "STALL_S", 0.5)
    known = set(hub.server._amqp.connections)
    with dialled(hub) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(OPENING + BEGIN)
        (door,) = eventually(lambda: set(hub.server._amqp.connections) - known)
        soon_full(door)
        with contextlib.suppress(OSError):
            sock.settimeout(PATIENCE_S)
            while door in hub.server._amqp.connections:
                sock.sendall(QUESTION * 1000)
                unsent = door._transport.get_write_buffer_size()
                assert unsent < amqp.MAX_UNSENT + 512 * 1024
        eventually(lambda: door not in hub.server._amqp.connections)
    honest()


def soon_full(door):
    """Loopback's own room is two megabytes and more, which it takes tens of thousands of answers to fill."""
    door._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)


class Deaf(asyncio.Transport):
    """The transport of a peer that reads nothing: ``close`` waits for what is unsent, without a limit of its own
    (asyncio's documentation of WriteTransport), and ``abort`` does not."""

    def __init__(self):
        super().__init__()
        self.closing = False
        self.gone = asyncio.Event()

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def write(self, data):
        pass

    def pause_reading(self):
        pass

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    def abort(self):
        self.gone.set()


def test_a_peer_that_leaves_the_last_word_unread_is_dropped_too(hub, monkeypatch):
    monkeypatch.setattr(amqp, "STALL_S", 0.0)

    async def story():
        door, transport = amqp.Door(hub.server._amqp), Deaf()
        door.connection_made(transport)
        door.data_received(b"GET / HTTP/1.1\r\n\r\n")
        assert transport.closing
        await asyncio.wait_for(transport.gone.wait(), PATIENCE_S)
        door.connection_lost(None)

    asyncio.run(story())


def test_who_leaves_while_it_is_waited_for_is_not_said_to_read_nothing(hub, monkeypatch, caplog):
    monkeypatch.setattr(amqp, "STALL_S", 0.0)

    async def story():
        door = amqp.Door(hub.server._amqp)
        door.connection_made(Deaf())
        door.pause_writing()
        door.connection_lost(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(story())
    assert "does not read" not in caplog.text


def test_more_connections_than_there_is_room_for_are_refused_and_counted(hub, honest, monkeypatch):
    monkeypatch.setattr(amqp, "MAX_CONNECTIONS", len(hub.server._amqp.connections) + 2)
    before = hub.server._amqp.refused
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            sock = stack.enter_context(dialled(hub, tls=False))
            sock.sendall(OPENING)
            assert sock.recv(8) == SASL
        with dialled(hub, tls=False) as third:
            assert heard(third) == b""
        assert hub.server._amqp.refused == before + 1
        honest()


def test_what_a_client_is_refused_is_in_the_hubs_log(hub, honest, caplog):
    attach = frame_of(
        *(0, performatives.AttachFrame),
        **{"name": "x", "handle": 0, "role": True, "send_settle_mode": 2, "rcv_settle_mode": 0},
        source=Source(address="nowhere"),
        target=Target(address="mine"),
    )
    caplog.set_level("INFO", "twinkle.hub")
    with dialled(hub, tls=False) as sock:
        sock.sendall(OPENING + BEGIN + attach)
        eventually(lambda: "refused: 'nowhere': amqp:unauthorized-access: No token" in caplog.text)
        (line,) = [line for line in caplog.messages if "nowhere" in line]
        assert line.startswith(f"127.0.0.1:{sock.getsockname()[1]} refused")


def test_the_hub_says_good_bye_when_it_stops(tmp_path):
    with LiveHub(tmp_path, plain_amqp_port=0) as live, dialled(live, tls=False) as sock:
        sock.sendall(OPENING)
        doors = live.server._amqp.connections
        eventually(lambda: any(door._engine.state == "opened" for door in list(doors)))
        live.stop()
        assert b"amqp:connection:forced" in heard(sock)


def test_a_reader_hears_of_a_hub_that_stops_by_the_end_of_its_link_first(tmp_path):
    """@azure/event-hubs looks at that, and else not before its wait for events is over."""
    with LiveHub(tmp_path, plain_amqp_port=0) as live, dialled(live, tls=False) as sock:
        text = live.info["eventHubConnectionString"]
        key = text.partition("SharedAccessKey=")[2].partition(";")[0].encode()
        init = frame_of(
            *(0, performatives.SASLInit, b"\x01"),
            **{"mechanism": b"PLAIN", "initial_response": b"\x00service\x00" + key},
        )
        attach = frame_of(
            *(0, performatives.AttachFrame),
            **{"name": "x", "handle": 0, "role": True, "send_settle_mode": 1, "rcv_settle_mode": 0},
            source=Source(address="localhost/ConsumerGroups/$Default/Partitions/0"),
            target=Target(address="mine"),
        )
        sock.sendall(
            SASL + init + AMQP + frame_of(0, performatives.OpenFrame, container_id="n") + BEGIN + attach
        )
        eventually(lambda: live.server._amqp.event_hub._readers)
        live.stop()
        said = heard(sock)
        assert 0 < said.find(b"amqp:link:detach-forced") < said.find(b"amqp:connection:forced")


def test_what_was_acknowledged_outlives_a_hub_that_is_killed(tmp_path):
    """Messages at QoS 1 are in the log once their PUBACK has come, whatever happens to the hub's process then."""

    def started():
        command = [TWINKLE, "hub", "--state", tmp_path / "hub", "--json", "--quiet"]
        command += [word for flag in ("--port", "--rest-port", "--amqp-port") for word in (flag, "0")]
        process = subprocess.Popen(
            command,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "home")},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline()
        return process

    with LiveHub(tmp_path / "hub") as live:
        live.add("honest")
        connect = hello(live, "honest")
    process = started()
    acknowledged = []
    try:
        with Wire(_Told(tmp_path / "hub")) as device:
            device.say(connect)
            device.hear()
            for number in range(200):
                device.say(publish(EVENTS, b"%d" % number, packet_id=number + 1))
                if number % 10 == 9:
                    for _ in range(10):
                        first, body = device.hear()
                        assert first == PUBACK
                        acknowledged.append(int.from_bytes(body, "big") - 1)
            device.say(*(publish(EVENTS, b"%d" % number, packet_id=number + 1) for number in range(200, 300)))
            process.send_signal(signal.SIGKILL)
            while (packet := device.hear()) is not None:
                acknowledged.append(int.from_bytes(packet[1], "big") - 1)
    finally:
        process.kill()
        process.wait(PATIENCE_S)
    with LiveHub(tmp_path / "hub") as live:
        bodies = []
        for partition in range(4):
            at = 0
            while rows := live.stored(partition, at):
                at = rows[-1].sequence + 1
                bodies += [row.message.rpartition(b"\x00\x53\x75\xa0")[2][1:] for row in rows]
    kept = [int(body) for body in bodies if body.isdigit()]
    assert len(acknowledged) >= 200 and sorted(kept) == kept
    assert set(acknowledged) <= set(kept)


class _Told:
    """What a hub in a process of its own wrote down, in the form in which a live one tells it."""

    def __init__(self, state):
        self.info = json.loads((state / "hub.json").read_text())
