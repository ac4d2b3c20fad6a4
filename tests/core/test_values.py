"""Merging, comparing and checking documents; and what becomes of a sensor's numbers."""

import json
import struct
import sys

from twinkle.core.document import (
    LONGEST_NAME,
    LONGEST_TEXT,
    combine,
    decode,
    difference,
    encode,
    find,
    merge,
    refused,
)
from twinkle.core.errors import BadRequest
from twinkle.ports.dht_facts import sample

MERGES = (
    ({}, {"a": 1}, {"a": 1}),
    ({"a": 1}, {"a": None}, {}),
    ({"a": 1}, {"b": None}, {"a": 1}),
    ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
    ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
    ({"a": 1}, {"a": {"b": 2, "c": None}}, {"a": {"b": 2}}),
    ({"a": {"b": 1}}, {"a": 7}, {"a": 7}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ({"a": 1}, {"$version": 9, "b": 2}, {"a": 1, "b": 2}),
    ({"a": "x"}, {"a": False}, {"a": False}),
)


def copy(value):
    return {k: copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def test_merging_follows_the_hubs_rules():
    for before, patch, after in MERGES:
        document = copy(before)
        merge(document, patch)
        assert document == after, (before, patch, document)


def test_merging_leaves_what_was_handed_out_before():
    document = {"a": {"b": 1}}
    held = document["a"]
    merge(document, {"a": {"b": 2}})
    assert held == {"b": 1}


def test_the_difference_leads_from_one_to_the_other():
    for before, _, after in MERGES:
        document = copy(before)
        merge(document, difference(before, after))
        assert document == after
    assert difference({"a": {"b": 1}}, {"a": {"b": 1}}) == {}
    assert difference({"a": 1}, {"a": True}) == {"a": True}
    assert difference({"$version": 1}, {"$version": 2}) == {}


def test_combined_patches_do_what_both_would():
    for before, patch, _ in MERGES:
        for _, second, _ in MERGES:
            one_by_one, at_once = copy(before), copy(before)
            merge(one_by_one, patch)
            merge(one_by_one, second)
            both = copy(patch)
            combine(both, second)
            merge(at_once, both)
            if ("a" in patch and isinstance(patch["a"], dict)) or not isinstance(second.get("a"), dict):
                assert at_once == one_by_one, (before, patch, second)


def test_paths_are_dotted():
    document = {"a": {"b": {"c": None}}}
    assert find(document, "a.b.c") == (None, True)
    assert find(document, "a.x") == (None, False)
    assert find(document, "a.b.c.d") == (None, False)
    assert find(document, "") == (document, True)


def test_a_document_that_ends_too_early_is_no_document():
    for text in (b"{", b"[1,", b'{"a": 1', b'{"a": [1]', b"nul", b"", b"\xff\xfe", b"[" * 5000):
        try:
            value = decode(text)
        except BadRequest:
            continue
        raise AssertionError((text[:20], value))
    assert decode(b' {"a": [1, {}]} \n') == {"a": [1, {}]}
    assert decode(b"3") == 3


class Thing:
    """Of no type that JSON knows, as Decimal is on CPython."""


def nested(levels, value=1, inside=lambda value: {"x": value}):
    """``value`` in so many objects."""
    for _ in range(levels):
        value = inside(value)
    return value


GRIN = b"\xf0\x9f\x98\x80".decode()  # one character beyond the first 65,536
HALF = chr(0xD83D)

# Values that an application may have, and what is said of each that cannot be written.
WRITTEN = (
    None,
    True,
    0,
    -1,
    2**63,
    0.5,
    "",
    "K\u00fcche " + GRIN,
    "\x00\x1f\x7f\x85\u2028",
    [],
    {},
    [None],
    {"": [{"a b.$": 1}]},
)
UNWRITTEN = (
    (float("nan"), "value is not finite"),
    ({"a": [1, {"b": -float("inf")}]}, "value['a'][1]['b'] is not finite"),
    ({"a": {1, 2}}, "value['a'] is of type set"),
    ({"a": b"ab"}, "value['a'] is of type bytes"),
    ({"a": bytearray(2)}, "value['a'] is of type bytearray"),
    ([(1, 2)], "value[0] is of type tuple"),
    ({"a": Thing()}, "value['a'] is of type Thing"),
    ({"a": 1j}, "value['a'] is of type complex"),
    ({"a": range(3)}, "value['a'] is of type range"),
    ({"a": {1: 2}}, "value['a'] has a name that is not JSON"),
    ({None: 2}, "value has a name that is not JSON"),
    ({10**5000: 2}, "value has a name that is not JSON"),
    (2**64, "value is too large"),
    (10**5000, "value is too large"),
    ({"a": "x" + HALF}, "value['a'] is not UTF-8"),
    ({HALF: 1}, "is not UTF-8"),
    (nested(41), "['x'] is nested too deep"),
    (nested(41, 1, lambda value: [value]), "[0] is nested too deep"),
)

# The same of what a twin may hold, besides.
REPORTED = (
    None,
    {"a": None},
    False,
    -(2**52),
    2**52 - 1,
    1.5,
    "x" * LONGEST_TEXT,
    nested(10),
    {"n" * LONGEST_NAME: 1},
    [1, [2]],
)
REFUSED = (
    ("Example.Property", 1, "reported['Example.Property'] is no name"),
    ("a", {"b c": 1}, "reported['a']['b c'] is no name"),
    ("$version", 1, "reported['$version'] is no name"),
    ("a\x1f", 1, " is no name"),
    ("a\x00", 1, " is no name"),
    ("a\x7f", 1, " is no name"),
    ("a\x9f", 1, " is no name"),
    ("\u00fc" * 513, 1, " is over 1024 bytes"),
    ("a", "\u00fc" * 2049, "reported['a'] is over 4096 bytes"),
    ("a", [2**52], "reported['a'][0] is too large"),
    ("a", -(2**52) - 1, "reported['a'] is too large"),
    ("a", [1, None], "reported['a'][1] is null"),
    ("a", [{"b": {"c": None}}], "reported['a'][0]['b']['c'] is null"),  # azure-iot-sdk-csharp issue 1741
    ("a", nested(11), "['x'] is nested too deep"),
)


def test_what_can_be_written_is_read_back():
    for value in WRITTEN:
        assert decode(encode(value)) == value, value


def test_what_cannot_be_written_is_named_and_where():
    for value, words in UNWRITTEN:
        try:
            written = encode(value)
        except BadRequest as error:
            assert words in error.text and len(error.text) < 300, (words, error.text)
        else:
            raise AssertionError((words, written))
        told = refused("p", value)
        assert told and told.startswith("reported['p']"), (words, told)


def test_what_the_hub_would_refuse_is_named_before_it_is_sent():
    for value in REPORTED:
        assert refused("name_1", value) is None, value
    assert refused("\u00fc" * 512, 1) is None
    assert refused("", {"": 1}) is None  # IoT Hub has limits for long names only
    for name, value, words in REFUSED:
        told = refused(name, value)
        assert told and words in told and len(told) < 200, (words, told)
        encode({"p": told})


def test_a_character_in_two_escapes_is_one_and_half_of_one_is_refused():
    for text in (r"\ud83d\ude00", r"\uD83D\uDE00", r"\uD83d\udE00"):
        for payload in (text.encode(), bytearray(text.encode())):
            assert decode(b'"<' + payload + b'>"') == "<" + GRIN + ">"
    assert decode(rb'{"\ud83d\ude00": ["\u00fc\ud83d\ude00\n\ud83d\ude00", "\\ud83d\\ude00"]}') == {
        GRIN: ["\u00fc" + GRIN + "\n" + GRIN, "\\ud83d\\ude00"]
    }
    for half in (
        rb"\ud83d",
        rb"\ude00",
        rb"\ude00\ud83d",
        rb"\ud83d\n",
        rb"\ud83d\u0041",
        rb"\ud83d.ude00",
        rb"\ud83",
        b"\xed\xa0\xbd\xed\xb8\x80",
    ):
        for payload in (b'"' + half + b'"', b'{"' + half + b'": 1}', b'["' + half):
            try:
                value = decode(payload)
            except BadRequest:
                continue
            raise AssertionError((payload, value))


def test_what_is_written_is_utf_8():
    # MicroPython takes each of these for text; what comes from a radio or a message may hold it.
    for raw in (
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xed\xa0\xbd",
        b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
    ):
        try:
            text = raw.decode()
        except UnicodeError:
            continue
        assert refused("a", text) == "reported['a'] is not UTF-8", raw
    for sign in (
        "\x7f",
        "\x80",
        "\u07ff",
        "\u0800",
        "\ud7ff",
        "\ue000",
        "\uffff",
        chr(0x10000),
        chr(0x10FFFF),
    ):
        assert refused(sign if sign > "\xa0" else "a", sign) is None, sign
        encode(sign).decode()


def single(value):
    """As a float of 32 bits; no change where all floats have so many."""
    return struct.unpack("f", struct.pack("f", value))[0]


def is_sent_in_tenths(value, count):
    assert value == count / 10
    # MicroPython 1.25 writes the 16th digit of a float of 64 bits wrong now and then; boards' have 32.
    if single(0.7) == 0.7 or sys.implementation.name == "cpython":
        assert json.dumps(value) == ("-" if count < 0 else "") + "%d.%d" % (abs(count) // 10, abs(count) % 10)


def test_the_tenths_of_a_sensor_are_sent_as_tenths():
    for count in range(-400, 801):
        warm = count if count >= 0 else 0x8000 - count
        temperature, _ = sample("DHT22", bytes([1, 200, warm >> 8, warm & 255]))
        is_sent_in_tenths(temperature, count)
    for count in range(1001):
        _, humidity = sample("DHT22", bytes([count >> 8, count & 255, 0, 200]))
        is_sent_in_tenths(humidity, count)
