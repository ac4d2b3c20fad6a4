"""Queries over devices, page by page, and what is refused with its position."""

import pytest

from twinkle_host.hub.core import HubError


@pytest.fixture
def fleet(stage):
    """Three devices: a and b in Redmond, c elsewhere; b reports, c is disabled."""
    for device_id, plant, level in (("a", "Redmond43", 1), ("b", "Redmond43", 2.5), ("c", "Paris", "high")):
        stage.hub.create_device(device_id, {"status": "disabled" if device_id == "c" else "enabled"})
        stage.hub.patch_twin(
            device_id,
            {
                "tags": {"location": {"plant": plant, "it's": 'a "b"'}},
                "properties": {"desired": {"level": level, "on": device_id != "c"}},
            },
        )
    from harness import Device

    device = Device(stage, "b")
    device.connect(api="api-version=2020-09-30&model-id=dtmi%3Acom%3Aexample%3AThermostat%3B1")
    device.report({"rebootTime": "2026-11-18", "empty": {}, "list": [1]})
    return stage


def ids(stage, where, select="*"):
    rows, continuation, kind = stage.hub.query(f"SELECT {select} FROM devices{where and ' WHERE '}{where}")
    assert kind == "Twin" and continuation is None
    return "".join(row["deviceId"] for row in rows)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", "abc"),
        ("deviceId = 'b'", "b"),
        ('"b" = devices.deviceId', "b"),
        ("deviceId = 'B'", ""),
        ("deviceId = 'a' OR deviceId = 'c'", "ac"),
        ("(deviceId = 'a' OR deviceId = 'c') AND status = 'enabled'", "a"),
        ("deviceId = 'a' AND deviceId = 'b'", ""),
        ("NOT deviceId = 'a'", "bc"),
        ("deviceId != 'a'", "bc"),
        ("deviceId <> 'a'", "bc"),
        ("deviceId IN ['a', 'c', 'zz']", "ac"),
        ("deviceId NIN ['a', 'c']", "b"),
        ("deviceId IN []", ""),
        ("tags.location.plant = 'Redmond43'", "ab"),
        ('tags.location[\'it\\\'s\'] = "a \\"b\\""', "abc"),
        ("properties.desired.level > 1", "b"),
        ("properties.desired.level >= 1", "ab"),
        ("properties.desired.level < 2.5e0", "a"),
        ("properties.desired.level <= -1", ""),
        ("properties.desired.level = 'high'", "c"),
        ("properties.desired.level != 1", "b"),
        ("NOT properties.desired.level = 1", "b"),
        ("properties.desired.on", "ab"),
        ("properties.desired.on = false", "c"),
        ("properties.desired.$version = 2", "abc"),
        ("is_defined(properties.reported.rebootTime)", "b"),
        ("NOT IS_DEFINED(properties.reported.rebootTime)", "ac"),
        ("is_defined(properties.reported.empty) AND is_object(properties.reported.empty)", "b"),
        ("properties.reported.rebootTime > '2026-01-01'", "b"),
        ("properties.reported.list = 1", ""),
        ("properties.reported.nothing != 5", ""),
        ("NOT properties.reported.nothing = 5", ""),
        ("properties.reported.nothing = 5 OR deviceId = 'a'", "a"),
        (
            "is_string(properties.desired.level) OR is_number(properties.desired.level) AND deviceId = 'a'",
            "ac",
        ),
        ("connectionState = 'Connected'", "b"),
        ("modelId = 'dtmi:com:example:Thermostat;1'", "b"),
        ("status = 'disabled'", "c"),
        ("version > 3", "b"),
        ("version + 1 > 4", "b"),
        ("(version - 1) * 2 = 6", "b"),
        ("1 + 2 * 3 - 4 / 2 = 5", "abc"),
        ("7 % 4 = 3 AND -7 % 4 = -3", "abc"),
        ("-(-properties.desired.level) = 2.5", "b"),
        ("properties.desired.level / 0 = 1 OR deviceId = 'a'", "a"),
        ("properties.desired.level * 1e308 * 1e308 > 1", ""),
        ("properties.desired.level + properties.reported.rebootTime = 1", ""),
        ("is_defined(properties.desired.level + 1)", "ab"),
        ("is_number(version) = true", "abc"),
        ("etag = 'AAAAAAAAAAI='", "abc"),
        ("version = 0x4 OR version = 0X3", "abc"),
        ("tags.nothing = undefined OR deviceId = 'a'", "a"),
    ],
)
def test_conditions(fleet, where, found):
    """azure-docs, iot-hub-devguide-query-language.md, "Expressions and conditions": syntax, constants, operators."""
    assert ids(fleet, where) == found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("STARTSWITH(devices.deviceId, 'b')", "b"),
        ("startswith(deviceId, '')", "abc"),
        ("STARTSWITH(deviceId, 'B')", ""),
        ("ENDSWITH(tags.location.plant, '43')", "ab"),
        ("ENDSWITH(tags.location.plant, '43') = false", "c"),
        ("NOT ENDSWITH(tags.location.plant, 's')", "ab"),
        ("STARTSWITH(properties.desired.level, 'hi')", "c"),
        ("NOT STARTSWITH(properties.desired.level, 'hi')", ""),
        ("STARTSWITH(properties.reported.rebootTime, '2026-11')", "b"),
        ("STARTSWITH(tags.location.plant, tags.location.plant) AND status = 'enabled'", "ab"),
    ],
)
def test_texts_are_asked_for_how_they_begin_and_end(fleet, where, found):
    """azure-docs issue 110329: the service takes STARTSWITH. IoT Explorer asks so (src/app/api/shared/utils.ts)."""
    assert ids(fleet, where) == found


