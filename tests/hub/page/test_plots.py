"""Curves and what else is worked out in the browser, and the log that it is worked out of."""

import json
import time

import pytest
from playwright.sync_api import expect

from twinkle_host.hub.core.messages.telemetry import Message
from twinkle_host.hub.page import history, stream
from twinkle_host.hub.page.models import ModelError, load_models, model_of
from twinkle_host.hub.page.points import moment, numbers
from twinkle_host.waiting import eventually


@pytest.fixture(scope="module")
def run(hub, browser):
    """Call a function of one of the page's modules, in the browser."""
    page = browser.new_page()
    page.goto(hub.server.page.ticket())
    page.wait_for_url(hub.info["pageUrl"])
    page.goto(f"{hub.info['pageUrl']}style.css")  # where modules can be loaded and nothing is looked at

    def run(module, function, *arguments):
        return page.evaluate(
            "async ([module, name, given]) => (await import(`/model/${module}.js`))[name](...given)",
            [module, function, list(arguments)],
        )

    yield run
    page.close()


def test_a_gap_is_a_gap(run):
    steady = [[1000 * second, {"temp": second}] for second in range(10)]
    later = [[1000 * second, {"temp": second}] for second in range(60, 65)]
    pairs = run("series", "series", steady + later, "temp")
    assert [len(part) for part in run("series", "runs", pairs)] == [10, 5]
    times, values = run("series", "columns", pairs)
    assert (times[10], values[10]) == (34.5, None), "in the middle of it there is nothing"
    assert len(times) == len(values) == 16
    assert run("series", "columns", []) == [[], []]


def test_points_are_joined_in_their_order_and_each_once(run):
    older, newer = [[1, {"a": 1}], [2, {"a": 2}]], [[2, {"a": 2}], [3, {"a": 3}]]
    assert [time for time, _ in run("series", "joined", older, newer, 100)] == [1, 2, 3]
    assert [time for time, _ in run("series", "joined", older, [[3, {"a": 3}]], 2)] == [2, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20, "20"),
        (20.123456, "20.123"),
        (0.000123456, "0.00012346"),
        (-99999.06, "-99999"),
        (123456.7, "123457"),
        (4142857142857.14, "4142857142857"),
        (1717171717171, "1717171717171"),
        (4.142857142857e18, "4.1429e+18"),
        (1e300, "1e+300"),
    ],
)
def test_no_whole_digit_of_a_number_is_rounded_away_while_there_is_room(run, value, text):
    assert run("words", "plain", value) == text


def test_what_the_log_holds_joins_what_was_heard_and_each_keeps_its_order(run):
    def event(name, enqueued):
        return {"time": 0, "source": "Telemetry", "body": name, "enqueued": enqueued}

    heard = [event(*each) for each in (("a", 1), ("B", 1), ("C", 5), ("d", 5), ("E", 9))]
    kept = [event(*each) for each in (("a", 1), ("missed", 3), ("d", 5), ("missed too", 7))]
    whole = run("events", "merged", kept, heard)
    assert [each["body"] for each in whole] == ["a", "B", "missed", "C", "d", "missed too", "E"]
    assert run("events", "merged", kept, whole) == whole
    assert run("events", "merged", kept, []) == kept
    assert run("events", "merged", [], heard) == heard
    twice = [event("same", 1), event("same", 1)]
    assert run("events", "merged", twice, [*twice, event("last", 1)]) == [*twice, event("last", 1)]


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"c": 1, "d": 3}}, {"a": None, "b": {"d": 3}}),
        ({"a": [1, 2]}, {"a": [1, 2]}, {}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({}, {"a": {"b": {}}}, {"a": {"b": {}}}),
    ],
)
def test_an_edit_becomes_a_merge_patch(run, before, after, patch):
    assert run("twin", "patch", before, after) == patch


def test_the_twin_is_told_row_by_row(run):
    desired = {"a": 1, "b": {"c": 2}, "only": True}
    reported = {"a": {"value": 1, "ac": 200, "av": 1, "ad": "ok"}, "b": {"c": 3}, "own": [1]}
    told = {".".join(row["path"]): row["state"] for row in run("twin", "rows", desired, reported)}
    assert told == {"a": "same", "b.c": "differs", "only": "asked", "own": "own"}


def test_a_command_of_a_component_is_called_as_the_hub_names_it(run):
    model = {
        "interface": {"contents": [{"@type": "Command", "name": "reboot"}]},
        "components": {
            "fan": {"contents": [{"@type": ["Command"], "name": "spin", "displayName": {"en": "Spin"}}]}
        },
    }
    told = [(one["name"], one["title"]) for one in run("dtdl", "commands", model)]
    assert told == [("reboot", "reboot"), ("fan*spin", "fan: Spin")]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ("double", "number"),
        ("boolean", "boolean"),
        ("dtmi:unknown;1", "json"),
        (
            {"@type": "Enum", "valueSchema": "integer", "enumValues": [{"name": "low", "enumValue": 1}]},
            "choice",
        ),
        ({"@type": "Object", "fields": [{"name": "speed", "schema": "integer"}]}, "object"),
        ({"@type": "Array", "elementSchema": "double"}, "json"),
    ],
)
def test_each_schema_has_a_control(run, schema, kind):
    assert run("dtdl", "field", schema)["kind"] == kind


