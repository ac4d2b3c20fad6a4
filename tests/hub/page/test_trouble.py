"""Trouble on purpose, a hub that goes and comes back, a reset, a thousand devices, and who must be able to use it."""

import json
import re
from importlib.resources import files

import pytest
from playwright.sync_api import expect
from windows import focused, held, opened, serious, width

from twinkle_host.hub.faults.rules import FAULTS, OF_THE_LINE
from twinkle_host.hub.live import LiveHub
from twinkle_host.waiting import eventually

DEVICES = 1000


def at(page, hub, place=""):
    page.goto(f"{hub.info['pageUrl']}#/{place}")


def test_a_fault_is_switched_on_seen_at_work_and_switched_off(hub, page):
    hub.add("victim")
    at(page, hub, "trouble")
    fault = page.get_by_role("listitem").filter(has_text="A service's request fails")
    fault.get_by_role("switch").check()
    expect(page.locator("#said")).to_have_text("1 fault is on")
    fault.get_by_label("Status").fill("502")
    eventually(lambda: hub.server.faults.rules[0]["status"] == 502)
    asked = page.request.get(hub.info["pageUrl"] + "health")
    assert asked.ok, "the page itself is not what misbehaves"
    faults = hub.server.faults
    assert faults.value("http", "victim") == 502
    expect(fault).to_contain_text("once")
    page.get_by_text("The rules as JSON").click()
    box = page.get_by_label("Rules, as in the file")
    box.fill(json.dumps({"rules": [{"fault": "late", "device": "victim", "from": 5}]}))
    page.get_by_role("button", name="Follow these").click()
    expect(fault.get_by_role("switch")).not_to_be_checked()
    box.fill('{"rules": [{"fault": "earthquake"}]}')
    page.get_by_role("button", name="Follow these").click()
    expect(page.locator("trouble-view .refusal")).to_contain_text("must name a fault")
    page.get_by_role("button", name="All off").click()
    expect(page.locator("#said")).to_have_text("0 faults are on")
    assert hub.server.faults is None


def test_a_switch_that_was_moved_stays_where_it_is_whatever_was_asked_before(hub, page):
    """What the faults have done is asked for each second, and the answer may be older than the switch."""
    held = []

    def answer_late(route):
        if route.request.method == "GET":
            held.append((route, route.fetch()))
        else:
            route.continue_()

    at(page, hub, "trouble")
    late = page.get_by_role("switch", name="A message to the device comes late")
    expect(late).to_be_visible()
    page.route("**/api/faults", answer_late)
    eventually(lambda: page.evaluate("1") and held)
    late.check()
    expect(page.locator("#said")).to_have_text("1 fault is on")
    ((route, answer),) = held
    route.fulfill(response=answer)
    eventually(lambda: page.evaluate("1") and len(held) == 2)  # it has been taken: the next is asked for
    assert late.is_checked()
    page.unroute("**/api/faults")
    hub.misbehave()


def test_what_is_typed_stays_whatever_was_asked_before(hub, page):
    """Also when who has typed it goes on to something else at once."""
    at(page, hub, "trouble")
    fault = page.get_by_role("listitem").filter(has_text="A service's request fails")
    fault.get_by_role("switch").check()
    expect(page.locator("#said")).to_have_text("1 fault is on")
    page.get_by_text("The rules as JSON").click()
    find, status, rules = (
        fault.get_by_label("Devices"),
        fault.get_by_label("Status"),
        page.get_by_label("Rules, as in the file"),
    )
    expect(rules).not_to_have_value("")
    wanted = json.dumps({"rules": [{"fault": "http", "status": 504}]})
    rules.fill(wanted)
    find.focus()
    for _ in range(2):
        with page.expect_response("**/api/faults"):  # of which the first may have been shown before
            pass
    expect(rules).to_have_value(wanted)
    held = []
    page.route("**/api/faults", lambda route: held.append((route, route.fetch())), times=1)
    eventually(lambda: page.evaluate("1") and held)
    status.fill("502")
    find.focus()
    ((route, answer),) = held
    route.fulfill(response=answer)
    eventually(lambda: page.evaluate("1") and hub.server.faults.rules[0]["status"] == 502)
    hub.misbehave()