@pytest.mark.parametrize(
    "word", ["group", "Group", "select", "from", "where", "by", "as", "in", "top", "and", "null"]
)
def test_a_reserved_word_is_a_name_only_in_double_brackets(stage, word):
    """azure-docs, iot-hub-devguide-query-language.md, GROUP BY: "consider surrounding it with double brackets";
    azure-docs issue 17106: without them the query fails."""
    stage.hub.create_device("a")
    stage.hub.patch_twin("a", {"tags": {word: {"name": 1}, "x": {word: 2}}})
    for path in (f"tags.[[{word}]].name", f"tags[[{word}]].name", f"tags['{word}'].name"):
        assert ids(stage, f"{path} = 1") == "a"
    assert ids(stage, f"[[tags]].x.[[{word}]] = 2") == "a"
    for bare in (f"tags.{word}.name = 1", f"tags.x.{word} = 2", f"is_defined(tags.{word})"):
        with pytest.raises(HubError, match=rf"\[\[{word}\]\]") as refused:
            ids(stage, bare)
        assert refused.value.code == 400004
    (row,) = rows(stage, f"SELECT tags.x.[[{word}]], count() AS n FROM devices GROUP BY tags.x.[[{word}]]")
    assert row == {word: 2, "n": 1}


@pytest.mark.parametrize("name", ["north-west", "v1.2:a+b", "it's", "$x y"])
def test_configurations_are_named_in_double_brackets(fleet, name):
    """azure-docs, iot-hub-automatic-device-management.md: ``configurations.[[yourconfigname]].status``."""
    assert ids(fleet, f"configurations.[[{name}]].status = 'Applied'") == ""
    assert ids(fleet, f"NOT is_defined(configurations.[[{name}]])") == "abc"


@pytest.mark.parametrize("source", ["devices d", "devices AS d", "devices as D"])
def test_the_collection_may_have_a_name_of_its_own(fleet, source):
    alias = source[-1]
    found, _, kind = fleet.hub.query(f"SELECT * FROM {source} WHERE {alias}.tags.location.plant = 'Paris'")
    assert kind == "Twin" and [row["deviceId"] for row in found] == ["c"]
    text = f"SELECT {alias}.status AS s, count() AS n FROM {source} WHERE devices.version > 0 GROUP BY {alias}.status"
    assert rows(fleet, text) == [{"s": "disabled", "n": 1}, {"s": "enabled", "n": 2}]


