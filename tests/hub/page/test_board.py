"""The board beside its twin, in a browser: a device that ``twinkle run`` started, on simulated pins."""

import json
import re

import pytest
from playwright.sync_api import expect
from windows import serious, width


@pytest.fixture
def board(hub, desk, page):
    """The page of its board, with telemetry each second."""
    hub.call("patch_twin", desk, {"properties": {"desired": {"configId": "board", "sendFrequency": "1s"}}})
    page.goto(f"{hub.info['pageUrl']}#/device/{desk}/board")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    return page


def led(page):
    return page.get_by_role("list", name="Pins").get_by_role("listitem").filter(has_text="LED")


def glow(page):
    """How much light the browser paints."""
    return float(page.locator(".pin.led .glow").evaluate("glow => getComputedStyle(glow).opacity"))


def test_the_led_glows_when_a_method_lights_it_and_is_dark_without_power(hub, desk, board):
    expect(led(board)).to_contain_text("dark")
    assert glow(board) == 0
    board.get_by_role("link", name="Methods and messages").click()
    board.get_by_label("Method").select_option(label="turnon: Light the lamp")
    board.get_by_role("button", name="Call").click()
    expect(board.locator("method-form .answer")).to_contain_text("Status 200")
    board.get_by_role("link", name="Board").click()
    expect(led(board)).to_contain_text("lit")
    assert glow(board) > 0.5
    power = board.get_by_role("switch", name="Power")
    power.uncheck()
    expect(led(board)).to_contain_text("dark")
    assert glow(board) == 0
    expect(board.get_by_text("Off", exact=True)).to_be_visible()
    expect(board.locator("device-view > .headline .badge").first).to_have_text("Disconnected")
    power.check()
    expect(board.get_by_text("Running", exact=True)).to_be_visible()
    expect(board.locator("device-view > .headline .badge").first).to_have_text("Connected")
    expect(board.get_by_role("log", name="Log")).to_contain_text("ready")


def test_the_level_is_the_pins_own(hub, desk, board):
    hub.call("patch_twin", desk, {"properties": {"desired": {"brightness": 3}}})
    expect(board.get_by_role("row", name="brightness")).to_contain_text("same")  # its twin, beside it
    board.get_by_label("Type at the console").fill("call turnon")
    board.get_by_role("button", name="Send").click()
    expect(board.get_by_role("log", name="Console")).to_contain_text("ok")
    expect(led(board)).to_contain_text("20 %")
    assert 0 < glow(board) < 0.5


def test_a_slider_reaches_the_curve_and_a_fault_the_device(hub, desk, board):
    slider = board.get_by_label("Temperature")
    slider.fill("31.5")
    board.get_by_role("link", name="Telemetry").click()
    expect(board.locator("figcaption", has_text="temp")).to_contain_text("31.5 °C")
    board.get_by_role("link", name="Board").click()
    board.get_by_label("Fault").select_option(label="Absent: no answer")
    expect(board.get_by_role("log", name="Log")).to_contain_text("did not answer")
    board.get_by_label("Fault").select_option(label="Wrong checksum")
    expect(board.get_by_role("log", name="Log")).to_contain_text("wrong checksum")
    board.get_by_role("button", name="Its own day again").click()
    expect(board.get_by_label("Fault")).to_have_value("")


def test_a_cable_that_is_out_tells_nobody_and_what_was_measured_meanwhile_comes_later(hub, desk, board):
    cable = board.get_by_role("switch", name="Cable")
    cable.uncheck()
    board.get_by_label("Temperature").fill("12.5")
    expect(board.get_by_role("log", name="Log")).to_contain_text(
        re.compile("lost|no answer|did not answer in time|connecting again")
    )
    cable.check()
    hub.event("Telemetry", lambda event: event["body"].get("temp") == 12.5)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_board(board, scheme):
    board.emulate_media(color_scheme=scheme)
    assert serious(board) == []
    board.set_viewport_size({"width": 360, "height": 740})
    assert width(board) <= 360


POST = """async (asked) => {
    const answer = await fetch("/api/boards/desk", {method: "POST", body: JSON.stringify(asked)});
    return [answer.status, await answer.json()];
}"""


def test_what_the_bench_refuses_is_said(hub, desk, board):
    _, answer = board.evaluate(POST, {"do": "sensor", "temperature": 200})
    assert "from -40 to 80" in answer["error"]["message"]
    for asked in (
        {"do": "burn"},
        {"do": "watch"},
        {"do": "power"},
        {"do": "press", "name": "no", "active": True},
        [],
    ):
        status, _ = board.evaluate(POST, asked)
        assert status == 400, json.dumps(asked)
