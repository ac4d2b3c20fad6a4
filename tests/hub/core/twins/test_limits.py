"""What a twin may hold, told once as values and once through the device's own write."""

import pytest
from harness import HOST

from twinkle_host.hub.core import HubError
from twinkle_host.hub.core.twins.limits import check_members, check_size, size_of, sizes_of


def nested(levels, leaf=1):
    """``levels`` objects inside each other, a scalar in the innermost."""
    value = leaf
    for _ in range(levels):
        value = {"k": value}
    return value


ACCEPTED = {
    "scalars": {"s": "x", "i": 1, "f": 1.5, "t": True, "n": None},
    "key of 1 KB": {"k" * 1024: 1},
    "string of 4 KB": {"s": "x" * 4096},
    "4 KB counted in UTF-8": {"s": "é" * 2048},
    "largest integer": {"i": 4503599627370495},
    "smallest integer": {"i": -4503599627370496},
    "large float": {"f": 1e300},
    "ten levels": {"a": nested(10)},
    "array in the tenth level": {"a": nested(10, [1, 2])},
    "array of objects": {"a": [{"b": 1}, {"b": {}}]},
    "empty object": {"a": {}},
    # azure-docs, iot-hub-devguide-device-twins.md, "Tags and properties format": length and characters have limits,
    # and no key is too short.
    "empty key": {"": 1},
    "empty key inside": {"a": {"": {"": 1}}, "b": [{"": 1}]},
    "key with dashes": {"a-b_c:d": 1},
    "component marker": {"thermostat1": {"__t": "c", "x": 1}},
}
REFUSED = {
    "key above 1 KB": {"k" * 1025: 1},
    "key above 1 KB in UTF-8": {"é" * 513: 1},
    "dot in a key": {"a.b": 1},
    "dollar in a key": {"$a": 1},
    "space in a key": {"a b": 1},
    "control in a key": {"a\x01": 1},
    "C1 control in a key": {"a\x85": 1},
    "bad key that deletes": {"a.b": None},
    "bad key deep inside": {"a": {"b": [{"c d": 1}]}},
    "string above 4 KB": {"s": "x" * 4097},
    "string above 4 KB in UTF-8": {"s": "é" * 2049},
    "string above 4 KB in an array": {"s": ["x" * 4097]},
    "integer too large": {"i": 4503599627370496},
    "integer too small": {"i": -4503599627370497},
    "eleven levels": {"a": nested(11)},
    "array nested without end": {"a": nested(10, [[1]])},
    "null in an array": {"a": [1, None]},
    "null in an inner array": {"a": [[None]]},
    # azure-iot-sdk-csharp issue 1741: the service answers {"a":[{"b":null}]} with 400004, "by design".
    "null in an object in an array": {"a": [{"b": None}]},
    "null deep in an array": {"a": {"x": [1, {"b": {"c": [{"d": {"e": None}}]}}]}},
    "not a number": {"a": float("nan")},
    "infinite": {"a": float("-inf")},
    "half a surrogate pair": {"a": "\ud800"},
    "half a surrogate pair in a key": {"\ud800": 1},
    "something Python": {"a": object()},
}


@pytest.mark.parametrize("members", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(members):
    check_members(members, "properties.desired")


@pytest.mark.parametrize("members", REFUSED.values(), ids=REFUSED)
def test_refused_with_400004(stage, members):
    with pytest.raises(HubError) as refused:
        check_members(members, "properties.desired")
    assert (refused.value.status, refused.value.code) == (400, 400004)
    stage.device()
    before = stage.hub.get_twin("dev1")
    for body in ({"tags": members}, {"properties": {"desired": members}}):
        with pytest.raises(HubError) as refused:
            stage.hub.patch_twin("dev1", body)
        assert refused.value.code == 400004
    assert stage.hub.get_twin("dev1") == before


def test_very_deep_nesting_is_refused_and_does_not_overflow(stage):
    device = stage.connected()
    payload = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
    status, _, body = device.report(payload)
    assert status == 400 and body["errorCode"] == 400004
    with pytest.raises(HubError):
        stage.hub.patch_twin("dev1", {"tags": nested(500)})


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({}, 0),
        ({"ab": "xyz"}, 5),
        ({"a": 1}, 9),
        ({"a": 1.5}, 9),
        ({"a": True}, 5),
        ({"a": {"b": True, "c": "x"}}, 1 + 1 + 4 + 1 + 1),
        ({"a": "é"}, 3),
        ({"a": "x\ny\u0085"}, 3),
        ({"a": [1, "xy", True]}, 1 + 8 + 2 + 4),
    ],
)
def test_size_is_counted_as_documented(value, size):
    assert size_of(value) == size