def test_what_the_service_says_of_a_twin_is_asked_for_in_any_letter_case(fleet):
    """azure-docs, iot-hub query-twins.md: ``SELECT DeviceId, LastActivityTime FROM devices WHERE status = 'enabled' AND
    connectionState = 'Disconnected'``, answered ``{"deviceId": ..., "lastActivityTime": ...}``."""
    where = "status = 'enabled' AND connectionState = 'Disconnected'"
    text = f"SELECT DeviceId, LastActivityTime FROM devices WHERE {where}"
    assert rows(fleet, text) == [{"deviceId": "a", "lastActivityTime": "0001-01-01T00:00:00Z"}]
    assert ids(fleet, "ConnectionState = 'Connected' AND devices.MODELID > 'dtmi'") == "b"
    (twin,) = fleet.hub.query("SELECT * FROM devices WHERE deviceId = 'b'")[0]
    for name in twin.keys() - {"tags", "properties"}:
        (row,) = rows(fleet, f"SELECT {name.upper()} FROM devices WHERE DEVICEID = 'b'")
        assert row == {name: twin[name]}
    assert ids(fleet, "is_defined(tags.Location) OR is_defined(tags.[[LOCATION]])") == "", (
        "keys have their case"
    )


def test_modules_are_of_the_collection_of_devices_too(fleet):
    """azure-iot-cli-extension, test_iothub_modules_int.py, against the service: ``select * from devices.modules where
    devices.deviceId='...'``."""
    for device_id in "ab":
        fleet.hub.create_device(device_id, module_id="m")
    for text in ("devices.deviceId", "devices.modules.deviceId", "deviceId", "m.deviceId"):
        found, _, kind = fleet.hub.query(f"SELECT * FROM devices.modules m WHERE {text} = 'a'")
        assert kind == "Twin" and [(row["deviceId"], row["moduleId"]) for row in found] == [("a", "m")], text


def test_distinct_is_not_of_the_language(fleet):
    """azure-docs, iot-hub-devguide-query-language.md, grammar of SELECT: TOP, projections, aggregates."""
    for columns in ("tags.location.plant", "*", "[[deviceId]]"):
        with pytest.raises(HubError, match=r"position 7: .*DISTINCT.*GROUP BY"):
            fleet.hub.query(f"SELECT DISTINCT {columns} FROM devices")
    for column in ("distinct, deviceId", "distinct AS d, deviceId", "deviceId, distinct"):
        assert rows(fleet, f"SELECT TOP 1 {column} FROM devices") == [{"deviceId": "a"}]
    assert rows(fleet, "SELECT TOP 1 distinct FROM devices") == [{}]


def test_keywords_are_read_in_any_case_and_spaces_do_not_matter(fleet):
    rows, _, _ = fleet.hub.query(
        "select\n*\tfrom devices where(deviceId='a'or deviceId='b')and NOT(deviceId='b')"
    )
    assert [row["deviceId"] for row in rows] == ["a"]


def test_rows_are_full_twins(fleet):
    rows, _, _ = fleet.hub.query("SELECT * FROM devices WHERE deviceId = 'b'")
    assert rows == [fleet.hub.get_twin("b")]


def rows(stage, text):
    found, continuation, kind = stage.hub.query(text)
    assert kind == "Raw" and continuation is None
    return found


def test_columns_are_named_and_what_is_undefined_is_left_out(fleet):
    assert rows(
        fleet,
        "SELECT deviceId, tags.location.plant AS plant, properties.desired.level * 2 AS 'twice it', "
        "properties.reported.rebootTime FROM devices WHERE deviceId IN ['a', 'b']",
    ) == [
        {"deviceId": "a", "plant": "Redmond43", "twice it": 2},
        {"deviceId": "b", "plant": "Redmond43", "twice it": 5, "rebootTime": "2026-11-18"},
    ]


def test_a_column_may_be_a_whole_section(fleet):
    (row,) = rows(fleet, "SELECT TOP 1 properties.desired, tags FROM devices")
    twin = fleet.hub.get_twin("a")
    assert row == {"desired": twin["properties"]["desired"], "tags": twin["tags"]}


def test_aggregates_over_all_devices(fleet):
    level = "properties.desired.level"
    assert rows(
        fleet,
        f"SELECT COUNT() AS devices, count({level}) AS levels, avg({level}), sum({level}), min({level}), "
        f"max({level} * 2) AS most FROM devices",
    ) == [{"devices": 3, "levels": 3, "avg": 1.75, "sum": 3.5, "min": 1, "most": 5}]
    assert rows(
        fleet, f"SELECT count(), avg({level}), sum({level}), min({level}) FROM devices WHERE 1 = 2"
    ) == [{"count": 0}]


