"""Merging patches: the table of the rules, and thousands of random ones against an independent oracle."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.core.twins.merge import changes_something, merge, replacing, stamp, stamp_all, strip

TABLE = [
    # document, patch, result, has an effect
    ({}, {}, {}, False),
    ({"a": 1}, {}, {"a": 1}, False),
    ({}, {"a": 1}, {"a": 1}, True),
    ({"a": 1}, {"a": 1}, {"a": 1}, True),
    ({"a": 1}, {"a": None}, {}, True),
    ({}, {"a": None}, {}, False),
    ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}, True),
    ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}, True),
    ({"a": {"b": 1}}, {"a": {"x": None}}, {"a": {"b": 1}}, False),
    ({"a": {}}, {"a": {}}, {"a": {}}, False),
    ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}, False),
    ({}, {"a": {}}, {"a": {}}, True),
    ({}, {"a": {"b": None}}, {"a": {}}, True),
    ({}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}, True),
    ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}, True),
    ({"a": 1}, {"a": {"b": None}}, {"a": {}}, True),
    ({"a": {"b": 1}}, {"a": 2}, {"a": 2}, True),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, True),
    ({"a": [1, 2]}, {"a": {"b": 1}}, {"a": {"b": 1}}, True),
    ({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}, True),
    ({"a": 1, "b": 2}, {"a": None, "c": 3}, {"b": 2, "c": 3}, True),
]


@pytest.mark.parametrize(("document", "patch", "result", "effect"), TABLE)
def test_the_table_of_rules(document, patch, result, effect):
    before = json.dumps(document)
    assert merge(document, patch) == result
    assert changes_something(document, patch) is effect
    assert json.dumps(document) == before


scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text("xy", max_size=2)
keys = st.sampled_from("abcd")


def _objects(values):
    return st.dictionaries(keys, values, max_size=4)


patches = _objects(
    st.recursive(scalars, lambda inner: _objects(inner) | st.lists(st.integers(), max_size=2), max_leaves=12)
)
documents = patches.map(lambda patch: oracle({}, patch))


def oracle(document, patch):
    """The same by flattening: leaves as path -> value, objects as path -> an empty dict."""
    leaves = dict(_flat(document))
    for path, value in _flat(patch):
        if isinstance(value, dict):
            if not isinstance(leaves.get(path), dict):
                _drop(leaves, path)
                leaves[path] = {}
        else:
            _drop(leaves, path)
            if value is not None:
                leaves[path] = value
    result = {}
    for path, value in sorted(leaves.items(), key=lambda item: len(item[0])):
        holder = result
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = {} if isinstance(value, dict) else value
    return result


def _flat(members, path=()):
    for key, value in members.items():
        here = (*path, key)
        if isinstance(value, dict):
            yield here, {}
            yield from _flat(value, here)
        else:
            yield here, value


def _drop(leaves, path):
    for known in [known for known in leaves if known[: len(path)] == path]:
        del leaves[known]


@given(documents, patches)
def test_merging_agrees_with_the_oracle(document, patch):
    before = json.dumps(document)
    result = merge(document, patch)
    assert result == oracle(document, patch)
    assert json.dumps(document) == before, "the old document must not change"


@given(documents, patches)
def test_no_null_is_ever_stored_and_nothing_of_the_patch_is_shared(document, patch):
    result = merge(document, patch)
    assert "null" not in json.dumps(result)
    kept = json.dumps(result)
    _spoil(patch)
    assert json.dumps(result) == kept


def _spoil(value):
    if isinstance(value, dict):
        for member in list(value.values()):
            _spoil(member)
        value["spoilt"] = True
    elif isinstance(value, list):
        value.append("spoilt")


@given(documents, patches)
def test_a_patch_without_effect_changes_nothing(document, patch):
    if not changes_something(document, patch):
        assert merge(document, patch) == document


@given(documents, patches)
def test_merging_twice_is_merging_once(document, patch):
    once = merge(document, patch)
    assert merge(once, patch) == once


@given(documents, patches)
def test_a_replacement_notification_turns_the_old_document_into_the_new(old, new):
    assert merge(old, replacing(old, new)) == strip(new)


@given(documents, patches)
def test_metadata_has_one_node_for_every_member_and_none_else(document, patch):
    nodes = stamp_all(document, {"$lastUpdated": "old"})
    result = merge(document, patch)
    if changes_something(document, patch):
        nodes = stamp(nodes, document, patch, {"$lastUpdated": "new"})
        assert nodes["$lastUpdated"] == "new"
    _same_shape(result, nodes)


def _same_shape(members, nodes):
    assert {key for key in nodes if not key.startswith("$")} == set(members)
    for key, value in members.items():
        if isinstance(value, dict):
            _same_shape(value, nodes[key])
        else:
            assert set(nodes[key]) == {"$lastUpdated"}


def test_touched_leaves_and_their_ancestors_are_stamped_and_siblings_are_not():
    document = {"a": {"b": 1, "c": 2}, "d": {"e": 1}, "f": 1}
    nodes = stamp(stamp_all(document, {"t": 1}), document, {"a": {"b": 5}, "f": None, "d": {}}, {"t": 2})
    assert nodes == {"t": 2, "a": {"t": 2, "b": {"t": 2}, "c": {"t": 1}}, "d": {"t": 1, "e": {"t": 1}}}


def test_a_deletion_stamps_the_ancestors():
    document = {"a": {"b": 1}}
    nodes = stamp(stamp_all(document, {"t": 1}), document, {"a": {"b": None}}, {"t": 2})
    assert nodes == {"t": 2, "a": {"t": 2}}


@pytest.mark.parametrize(
    ("old", "new", "notification"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "c": 100}, {"a": 1, "b": None, "c": 100}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": None, "y": 3}}),
        ({"a": {"x": 1}}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": {"x": 1, "n": None}}, {"a": {"x": 1}}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": 1}, {}, {"a": None}),
    ],
)
def test_a_replacement_is_told_with_nulls_for_what_disappears(old, new, notification):
    assert replacing(old, new) == notification