def filler(size):
    """A document of exactly ``size`` bytes by that arithmetic."""
    members = {}
    while size > 4000:
        members[f"k{len(members):02}"] = "x" * 3997
        size -= 4000
    return {**members, "z": "x" * (size - 1)}


@pytest.mark.parametrize(("limit", "name"), [(8192, "Tags"), (32768, "Properties.Desired")])
def test_a_section_may_be_full_and_not_a_byte_fuller(limit, name):
    check_size(sizes_of(filler(limit)), limit, name)
    with pytest.raises(HubError) as refused:
        check_size(sizes_of(filler(limit + 1)), limit, name)
    assert (refused.value.status, refused.value.code) == (403, 403100)
    assert refused.value.message.startswith(f"'{name}' size should be less than {limit} bytes.")


def test_a_service_cannot_overfill_tags_or_desired(stage):
    stage.device()
    stage.hub.patch_twin("dev1", {"tags": filler(8192), "properties": {"desired": filler(32768)}})
    before = stage.hub.get_twin("dev1")
    for body in ({"tags": {"y": True}}, {"properties": {"desired": {"y": True}}}):
        with pytest.raises(HubError) as refused:
            stage.hub.patch_twin("dev1", body)
        assert refused.value.code == 403100
    # All or nothing: the good half of a bad write is not taken.
    with pytest.raises(HubError):
        stage.hub.patch_twin("dev1", {"tags": {"z": "small"}, "properties": {"desired": {"y": True}}})
    assert stage.hub.get_twin("dev1") == before


def test_the_result_counts_not_the_patch(stage):
    stage.device()
    stage.hub.patch_twin("dev1", {"properties": {"desired": filler(32768)}})
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"z": None, "y": True}}})


def test_a_device_cannot_overfill_its_reported_properties(stage):
    device = stage.connected()
    assert device.report(filler(32768))[0] == 204
    status, _, body = device.report({"y": True})
    assert (status, body["errorCode"]) == (403, 403100)
    assert body["message"].startswith("'Properties.Reported' size should be less than 32768 bytes.")
    assert stage.hub.get_twin("dev1")["properties"]["reported"]["$version"] == 2


def test_arrays_need_an_api_version_that_knows_them(stage):
    device = stage.connected(api="api-version=2016-11-14")
    status, _, body = device.report({"a": [1]})
    assert status == 400 and "arrays are not supported" in body["message"]
    assert device.report({"a": 1})[0] == 204
    device.connect(api="api-version=2019-10-01")
    assert device.report({"a": [1]})[0] == 204


def test_twin_writes_need_an_api_version_at_all(stage):
    device = stage.device()
    device.connect(username=f"{HOST}/dev1")
    status, _, body = device.report({"a": 1})
    assert status == 400 and "api-version" in body["message"]
    assert device.get()["reported"] == {"$version": 1}


def test_the_sizes_of_what_was_not_touched_are_known():
    before = sizes_of({"a": "x" * 10, "b": 1, "c": {"d": True}})
    assert before == {"a": 11, "b": 9, "c": 6}
    values = {"a": object(), "c": {"d": "xy"}, "e": 2}
    assert sizes_of(values, before, ["b", "c", "e", "f"]) == {"a": 11, "c": 4, "e": 9}


@pytest.mark.parametrize(
    "members", [REFUSED["null in an object in an array"], REFUSED["null deep in an array"]]
)
def test_a_device_may_not_report_null_in_an_array_either(stage, members):
    """azure-iot-sdk-csharp issue 1741, which is of reported properties."""
    device = stage.connected()
    status, _, body = device.report(members)
    assert (status, body["errorCode"]) == (400, 400004) and "cannot be null" in body["message"]


def test_an_empty_key_is_kept_stamped_and_deleted(stage):
    device = stage.connected()
    section = stage.hub.patch_twin("dev1", {"properties": {"desired": {"": {"": 1}}}})["properties"][
        "desired"
    ]
    assert section[""] == {"": 1} and section["$metadata"][""][""]["$lastUpdatedVersion"] == 2
    assert device.report({"": 2})[0] == 204 and device.get()["reported"][""] == 2
    assert (
        ""
        not in stage.hub.patch_twin("dev1", {"properties": {"desired": {"": None}}})["properties"]["desired"]
    )