def test_groups_are_counted_each(fleet):
    assert rows(
        fleet, "SELECT tags.location.plant AS plant, count() FROM devices GROUP BY tags.location.plant"
    ) == [
        {"plant": "Paris", "count": 1},
        {"plant": "Redmond43", "count": 2},
    ]
    assert rows(fleet, "SELECT rebootTime, count() AS n FROM devices GROUP BY rebootTime") == [{"n": 3}]
    assert rows(fleet, "SELECT status FROM devices WHERE status = 'none' GROUP BY status") == []


def test_groups_come_in_pages_too(fleet):
    text, seen, token = "SELECT deviceId, count() FROM devices GROUP BY deviceId", [], None
    for _ in range(3):
        found, token, _ = fleet.hub.query(text, 1, token)
        seen += [row["deviceId"] for row in found]
    assert seen == ["a", "b", "c"] and token is None
    found, token, _ = fleet.hub.query(text.replace("SELECT", "SELECT TOP 2"), 1)
    found, token, _ = fleet.hub.query(text.replace("SELECT", "SELECT TOP 2"), 1, token)
    assert found == [{"deviceId": "b", "count": 1}] and token is None


def test_top_limits_the_rows(fleet):
    assert ids(fleet, "", "TOP 2 *") == "ab"
    assert ids(fleet, "deviceId != 'a'", "TOP (1) *") == "b"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("UPDATE devices", 0),
        ("SELECT FROM devices", 7),
        ("SELECT deviceId, FROM devices", 17),
        ("SELECT *, deviceId FROM devices", 8),
        ("SELECT deviceId AS FROM devices", 19),
        ("SELECT deviceId AS '' FROM devices", 19),
        ("SELECT deviceId AS a, status AS a FROM devices", 22),
        ("SELECT version + 1 FROM devices", 7),
        ("SELECT avg() AS a FROM devices", 11),
        ("SELECT median(version) AS a FROM devices", 7),
        ("SELECT version, count() FROM devices", 7),
        ("SELECT version + 1 AS v, count() FROM devices GROUP BY version", 7),
        ("SELECT count() FROM devices GROUP BY", 36),
        ("SELECT count() FROM devices GROUP BY 5", 37),
        ("SELECT count() FROM devices GROUP status", 34),
        ("SELECT avg(count()) AS a FROM devices", 11),
        ("SELECT " + ", ".join(f"a{n}" for n in range(51)) + " FROM devices", 247),
        ("SELECT TOP 0 * FROM devices", 11),
        ("SELECT TOP many * FROM devices", 11),
        ("SELECT * FROM devices.things", 22),
        ("SELECT * FROM jobs", 14),
        ("SELECT * FROM devices GROUP BY status", 22),
        ("SELECT * FROM devices WHERE", 27),
        ("SELECT * FROM devices WHERE deviceId =", 38),
        ("SELECT * FROM devices WHERE deviceId == 'a'", 38),
        ("SELECT * FROM devices WHERE deviceId = 'a", 39),
        ("SELECT * FROM devices WHERE deviceId = 'a' extra", 43),
        ("SELECT * FROM devices WHERE (deviceId = 'a'", 43),
        ("SELECT * FROM devices WHERE deviceId ; 'a'", 37),
        ("SELECT * FROM devices WHERE version + 'a' = 2", 38),
        ("SELECT * FROM devices WHERE 'a' + version = 2", 32),
        ("SELECT * FROM devices WHERE version + (status = 'x') = 2", 39),
        ("SELECT * FROM devices WHERE version + 1", 39),
        ("SELECT * FROM devices WHERE version AND 5", 41),
        ("SELECT * FROM devices WHERE deviceId IN 'a'", 40),
        ("SELECT * FROM devices WHERE deviceId IN [tags.x]", 41),
        ("SELECT * FROM devices WHERE tags. = 1", 34),
        ("SELECT * FROM devices WHERE tags[1] = 1", 33),
        ("SELECT * FROM devices WHERE exotic(deviceId)", 28),
        ("SELECT * FROM devices WHERE 5", 29),
        ("SELECT * FROM devices WHERE STARTSWITH(deviceId)", 47),
        ("SELECT * FROM devices WHERE STARTSWITH(deviceId, 5)", 49),
        ("SELECT * FROM devices WHERE STARTS_WITH(deviceId, 'a')", 28),
        ("SELECT * FROM devices WHERE is_defined(deviceId, 'a')", 47),
        ("SELECT * FROM devices WHERE tags.[[]] = 1", 33),
        ("SELECT * FROM devices WHERE tags.[[a = 1", 33),
        ("SELECT * FROM devices where d WHERE d.version = 1", 30),
        ("SELECT * FROM devices AS WHERE version = 1", 25),
        ("SELECT * FROM devices 5", 22),
        ("SELECT * FROM devices WHERE version = " + "9" * 5000, 38),
    ],
)
def test_what_is_not_served_is_refused_with_its_position(fleet, text, position):
    with pytest.raises(HubError) as refused:
        fleet.hub.query(text)
    assert (refused.value.status, refused.value.code) == (400, 400004)
    assert f"at position {position}:" in refused.value.message, refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        None,
        5,
        "SELECT * FROM devices WHERE " + "x" * 9000,
        "SELECT * FROM devices WHERE " + "(" * 4000,
        "SELECT * FROM devices WHERE " + "NOT " * 1000 + "a",
    ],
)
def test_monstrous_queries_are_refused(fleet, text):
    with pytest.raises(HubError) as refused:
        fleet.hub.query(text)
    assert refused.value.code == 400004


