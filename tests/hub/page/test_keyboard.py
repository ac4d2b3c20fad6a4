"""Who uses the keyboard keeps the place, whatever becomes of the control that has it; no Tab begins anew at the top."""

import json
import re
from importlib.resources import files

import pytest
from playwright.sync_api import expect
from windows import focused, started

MOST_EVENTS = 300  # in the list


def at(page, hub, place=""):
    page.goto(f"{hub.info['pageUrl']}#/{place}")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


@pytest.fixture
def quiet(hub):
    """A device to which nothing happens by itself, with something to edit."""
    name = "at-the-keyboard"
    hub.add(name)
    hub.call("patch_twin", name, {"properties": {"desired": {"level": 1}}})
    yield name
    if name in [device["deviceId"] for device in hub.call("list_devices")]:
        hub.call("delete_device", name)


@pytest.fixture
def editor(hub, quiet, page):
    """The editor of its desired properties."""
    at(page, hub, f"device/{quiet}/twin")
    box = page.get_by_label("Desired properties")
    expect(box).to_have_value(json.dumps({"level": 1}, indent=2))
    return box


def test_save_and_undo_have_it_when_there_is_nothing_left_to_save_or_undo(editor, page):
    editor.fill('{"level": 2}')
    save, undo = button(page, "Save"), button(page, "Undo")
    save.press("Enter")
    expect(page.locator("#said")).to_have_text("Saved")
    expect(save).to_be_disabled()
    expect(save).to_be_focused()
    editor.fill('{"level": 3}')
    undo.press("Enter")
    expect(undo).to_be_disabled()
    expect(undo).to_be_focused()
    undo.press("Enter")
    save.press("Enter")
    expect(save).to_be_focused()
    expect(editor).to_have_value(json.dumps({"level": 2}, indent=2))


def test_what_others_wrote_is_taken_and_the_editor_has_it(hub, quiet, editor, page):
    editor.fill('{"level": 2}')
    hub.call("patch_twin", quiet, {"properties": {"desired": {"room": "theirs"}}})
    button(page, "Take theirs").press("Enter")
    expect(editor).to_have_value(json.dumps({"level": 1, "room": "theirs"}, indent=2))
    expect(editor).to_be_focused()


@pytest.fixture
def several(new_hub):
    """More devices than one page of the overview holds."""
    for number in range(25):
        new_hub.call("create_device", f"many-{number:02}", {})
    return new_hub


def test_the_pager_has_it_on_the_last_page_and_on_the_first(several, new_page):
    at(new_page, several)
    for name, place in (("Next", "Page 2 of 2"), ("Previous", "Page 1 of 2")):
        turn = button(new_page, name)
        turn.press("Enter")
        expect(new_page.get_by_text(place)).to_be_visible()
        expect(turn).to_be_disabled()
        expect(turn).to_be_focused()
        turn.press("Enter")
        expect(new_page.get_by_text(place)).to_be_visible()


def test_a_neighbour_has_it_when_a_card_goes_or_the_pager(several, new_page):
    hub, page = several, new_page
    at(page, hub)
    page.get_by_role("link", name="many-03").focus()
    hub.call("delete_device", "many-03")
    expect(page.get_by_role("link", name="many-04")).to_be_focused()
    page.get_by_role("link", name="many-24").focus()
    hub.call("delete_device", "many-24")
    expect(page.get_by_role("link", name="many-23")).to_be_focused()
    hub.call("create_device", "many-99", {})
    hub.call("create_device", "many-98", {})
    expect(page.get_by_text("Page 1 of 2")).to_be_hidden()


def test_the_way_back_has_it_when_the_device_goes(hub, quiet, page):
    at(page, hub, f"device/{quiet}")
    page.get_by_role("link", name="Events").focus()
    hub.call("delete_device", quiet)
    expect(page.get_by_text("Not registered")).to_be_visible()
    expect(page.get_by_role("link", name="All devices")).to_be_focused()


def test_a_question_about_a_device_that_has_gone_meanwhile_gives_it_back(hub, quiet, page):
    at(page, hub, f"device/{quiet}")
    button(page, "Delete").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    hub.call("delete_device", quiet)
    expect(page.get_by_text("Not registered")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("main")).to_be_focused()


def test_a_model_that_comes_leaves_what_is_typed_where_it_is(hub, quiet, page):
    """A device says its model when it connects, which may be while somebody fills in the form of one without."""
    at(page, hub, f"device/{quiet}/methods")
    name = page.get_by_label("Name")
    name.fill("rebo")
    hub.call("devices.find", quiet).twin.model_id = "dtmi:twinkle:Environment;1"
    hub.call("patch_twin", quiet, {"properties": {"desired": {"level": 2}}})
    expect(page.get_by_label("Method").locator("option")).not_to_have_count(1)
    expect(name).to_be_focused()
    expect(name).to_have_value("rebo")


