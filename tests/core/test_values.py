"""Merging, comparing and checking documents; and what becomes of a sensor's numbers."""

import json
import struct
import sys

from twinkle.core.document import combine, decode, difference, find, merge
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
