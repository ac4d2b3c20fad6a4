"""An honest conversation cut, spoilt and shuffled: the engine answers by the book or drops, and holds little."""

import random
import struct
import sys

import pytest
from azure.eventhub._pyamqp import performatives
from azure.eventhub._pyamqp.endpoints import Source, Target
from azure.eventhub._pyamqp.outcomes import Accepted
from hypothesis import given
from hypothesis import strategies as st
from peer import AMQP, SASL, Peer, frame_of, text, whole

from twinkle_host.hub.amqp.connection import CHANNEL_MAX, FILL, MAX_HELD

MESSAGE = whole("m1", b"body" * 100, {"a": "1"})
IN_PIECES = (8, 9)  # whose end is payload
WINDOWS = {"incoming_window": 100, "next_outgoing_id": 0, "outgoing_window": 100}
TRANSFER = {"handle": 1, "delivery_id": 0, "delivery_tag": b"t", "message_format": 0}
CONVERSATION = [
    SASL,
    frame_of(0, performatives.SASLInit, b"\x01", mechanism=b"ANONYMOUS"),
    AMQP,
    frame_of(0, performatives.OpenFrame, container_id="me", max_frame_size=1024, idle_timeout=60000),
    frame_of(0, performatives.BeginFrame, **WINDOWS),
    frame_of(
        *(0, performatives.AttachFrame),
        **{"name": "in", "handle": 0, "role": True, "send_settle_mode": 0},
        **{"source": Source(address="well"), "target": Target(address="mine")},
    ),
    frame_of(
        *(0, performatives.AttachFrame),
        **{"name": "out", "handle": 1, "role": False, "initial_delivery_count": 0},
        **{"source": Source(address="mine"), "target": Target(address="drain")},
    ),
    frame_of(
        0, performatives.FlowFrame, next_incoming_id=0, handle=0, delivery_count=0, link_credit=3, **WINDOWS
    ),
    frame_of(0, performatives.TransferFrame, more=True, payload=MESSAGE[:200], **TRANSFER),
    frame_of(
        0, performatives.TransferFrame, more=False, payload=MESSAGE[200:], **{**TRANSFER, "delivery_id": None}
    ),
    frame_of(0, performatives.DispositionFrame, role=True, first=0, last=1, settled=True, state=Accepted()),
    b"\x00\x00\x00\x08\x02\x00\x00\x00",
    frame_of(0, performatives.DetachFrame, handle=0, closed=True),
    frame_of(0, performatives.EndFrame),
    frame_of(0, performatives.CloseFrame),
]


def talk(pieces):
    """A client that says these; the hub's answers as one piece."""
    peer = Peer()
    peer.nodes.well.asks = True
    peer.nodes.well.messages = [text(number) for number in range(5)]
    heard = b""
    for piece in pieces:
        peer.say_raw(piece)
        heard += peer.hear_raw()
        peer.connection.step(peer.now)
    return peer, heard


def is_sound(peer):
    """What must be true of a connection whatever was said to it."""
    connection = peer.connection
    assert connection._size < FILL + 100_000 and 0 <= connection._held <= MAX_HELD + 65536
    assert len(connection.sessions) <= CHANNEL_MAX + 1
    if connection.state == "closed":
        assert peer.nodes.links == [] and connection.sessions == {}


def test_the_conversation_is_an_honest_one():
    peer, heard = talk(CONVERSATION)
    assert peer.nodes.drain.taken == [MESSAGE]
    assert peer.nodes.well.outcomes == [(0, "accepted"), (1, "accepted")]
    assert peer.connection.error is None and peer.connection.state == "closed"
    assert heard.count(b"message ") == 3


def test_cut_at_every_byte_it_is_the_same_conversation():
    _, heard = talk(CONVERSATION)
    for index, frame in enumerate(CONVERSATION):
        for at in range(1, len(frame)):
            pieces = [*CONVERSATION[:index], frame[:at], frame[at:], *CONVERSATION[index + 1 :]]
            peer, other = talk(pieces)
            assert other == heard and peer.nodes.drain.taken == [MESSAGE]
    _, other = talk(bytes((byte,)) for byte in b"".join(CONVERSATION))
    assert other == heard


def test_a_client_that_dies_at_any_byte_leaves_nothing_behind():
    whole_talk = b"".join(CONVERSATION)
    for at in range(len(whole_talk)):
        peer, _ = talk([whole_talk[:at]])
        peer.connection.lost()
        assert peer.nodes.links == [] and peer.connection._held == 0


@pytest.mark.parametrize("at", range(len(CONVERSATION)))
def test_a_frame_that_ends_too_early_is_an_error_by_the_book(at):
    """Each frame cut at every byte, its size corrected, so that it is whole and its values are not."""
    frame = CONVERSATION[at]
    if frame[:4] == b"AMQP" or len(frame) == 8:
        return
    for size in range(9, len(frame)):
        cut = struct.pack(">I", size) + frame[4:size]
        peer, _ = talk([*CONVERSATION[:at], cut])
        is_sound(peer)
        if at not in IN_PIECES:
            assert peer.connection.state == "closed"
            assert peer.connection.error is not None
            assert peer.connection.error.condition in ("amqp:decode-error", "amqp:invalid-field")


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_an_honest_conversation_with_spoilt_bytes(seed, count):
    chance, frames = random.Random(seed), [bytearray(frame) for frame in CONVERSATION]
    for _ in range(count):
        frame = chance.choice(frames)
        frame[chance.randrange(len(frame))] = chance.choice(
            (0, 1, 0x40, 0x45, 0x80, 0xC0, 0xFF, chance.randrange(256))
        )
    peer, _ = talk(map(bytes, frames))
    is_sound(peer)


@given(st.integers(0, 2**32))
def test_honest_frames_in_any_order_and_number(seed):
    chance = random.Random(seed)
    frames = [chance.choice(CONVERSATION[4:-1]) for _ in range(chance.randrange(60))]
    frames = [
        frame[:6] + struct.pack(">H", chance.choice((0, 0, 0, 1, 63, 64))) + frame[8:] for frame in frames
    ]
    peer, _ = talk([*CONVERSATION[:4], *frames])
    is_sound(peer)


@given(st.binary(max_size=300))
def test_any_bytes_at_the_start_and_after_it(data):
    for before in (0, 1, 3, 4, 7):
        peer, _ = talk([*CONVERSATION[:before], data])
        is_sound(peer)


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_in_the_form_of_frames(bodies):
    frames = [struct.pack(">IBBH", 8 + len(body), 2, 0, 0) + body for body in bodies]
    peer, _ = talk([*CONVERSATION[:7], *frames])
    is_sound(peer)


def test_what_a_flood_of_questions_leads_to_is_no_more_than_its_answers():
    peer, _ = talk(CONVERSATION[:7])
    question = frame_of(0, performatives.FlowFrame, next_incoming_id=0, echo=True, **WINDOWS)
    peer.say_raw(question * 1000)
    assert len(peer.hear_raw()) < 2 * 1000 * len(question)


def test_an_idle_connection_holds_little():
    peer, _ = talk(CONVERSATION[:7])
    assert sys.getsizeof(peer.connection._decoder._buffer) < 1024 and peer.connection._out == []