def test_show_all_has_it_when_all_is_shown(hub, quiet, page):
    hub.keep(quiet, *(json.dumps({"temp": number}).encode() for number in range(5)))
    at(page, hub, f"device/{quiet}")
    plot = page.locator(".u-over")
    box = plot.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 20, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, middle, steps=4)
    page.mouse.up()
    everything = button(page, "Show all")
    expect(everything).to_be_enabled()
    everything.press("Enter")
    expect(everything).to_be_disabled()
    expect(everything).to_be_focused()


def test_disconnect_has_it_when_the_connection_is_ended(hub, desk, page):
    at(page, hub, f"device/{desk}")
    end = button(page, "Disconnect")
    expect(end).to_be_enabled()
    hub.misbehave({"fault": "refuse", "device": desk})  # it would be back before anybody has looked
    end.press("Enter")
    expect(end).to_be_disabled()
    expect(end).to_be_focused()
    hub.misbehave()
    expect(end).to_be_enabled()  # it comes back by itself
    expect(end).to_be_focused()


def test_what_gives_the_room_its_own_day_has_it_when_it_is_given(hub, desk, page):
    at(page, hub, f"device/{desk}/board")
    page.locator("#temperature").fill("31.5")
    day = button(page, "Its own day again")
    expect(day).to_be_enabled()
    day.press("Enter")
    expect(day).to_be_disabled()
    expect(day).to_be_focused()


def test_a_switch_has_it_when_its_board_goes(hub, page):
    with started(hub, "short-lived"):
        at(page, hub, "device/short-lived/board")
        power = page.get_by_role("switch", name="Power")
        expect(power).to_be_checked()
        power.focus()
    expect(page.locator("device-view > .headline .badge").first).to_have_text("Disconnected")
    expect(page.locator(".bench-head .badge")).to_have_text("Not there")
    expect(power).to_be_disabled()
    expect(power).to_be_focused()
    power.press("Space")
    expect(power).not_to_be_checked()


def test_an_event_below_has_it_when_there_are_too_many(hub, quiet, page):
    """The oldest leave the list while somebody is at one of them."""
    hub.keep(quiet, b'{"n": "first"}', b'{"n": "second"}')
    at(page, hub, f"device/{quiet}/events")
    events = page.get_by_role("list", name="Events")
    events.locator("summary", has_text="first").focus()
    hub.keep(quiet, *(json.dumps({"n": number}).encode() for number in range(MOST_EVENTS - 1)))
    expect(events).to_contain_text(f'{{"n":{MOST_EVENTS - 2}}}')
    expect(events).not_to_contain_text("first")
    expect(events.locator("summary", has_text="second")).to_be_focused()


UNDER = """() => {
    const at = document.activeElement.getBoundingClientRect();
    const head = document.querySelector("header").getBoundingClientRect();
    return Boolean(document.activeElement.closest("main")) && at.top < head.bottom;
}"""


@pytest.mark.parametrize("wide", [1280, 375])
def test_what_has_it_is_not_under_the_head_of_the_page(hub, desk, page, wide):
    """Which stays where it is while all else scrolls: also on the way back, from the last to the first."""
    page.set_viewport_size({"width": wide, "height": 500})
    at(page, hub, f"device/{desk}/board")
    expect(page.get_by_role("log", name="Log")).to_contain_text("ready")
    page.get_by_text("$metadata").focus()
    hidden = []
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate(UNDER):
            hidden.append(page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))
        if focused(page) == "All devices":
            break
    assert (focused(page), hidden) == ("All devices", [])


def test_a_slider_says_its_value_with_its_unit_and_nothing_says_it_twice(hub, desk, page):
    at(page, hub, f"device/{desk}/board")
    slider = page.get_by_role("slider", name="Temperature", exact=True)
    slider.fill("31.5")
    expect(slider).to_have_attribute("aria-valuetext", "31.5 °C")
    assert page.get_by_role("status").count() == 2, "whether the hub is heard, and what is said"
    button(page, "Its own day again").click()


def test_no_control_of_the_page_is_disabled_as_browsers_do_it():
    """What has ``disabled`` cannot have the focus, and loses it; ``enable`` of keyboard.js is what is used instead."""
    static = files("twinkle_host.hub.page") / "static"
    for file in static.rglob("*.js"):
        if file.parent.name != "vendor":
            assert not re.search(r"\.disabled =|\bdisabled: (true|false)", file.read_text()), file.name