def test_plots_zoom_hover_and_show_gaps(hub, page):
    hub.add("plotted")
    now = int(time.time() * 1000)
    spoken = [*range(now - 120_000, now - 90_000, 1000), *range(now - 40_000, now - 1000, 1000)]
    for moment_ in spoken:
        said(hub, "plotted", moment_, {"temp": (moment_ // 1000) % 7, "motor": {"speed": 100}})
    page.goto(f"{hub.info['pageUrl']}#/device/plotted")
    expect(page.get_by_text(f"{len(spoken)} messages")).to_be_visible()
    plot = page.get_by_role("img", name="temp:")
    over = plot.locator(".u-over")
    box = over.bounding_box()
    hovered = page.locator("figcaption", has_text="motor.speed").locator(".at")
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.9, middle)
    expect(hovered).to_contain_text("100")  # of the same moment, in the other plot
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.98, middle, steps=3)
    page.mouse.up()
    all_of_it = page.get_by_role("button", name="Show all")
    expect(all_of_it).to_be_enabled()
    all_of_it.click()
    expect(all_of_it).to_be_disabled()
    page.get_by_text("The newest values as a table").click()
    expect(page.get_by_role("columnheader", name="motor.speed")).to_be_visible()
    page.get_by_label("Time").select_option(label="1 hour")
    expect(page.get_by_text(f"{len(spoken)} messages")).to_be_visible()


def said(hub, device_id, when, body):
    """A device said this at that moment, in milliseconds since 1970, and had it with it until now."""
    made = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when // 1000)) + f".{when % 1000:03}Z"
    device = hub.call("devices.find", device_id)
    message = Message({"iothub-creation-time-utc": made}, {}, json.dumps(body).encode())
    hub.call("events.telemetry", device, message, "{}")


def test_what_was_kept_on_the_device_stands_where_it_was_measured():
    assert moment({"iothub-creation-time-utc": "2026-01-01T00:00:00Z"}, 5) == 1767225600000
    for told in (
        {},
        {"iothub-creation-time-utc": "soon"},
        {"iothub-creation-time-utc": "2026-01-01T00:00:00"},
    ):
        assert moment(told, 5) == 5, "what is no moment is when it came"


def test_numbers_are_found_by_their_path_and_not_without_end():
    assert numbers({"a": 1, "b": {"c": 2.5, "d": "x"}, "on": True}) == {"a": 1, "b.c": 2.5}
    assert numbers({"a": 1}, "fan") == {"fan.a": 1}
    assert len(numbers({str(n): n for n in range(1000)})) == 32
    assert numbers([1, 2]) == {} and numbers(None) == {}


def test_a_slow_browser_misses_the_oldest_and_is_told():
    class Hub:
        devices = {}

    viewer = stream.Viewer(Hub(), frozenset(["a"]), None)
    for number in range(stream.QUEUE + 5):
        system = {"iothub-enqueuedtime": number}
        viewer.hear(
            {
                "deviceId": "a",
                "source": "Telemetry",
                "bodyType": "json",
                "body": {"n": number},
                "systemProperties": system,
            }
        )
    told = viewer.batch()
    assert (told["dropped"], len(told["points"]), told["points"][0][1]) == (5, stream.QUEUE, 5)
    assert viewer.batch() == {}


def test_a_long_time_is_told_by_its_newest_messages(hub, monkeypatch, page):
    monkeypatch.setattr(history, "MOST_POINTS", 50)
    hub.add("chatty")
    hub.keep("chatty", *(b'{"n": %d}' % number for number in range(80)))
    page.goto(f"{hub.info['pageUrl']}#/device/chatty")
    expect(page.get_by_text("The newest 50 messages of this time")).to_be_visible()
    expect(page.locator("figcaption .now")).to_have_text("79")


def test_a_hub_that_nobody_looks_at_listens_to_nothing(hub, page):
    events, stream_ = hub.server.hub.events, hub.server.page.content.stream
    expect(page.locator("hub-state")).to_have_text("Live")
    assert len(events._listeners) > 1
    page.goto("about:blank")
    eventually(lambda: stream_.viewers == 0)
    assert len(events._listeners) == 1, "the test's own is left"


def test_models_come_from_files_and_a_file_that_is_none_is_named(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    fan = {"@id": "dtmi:com:example:Fan;1", "@type": "Interface", "contents": []}
    part = {"@type": "Component", "name": "fan", "schema": "dtmi:com:example:Fan;1"}
    good.write_text(json.dumps([fan, {"@id": "dtmi:com:example:Room;1", "contents": [part]}]))
    models = load_models([good])
    assert model_of(models, "dtmi:com:example:Room;1")["components"] == {"fan": fan}
    assert model_of(models, "dtmi:twinkle:Environment;1") is not None, "the default application's is known"
    assert model_of(models, None) is None
    for content in ("{", '{"a": 1}', '["text"]'):
        bad.write_text(content)
        with pytest.raises(ModelError, match=r"bad\.json is no DTDL model"):
            load_models([bad])


def test_a_message_that_comes_while_the_log_is_read_is_not_lost(hub, page):
    hub.add("quick")
    hub.keep("quick", b'{"temp": 1}')

    def answer_late(route):
        answer = route.fetch()
        hub.keep("quick", b'{"temp": 2}')
        page.wait_for_timeout(2000 * stream.PACE_S)  # it reaches the page first
        route.fulfill(response=answer)

    page.goto(f"{hub.info['pageUrl']}#/device/quick/events")
    expect(page.get_by_role("list", name="Events")).to_contain_text('{"temp":1}')
    page.route("**/telemetry?*", answer_late)
    page.get_by_role("link", name="Telemetry").click()
    expect(page.locator("telemetry-plot > .soft")).to_have_text("2 messages")
    expect(page.locator("figcaption .now")).to_have_text("2")
