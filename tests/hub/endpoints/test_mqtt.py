"""MQTT in bytes: whole packets in, at once or byte by byte; nonsense is named by its section."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packets import field, packet

from twinkle_host.hub import mqtt
from twinkle_host.hub.mqtt import (
    Connect,
    Decoder,
    Disconnect,
    Pingreq,
    ProtocolError,
    Puback,
    Publish,
    Subscribe,
    Unsubscribe,
)

CONNECT = packet(0x10, field("MQTT") + b"\x04\xc2\x00\x3c" + field("dev") + field("user") + field("secret"))
WILL = packet(0x10, field("MQTT") + b"\x04\x2e\x00\x00" + field("d") + field("t/") + field(b"\x00\xff"))
STREAM = (
    CONNECT
    + packet(0x30, field("a/b") + b"hello")
    + packet(0x3B, field("a/b") + b"\x00\x07" + b"x" * 300)
    + packet(0x40, b"\x00\x09")
    + packet(0x82, b"\x00\x01" + field("f/#") + b"\x01" + field("g") + b"\x00")
    + packet(0xA2, b"\x00\x02" + field("f/#"))
    + packet(0xC0)
    + packet(0xE0)
)
PACKETS = [
    Connect("dev", 4, True, 60, "user", "secret"),
    Publish("a/b", b"hello"),
    Publish("a/b", b"x" * 300, 1, True, True, 7),
    Puback(9),
    Subscribe(1, (("f/#", 1), ("g", 0))),
    Unsubscribe(2, ("f/#",)),
    Pingreq(),
    Disconnect(),
]


def test_every_packet_is_read():
    assert list(Decoder().feed(STREAM)) == PACKETS


def test_one_byte_at_a_time_gives_the_same():
    decoder = Decoder()
    assert [p for byte in STREAM for p in decoder.feed(bytes((byte,)))] == PACKETS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_cut_gives_the_same(cuts):
    decoder, packets, begin = Decoder(), [], 0
    for end in [*sorted(cuts), len(STREAM)]:
        packets += decoder.feed(STREAM[begin:end])
        begin = end
    assert packets == PACKETS


def test_a_will_is_read():
    (connect,) = Decoder().feed(WILL)
    assert connect.will == ("t/", b"\x00\xff", 1, True)
    assert connect.username is None


def test_a_connect_does_not_show_its_password():
    assert "secret" not in repr(PACKETS[0])


@pytest.mark.parametrize(
    ("data", "section"),
    [
        (packet(0xC0), "3.1"),
        (CONNECT + CONNECT, "3.1"),
        (packet(0x10, field("MQIsdp") + b"\x04\x02\x00\x00" + field("d")), "3.1.2.1"),
        (packet(0x10, field("MQTT") + b"\x04\x03\x00\x00" + field("d")), "3.1.2.3"),
        (packet(0x10, field("MQTT") + b"\x04\x42\x00\x00" + field("d") + field("p")), "3.1.2.9"),
        (packet(0x11, b""), "2.2.2"),
        (CONNECT + packet(0x36, field("a") + b"\x00\x01"), "3.3.1.2"),
        (CONNECT + packet(0x30, field("a/#")), "3.3.2.1"),
        (CONNECT + packet(0x30, field("")), "3.3.2.1"),
        (CONNECT + packet(0x30, b"\x00\x09abc"), "2.2.3"),
        (CONNECT + packet(0x32, field("a") + b"\x00\x00"), "2.3.1"),
        (CONNECT + packet(0x30, field(b"\xff\xfe")), "1.5.3"),
        (CONNECT + packet(0x30, field("a\x00b")), "1.5.3"),
        (CONNECT + packet(0x82, b"\x00\x01"), "3.8.3"),
        (CONNECT + packet(0x82, b"\x00\x01" + field("f") + b"\x03"), "3.8.3"),
        (CONNECT + packet(0x80, b"\x00\x01" + field("f") + b"\x00"), "2.2.2"),
        (CONNECT + packet(0xA2, b"\x00\x01"), "3.10.3"),
        (CONNECT + packet(0xC0, b"x"), "2.2.3"),
        (CONNECT + packet(0x20, b"\x00\x00"), "2.2.1"),
        (CONNECT + b"\x30\xff\xff\xff\xff\x01", "2.2.3"),
    ],
)
def test_nonsense_is_refused_and_named(data, section):
    with pytest.raises(ProtocolError, match=section.replace(".", r"\.")):
        list(Decoder().feed(data))


def test_another_level_is_left_to_the_endpoint_to_refuse():
    (connect,) = Decoder().feed(packet(0x10, field("MQTT") + b"\x05\x02\x00\x3c\x00" + field("d")))
    assert connect.level == 5


def test_a_packet_that_is_too_large_is_refused_before_it_has_come():
    decoder = Decoder()
    list(decoder.feed(CONNECT))
    with pytest.raises(ProtocolError, match="larger"):
        list(decoder.feed(b"\x30" + mqtt.remaining_length(mqtt.MAX_PACKET + 1)))
    with pytest.raises(ProtocolError, match="larger"):
        list(Decoder().feed(b"\x10" + mqtt.remaining_length(mqtt.MAX_CONNECT + 1)))


@given(st.binary(max_size=400))
def test_noise_is_decoded_or_refused_and_nothing_else(noise):
    decoder = Decoder()
    try:
        list(decoder.feed(CONNECT))
        list(decoder.feed(noise))
    except ProtocolError:
        return


@given(
    st.text(min_size=1).filter(lambda t: not set(t) & set("+#\x00")),
    st.binary(max_size=300),
    st.integers(1, 65535),
)
def test_what_is_written_is_read_back(topic, payload, packet_id):
    decoder = Decoder()
    list(decoder.feed(CONNECT))
    written = mqtt.publish(topic, payload, 1, packet_id)
    assert list(decoder.feed(written)) == [Publish(topic, payload, 1, packet_id=packet_id)]


def test_the_answers_have_their_bytes():
    assert mqtt.connack(0, True) == b"\x20\x02\x01\x00"
    assert mqtt.connack(5, True) == b"\x20\x02\x00\x05"
    assert mqtt.puback(258) == b"\x40\x02\x01\x02"
    assert mqtt.suback(1, [1, 0x80]) == b"\x90\x04\x00\x01\x01\x80"
    assert mqtt.unsuback(3) == b"\xb0\x02\x00\x03"
    assert mqtt.pingresp() == b"\xd0\x00"