def test_what_is_switched_off_while_it_is_typed_stays_off(hub, page):
    puts = []
    page.on("request", lambda request: puts.append(request.post_data_json) if request.method == "PUT" else 0)
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    at(page, hub, "trouble")
    page.reload()
    fault = page.get_by_role("listitem").filter(has_text="A service's request fails")
    fault.get_by_role("switch").check()
    expect(page.locator("#said")).to_have_text("1 fault is on")
    puts.clear()
    fault.get_by_label("Status").fill("502")
    page.get_by_role("button", name="All off").click()
    page.clock.run_for(2000)
    expect(page.locator("#said")).to_have_text("0 faults are on")
    assert puts == [{"rules": []}]


def test_faults_of_the_line_stay_and_the_page_says_why_nothing_can_be_switched(tmp_path, window):
    faults = json.dumps({"rules": [{"fault": "delay", "seconds": 0.1}]})
    with LiveHub(tmp_path / "hub", page_port=0, faults=faults) as hub:
        page = opened(hub, window)
        at(page, hub, "trouble")
        expect(page.get_by_role("switch").first).to_be_disabled()
        expect(page.get_by_text("started with faults of the line")).to_be_visible()
        page.goto("about:blank")


def test_each_fault_has_its_words():
    words = (files("twinkle_host.hub.page") / "static" / "views" / "trouble-view.js").read_text()
    for fault in FAULTS:
        assert (f"\n  {fault}: [" in words) == (fault not in OF_THE_LINE), fault


def test_a_reset_is_the_state_as_at_the_start(new_hub, new_page):
    """On the same ports, and to everybody who looks: CI begins anew with it."""
    hub, page = new_hub, new_page
    before = hub.info
    hub.add("made-later")
    hub.keep("made-later", b'{"temp": 1}')
    hub.misbehave({"fault": "late"})
    at(page, hub)
    expect(page.get_by_role("link", name="made-later")).to_be_visible()
    refused = page.request.post(f"{before['pageUrl']}reset")
    assert refused.status == 403, "without the key, and without saying where from"
    answer = page.request.post(
        f"{before['pageUrl']}reset", headers={"Authorization": f"Bearer {before['pageKey']}"}
    )
    assert answer.ok and answer.json()["devices"]["totalDeviceCount"] == 0
    assert hub.server.info == before
    assert hub.server.faults is None
    expect(page.get_by_text("No devices yet")).to_be_visible()
    expect(page.locator("hub-state")).to_have_text("Live")
    hub.add("after")
    expect(page.get_by_role("link", name="after")).to_be_visible()


def test_a_hub_that_stops_under_an_open_page_is_said_and_found_again(new_hub, new_page):
    hub, page = new_hub, new_page
    hub.add("survivor")
    at(page, hub, "device/survivor")
    expect(page.locator("hub-state")).to_have_text("Live")
    hub.stop()
    expect(page.locator("hub-state")).to_contain_text("The hub does not answer; trying again")
    hub.start()
    expect(page.locator("hub-state")).to_have_text("Live")
    hub.keep("survivor", b'{"temp": 7.25}')
    expect(page.locator("figcaption", has_text="temp")).to_contain_text("7.25")


def test_what_happens_before_the_hub_is_heard_is_not_missed(hub, page):
    """A view is read, and what changes in it is heard, on two connections, of which either may be the first."""
    hub.add("between")
    let_listen = held(page, "**/api/stream*")
    at(page, hub)
    card = page.locator("device-card", has=page.get_by_role("link", name="between", exact=True))
    expect(card).to_contain_text("No configuration")
    hub.call("patch_twin", "between", {"properties": {"desired": {"configId": 7}}})
    hub.keep("between", b'{"temp": 1}')
    let_listen()
    expect(card).to_contain_text("not answered yet")
    expect(card.locator("small-curve")).to_contain_text("1")
    let_listen = held(page, "**/api/stream*")
    with page.expect_request("**/api/stream*"):
        at(page, hub, "device/between/twin")
    page.request.get(f"{hub.info['pageUrl']}api/devices/between")
    hub.call("patch_twin", "between", {"properties": {"desired": {"level": 5}}})
    let_listen()
    expect(page.get_by_role("row", name="level")).to_contain_text("5")


