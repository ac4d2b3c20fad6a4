"""The types of AMQP: the specification's own bytes, azure-eventhub's encoder, and everything there and back."""

import math
import uuid

import pytest
from azure.eventhub._pyamqp import _decode, _encode
from azure.eventhub._pyamqp.types import TYPE, VALUE, AMQPTypes
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.amqp import types
from twinkle_host.hub.amqp.decoding import decode
from twinkle_host.hub.amqp.encoding import encode
from twinkle_host.hub.amqp.errors import AmqpError
from twinkle_host.hub.amqp.types import Array, Described, Symbol, ULong

# 1.6 of the specification, type by type.
VECTORS = [
    (None, "40"),
    (True, "41"),
    (False, "42"),
    (types.UByte(200), "50c8"),
    (types.UShort(300), "60012c"),
    (types.UInt(0), "43"),
    (types.UInt(255), "52ff"),
    (types.UInt(256), "7000000100"),
    (types.ULong(0), "44"),
    (types.ULong(16), "5310"),
    (types.ULong(256), "800000000000000100"),
    (types.Byte(-1), "51ff"),
    (types.Short(-2), "61fffe"),
    (types.Int(-1), "54ff"),
    (types.Int(200), "71000000c8"),
    (-1, "55ff"),
    (1 << 40, "810000010000000000"),
    (types.Float(0.5), "723f000000"),
    (1.0, "823ff0000000000000"),
    (types.Char(0x41), "7300000041"),
    (types.Timestamp(1311704463521), "830000013167adb8a1"),
    (uuid.UUID("f275ea5e-0c57-4ad7-b11a-b20c563d3b71"), "98f275ea5e0c574ad7b11ab20c563d3b71"),
    (b"\x01", "a00101"),
    ("Hello", "a10548656c6c6f"),
    (Symbol("a"), "a30161"),
    ([], "45"),
    ([True, None], "c0030241" + "40"),
    ({"a": 1}, "c10602a101615501"),
    (Array.of_symbols(["a", "b"]), "f00000000f00000002b3000000016100000001" + "62"),
    (Described(ULong(0x10), []), "00531045"),
]


@pytest.mark.parametrize("value, text", VECTORS, ids=[text for _, text in VECTORS])
def test_a_value_has_the_bytes_of_the_specification_and_comes_back_in_its_type(value, text):
    assert encode(value).hex() == text
    read, at = decode(bytes.fromhex(text))
    assert (read, at, type(read)) == (value, len(text) // 2, type(value))


@pytest.mark.parametrize(
    "text, value",
    [("5601", True), ("5600", False), ("d00000000600000002" + "4140", [True, None]), ("b00000000161", b"a")],
)
def test_the_longer_forms_are_read_as_well(text, value):
    assert decode(bytes.fromhex(text))[0] == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "00",
            "0053",
            "52",
            "7000",
            "a005aa",
            "b0ffffffff",
            "c1",
            "c00301",
            "c0ff0141",
            "3f",
            "5602",
            "ff",
        ),
        "c10301a10161",  # a map with a key and no value
        "c10402" + "4540",  # a list as a key
        "a101ff",  # no UTF-8
        "f0000000" + "05ffffffff40",  # four billion nulls in an array
        "00" * 100,  # descriptors of descriptors
        "c0ff01" * 100,
        "e00602e0",
    ],
)
def test_what_is_no_value_is_a_decode_error(text):
    with pytest.raises(AmqpError) as raised:
        decode(bytes.fromhex(text))
    assert raised.value.condition == "amqp:decode-error"


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
SIMPLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**64 - 1).map(types.ULong),
    st.integers(0, 2**32 - 1).map(types.UInt),
    st.integers(-(2**31), 2**31 - 1).map(types.Int),
    st.integers(-(2**63), 2**63 - 1).map(types.Timestamp),
    st.floats(allow_nan=False),
    st.binary(max_size=300),
    WORDS,
    st.uuids(),
    st.text("abc:-", max_size=300).map(Symbol),
)
VALUES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(WORDS, inner, max_size=5),
        st.builds(Described, SIMPLE, inner),
    ),
    max_leaves=20,
)


@given(VALUES)
def test_every_value_comes_back_as_it_was(value):
    data = encode(value)
    read, at = decode(data + b"more")
    assert at == len(data) and read == value and repr(read) == repr(value)


@given(VALUES, st.integers(0, 10**6))
def test_a_value_that_is_cut_is_a_decode_error_and_nothing_else(value, where):
    data = encode(value)
    with pytest.raises(AmqpError):
        decode(data[: where % len(data)])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_decode_error(data):
    try:
        decode(data)
    except AmqpError as error:
        assert error.condition == "amqp:decode-error"


@given(
    st.one_of(
        st.tuples(st.just(AMQPTypes.ulong), st.integers(0, 2**64 - 1)),
        st.tuples(st.just(AMQPTypes.int), st.integers(-(2**31), 2**31 - 1)),
        st.tuples(st.just(AMQPTypes.long), st.integers(-(2**63), 2**63 - 1)),
        st.tuples(st.just(AMQPTypes.string), WORDS),
        st.tuples(st.just(AMQPTypes.binary), st.binary(max_size=300)),
        st.tuples(st.just(AMQPTypes.uuid), st.uuids()),
        st.tuples(st.just(AMQPTypes.list), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=300)),
    )
)
def test_azures_encoder_and_decoder_agree_with_ours(pair):
    kind, value = pair
    output = bytearray()
    _encode.encode_value(output, {TYPE: kind, VALUE: value})
    assert decode(bytes(output))[0] == value
    ours = encode(ULong(value) if kind == AMQPTypes.ulong else value)
    _, theirs = _decode._DECODE_BY_CONSTRUCTOR[ours[0]](memoryview(ours)[1:])
    assert theirs == (value.encode() if isinstance(value, str) else value)


def test_not_a_number_stays_one():
    assert math.isnan(decode(encode(math.nan))[0])