def test_pages_follow_one_another_and_the_last_has_no_token(stage):
    for number in range(25):
        stage.hub.create_device(f"d{number:02}")
    text, seen, token, pages = "SELECT * FROM devices WHERE deviceId != 'd03'", [], None, 0
    while True:
        rows, token, _ = stage.hub.query(text, 8, token)
        seen += [row["deviceId"] for row in rows]
        pages += 1
        if token is None:
            break
        assert len(rows) == 8
    assert pages == 3 and seen == [f"d{number:02}" for number in range(25) if number != 3]
    rows, token, _ = stage.hub.query("SELECT TOP 10 * FROM devices", 6)
    rest, last, _ = stage.hub.query("SELECT TOP 10 * FROM devices", 6, token)
    assert (len(rows), len(rest), last) == (6, 4, None)
    rows, token, _ = stage.hub.query("SELECT TOP 6 * FROM devices", 6)
    assert len(rows) == 6
    assert token is None


def test_devices_that_go_between_pages_hide_no_others(stage):
    for device_id in "abcdef":
        stage.hub.create_device(device_id)
    text = "SELECT * FROM devices"
    rows, token, _ = stage.hub.query(text, 2)
    stage.hub.delete_device("b")
    stage.hub.create_device("aa")
    rows, token, _ = stage.hub.query(text, 2, token)
    assert [row["deviceId"] for row in rows] == ["c", "d"]


@pytest.mark.parametrize("token", ["x", "AAAA", "WzEsMiwzXQ==", "e30=", "é", "bnVsbA=="])
def test_a_foreign_continuation_token_is_refused(fleet, token):
    with pytest.raises(HubError) as refused:
        fleet.hub.query("SELECT * FROM devices", 1, token)
    assert "continuation token" in refused.value.message


def test_the_token_of_another_query_is_refused(fleet):
    _, token, _ = fleet.hub.query("SELECT * FROM devices", 1)
    with pytest.raises(HubError):
        fleet.hub.query("SELECT * FROM devices WHERE version > 0", 1, token)


@pytest.mark.parametrize("size", [1000, 1001, 10**9])
def test_a_page_has_a_thousand_rows_at_the_most_however_many_are_asked_for(stage, size):
    """azure-iot-cli-extension, _execute_query: "In case requested count is > service max page size"; it goes on
    with the continuation token."""
    for number in range(1001):
        stage.hub.create_device(f"d{number:04}")
    found, token, _ = stage.hub.query("SELECT deviceId FROM devices", size)
    assert len(found) == 1000
    found, token, _ = stage.hub.query("SELECT deviceId FROM devices", size, token)
    assert found == [{"deviceId": "d1000"}] and token is None


@pytest.mark.parametrize("size", [0, -1, "5", True, 2.5])
def test_a_page_size_out_of_range_is_refused(fleet, size):
    with pytest.raises(HubError):
        fleet.hub.query("SELECT * FROM devices", size)