def test_a_view_that_was_left_does_not_change_what_is_looked_at(hub, page):
    hub.add("looked-at")
    held = []
    page.route(re.compile("api/devices.page="), lambda route: held.append(route))
    at(page, hub)
    eventually(lambda: page.evaluate("1") and held)  # all devices are asked for; before the answer comes …
    at(page, hub, "device/looked-at")
    expect(page.locator("hub-state")).to_have_text("Live")
    expect(page.get_by_text("No numbers in this time.")).to_be_visible()
    for route in held:
        route.abort()  # … which is none
    page.evaluate("new Promise(requestAnimationFrame)")
    hub.keep("looked-at", b'{"temp": 7.25}')
    expect(page.locator("figcaption", has_text="temp")).to_contain_text("7.25")


def has(hub, device_id):
    return device_id in [device["deviceId"] for device in hub.call("list_devices")]


@pytest.fixture(scope="module")
def many(hub):
    """A thousand devices, some of which speak."""
    for number in range(DEVICES):
        hub.call("create_device", f"many-{number:04}", {})
    for _ in range(3):
        for number in range(30):
            hub.keep(f"many-{number:04}", json.dumps({"temp": 20 + number}).encode())


def test_a_thousand_devices_are_turned_page_by_page(hub, many, page):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    at(page, hub)
    page.get_by_label("Find").fill("many-")
    expect(page.get_by_text(f"Page 1 of {-(-DEVICES // 24)}")).to_be_visible()
    expect(page.locator("device-card")).to_have_count(24)
    expect(page.locator("device-card").first.locator("small-curve")).to_contain_text("20")
    curves = [url for url in asked if url.endswith("/curve")]
    assert len(set(curves)) < 24, "curves only of what is seen"
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    expect(page.get_by_role("link", name="many-0024")).to_be_visible()
    page.get_by_label("Find").fill("many-0999")
    expect(page.locator("device-card")).to_have_count(1)
    page.get_by_role("link", name="many-0999").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    assert not has(hub, "many-0999")


def test_who_turns_the_page_is_not_turned_back(hub, many, page):
    """Neither by what was typed just before, nor by the news that there is another device."""
    pages = []
    page.on("request", lambda request: pages.extend(re.findall(r"/api/devices\?page=(\d+)", request.url)))
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    at(page, hub)
    page.reload()
    expect(page.get_by_text("Page 1 of")).to_be_visible()
    page.get_by_label("Find").fill("many-")
    page.get_by_role("button", name="Next").click()
    page.clock.run_for(1000)
    expect(page.get_by_text("Page 2 of")).to_be_visible()
    assert set(pages) == {"0", "1"} and pages == sorted(pages)

    def answer_after_the_news(route):
        hub.add("many-more")
        count = hub.call("statistics")["totalDeviceCount"]
        expect(page.locator(".counts")).to_contain_text(f"{count} devices")
        route.continue_()

    page.route("**/devices?page=2&*", answer_after_the_news, times=1)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Page 3 of")).to_be_visible()
    page.clock.run_for(1000)
    expect(page.get_by_text("Page 3 of")).to_be_visible()
    assert set(pages) == {"0", "1", "2"} and pages == sorted(pages)
    hub.call("delete_device", "many-more")


PLACES = ["", "trouble", *(f"device/many-0001/{tab}" for tab in ("telemetry", "twin", "methods", "events"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(hub, many, page, scheme):
    """axe-core finds nothing serious, in either palette, and on a narrow screen nothing is cut off."""
    page.emulate_media(color_scheme=scheme)
    for place in PLACES:
        at(page, hub, place)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator("hub-state")).to_have_text("Live")
        if place.endswith(("many-0001/telemetry", "many-0001/twin")):
            expect(page.locator("table").first).to_be_attached()
        assert serious(page) == [], place
    page.set_viewport_size({"width": 360, "height": 740})
    for place in PLACES:
        at(page, hub, place)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert width(page) <= 360, place


@pytest.fixture(scope="module")
def worst(hub):
    """A device of which everything is long: its name, its numbers' names and digits, its twin of 30 KB."""
    name = "a-name-as-factories-give-them-" + "0123456789" * 7
    hub.add(name)
    long = "a.number." + "whose-name-has-no-end-" * 6
    for number in range(3):
        hub.keep(name, json.dumps({long: 123456789012345 + number, "level": 1e300, "temp": 20}).encode())
    members = {f"member{number:03}": {"text": "x" * 80, "list": [number] * 30} for number in range(85)}
    wanted = {"W" * 100: "v" * 900, "configId": "c" * 300, **members}
    hub.call("patch_twin", name, {"properties": {"desired": wanted}})
    hub.call("events.diagnostic", name, "requestRefused", "reason" * 90)
    return name


@pytest.mark.parametrize("wide", [1280, 375])
def test_nothing_runs_out_of_its_place_however_long_it_is(hub, worst, page, wide):
    page.set_viewport_size({"width": wide, "height": 800})
    at(page, hub)
    page.get_by_label("Find").fill("factories")
    expect(page.locator("small-curve")).to_have_count(3)
    for place in (None, "telemetry", "twin", "methods", "events"):
        if place:
            at(page, hub, f"device/{worst}/{place}")
            expect(page.locator(f"a[href$='/{place}']")).to_have_attribute("aria-current", "page")
        if place == "telemetry":
            expect(page.locator("figure")).to_have_count(3)
        assert width(page) <= wide, place
        assert page.evaluate(OUTSIDE) == [], place
    editor = page.get_by_label("Desired properties")
    at(page, hub, f"device/{worst}/twin")
    expect(editor).to_be_attached()
    assert editor.bounding_box()["y"] < 3 * 800, "the table scrolls in its own place"


# Texts whose end is beyond the card or the panel that they are in, and that nothing there scrolls or cuts.
OUTSIDE = """() => {
    const words = (one) => { const range = new Range(); range.selectNodeContents(one); return range; };
    const right = (one) => one.getBoundingClientRect().right;
    return [...document.querySelectorAll("device-card article *, .panel *")]
        .filter((one) => !one.children.length && one.checkVisibility() && !one.closest(".scroll, pre, .u-wrap, svg"))
        .filter((one) => getComputedStyle(one).overflow === "visible")
        .filter((one) => right(words(one)) > right(one.closest("article, .panel")) + 1)
        .map((one) => one.outerHTML.slice(0, 200));
}"""


def test_it_is_used_with_the_keyboard_alone(new_hub, new_page):
    hub, page = new_hub, new_page
    for device_id in ("after", "later"):
        hub.add(device_id)
    page.reload()
    expect(page.get_by_role("link", name="after")).to_be_visible()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused(page) == "after":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("after")
    page.get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert has(hub, "after")


def test_nothing_moves_when_data_comes(hub, many, page):
    at(page, hub)
    page.get_by_label("Find").fill("many-09")
    expect(page.get_by_role("link", name="many-0900")).to_be_visible()
    card = page.locator("device-card").first
    before = card.bounding_box()
    hub.keep("many-0900", json.dumps({"temp": 1, "humid": 2, "light": 3, "more": 4}).encode())
    hub.call("patch_twin", "many-0900", {"properties": {"desired": {"configId": 7}}})
    expect(card.locator("small-curve")).to_have_count(3)
    expect(card).to_contain_text("not answered yet")
    assert card.bounding_box() == before
