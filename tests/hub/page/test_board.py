"""The board beside its twin, in a browser: a device that ``twinkle run`` started, on simulated pins."""

import json
import re
import subprocess
import threading

import pytest
from playwright.sync_api import expect
from support import TWINKLE
from windows import held, serious, started, width

from twinkle_host.boards import load
from twinkle_host.paths import device_folder
from twinkle_host.waiting import eventually


@pytest.fixture
def board(hub, desk, page):
    """The page of its board, with telemetry each second and the LED's full light."""
    hub.call(
        "patch_twin",
        desk,
        {"properties": {"desired": {"configId": "board", "sendFrequency": "1s", "brightness": 1}}},
    )
    page.goto(f"{hub.info['pageUrl']}#/device/{desk}/board")
    expect(page.get_by_text("Running", exact=True)).to_be_visible()
    return page


def led(page):
    return page.get_by_role("list", name="Pins").get_by_role("listitem").filter(has_text="LED")


def glow(page):
    """How much light the browser paints."""
    return float(page.locator(".pin.led .glow").evaluate("glow => getComputedStyle(glow).opacity"))


def called(board, method):
    """Call a method on its own part of the page, and come back."""
    board.get_by_role("link", name="Methods and messages").click()
    board.get_by_label("Method").select_option(label=method)
    board.get_by_role("button", name="Call").click()
    expect(board.locator("method-form .answer")).to_contain_text("Status 200")
    board.get_by_role("link", name="Board").click()


def test_the_led_glows_when_a_method_lights_it_and_is_dark_without_power(hub, desk, board):
    called(board, "turnoff: Put the lamp out")
    expect(led(board)).to_contain_text("dark")
    assert glow(board) == 0
    called(board, "turnon: Light the lamp")
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
    row = board.get_by_role("row", name="brightness")  # of its twin, beside it
    expect(row).to_have_text(re.compile("3.*3.*same"))
    board.get_by_label("Type at the console").fill("call turnon")
    board.get_by_role("button", name="Send").click()
    expect(board.get_by_role("log", name="Console")).to_contain_text("ok")
    expect(led(board)).to_contain_text("20 %")
    assert 0 < glow(board) < 0.5


def test_what_is_not_known_yet_cannot_be_worked(hub, desk, page):
    """Until the hub and the bench have told what there is: a press then would be one at something else."""
    let_device, let_bench = held(page, f"**/api/devices/{desk}"), held(page, "**/stream")
    page.goto(f"{hub.info['pageUrl']}#/device/{desk}/board")
    actions = [page.get_by_role("button", name=name, exact=True) for name in ("Disconnect", "Disable")]
    for action in actions:
        expect(action).to_be_disabled()
        action.press("Enter")
    let_device()
    for action in actions:
        expect(action).to_be_enabled()
    power, send = page.get_by_role("switch", name="Power"), page.get_by_role("button", name="Send")
    for control in (power, send):
        expect(control).to_be_disabled()
    expect(page.locator("#temperature")).to_be_hidden()
    let_bench()
    for control in (power, send):
        expect(control).to_be_enabled()
    expect(power).to_be_checked()
    expect(page.locator("#temperature")).to_be_visible()


# Keeps what the page is told of a bench, so that it can be told it later than it was said.
KEPT = """
    window.seen = [];
    window.EventSource = class extends EventSource {
        set onmessage(take) {
            super.onmessage = (message) => {
                if (JSON.parse(message.data).seen) seen.push(() => take(message));
                take(message);
            };
        }
    };
"""


def test_what_was_seen_before_a_deed_moves_nothing_back(hub, desk, page):
    """A bench is seen on one connection and worked on another: who has acted may be told of before that."""
    page.add_init_script(KEPT)
    page.goto(f"{hub.info['pageUrl']}#/device/{desk}/board")
    page.reload()
    power, slider = page.get_by_role("switch", name="Power"), page.locator("#temperature")
    for act in (lambda: slider.fill("31.5"), power.uncheck):
        expect(power).to_be_checked()
        with page.expect_response("**/api/boards/*"):
            act()
    expect(page.get_by_text("Off", exact=True)).to_be_visible()
    before, day = slider.input_value(), page.get_by_role("button", name="Its own day again")
    expect(day).to_be_enabled()
    page.evaluate("seen[0]()")
    assert (slider.input_value(), power.is_checked(), day.is_enabled()) == (before, False, True)
    power.check()
    day.click()
    expect(day).to_be_disabled()
    expect(page.get_by_text("Running", exact=True)).to_be_visible()


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


def test_a_device_that_logs_much_in_long_lines_is_seen_all_the_same(hub, page, tmp_path):
    """The newest lines come, each cut where nobody reads on; the board is not lost over them."""
    (tmp_path / "chatty.py").write_text(CHATTY)
    with started(hub, "chatty", "--app", tmp_path / "chatty.py"):
        page.goto(f"{hub.info['pageUrl']}#/device/chatty/board")
        expect(page.get_by_text("Running", exact=True)).to_be_visible()
        log = page.get_by_role("log", name="Log")
        expect(log).to_contain_text("ready")
        expect(log).to_contain_text("299 xxx")
        expect(log).to_contain_text("…")


CHATTY = """from twinkle import App

app = App()
for number in range(300):
    print(number, "x" * 4000)
"""


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


@pytest.fixture
def pico(hub):
    """A Pico W's own port in MicroPython, on stand-ins for its modules."""
    with started(hub, "pico", "--board", "pico_w", "--mock"):
        yield "pico"


def test_a_pico_w_on_micropython_is_seen_and_worked_the_same_way(hub, pico, page):
    page.goto(f"{hub.info['pageUrl']}#/device/pico/board")
    expect(page.get_by_text("MicroPython")).to_be_visible()
    page.get_by_label("Type at the console").fill("call turnon")
    page.get_by_role("button", name="Send").click()
    expect(led(page)).to_contain_text("lit")
    expect(led(page)).to_contain_text("LED")
    page.get_by_role("switch", name="Wi-Fi").uncheck()
    power = page.get_by_role("switch", name="Power")
    power.uncheck()
    expect(led(page)).to_contain_text("dark")
    power.check()  # at once: neither run nor board may mistake that for its end
    power.uncheck()
    power.check()
    expect(page.get_by_role("log", name="Log")).to_contain_text("is not there")
    page.get_by_role("switch", name="Wi-Fi").check()
    expect(page.locator("device-view > .headline .badge").first).to_have_text("Connected")


def test_a_board_that_starts_after_its_page_was_opened_takes_its_place(hub, page):
    hub.add("late")
    page.goto(f"{hub.info['pageUrl']}#/device/late/board")
    expect(page.get_by_role("heading", name="Telemetry")).to_be_visible()
    with started(hub, "late"):
        expect(page.get_by_role("list", name="Pins")).to_be_visible()


@pytest.fixture
def written(window, tmp_path):
    """An application that ``twinkle dev`` runs on a simulated Pico W: the page of its board, and the board file."""
    app, board = tmp_path / "shed.py", tmp_path / "shed.json"
    app.write_text("from twinkle import App\n\napp = App()\n")
    board.write_text(json.dumps({**load("pico_w"), "outputs": {"fan": {"pin": 14}, "pump": {"pin": 11}}}))
    command = [TWINKLE, "dev", app, "--board", board, "--mock", "--device", "shed-dev"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        address = next(line for line in process.stdout if "in a browser" in line).split()[-1]
        threading.Thread(target=process.stdout.read, daemon=True).start()
        window.goto(address)
        window.wait_for_url(re.compile("/$"))
        window.goto(f"{address.partition('?')[0]}#/device/shed-dev/board")
        yield window, board
        process.terminate()


def test_a_pin_that_the_board_file_does_not_name_any_more_goes_from_the_bench(written):
    page, board = written
    pins = page.get_by_role("list", name="Pins").get_by_role("listitem")
    expect(pins).to_have_text([re.compile("LED"), re.compile("fan"), re.compile("pump")])
    new = {
        "outputs": {"pump": {"pin": 11}, "heater": {"pin": 12}},
        "sensors": {"attic": {"model": "DHT11", "pin": 13}},
    }
    board.write_text(json.dumps({**json.loads(board.read_text()), **new}))
    expect(pins).to_have_text([re.compile("LED"), re.compile("pump"), re.compile("heater")])
    expect(page.get_by_role("heading", name="Sensor attic, DHT11")).to_be_visible()
    board.write_text(json.dumps({**json.loads(board.read_text()), "sensors": {}}))
    expect(page.get_by_role("heading", name="Sensor attic, DHT11")).to_have_count(0)


DOOR = """from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "1h"})


@app.input("door")
def door(board, active):
    board.outputs["fan"].on() if active else board.outputs["fan"].off()
"""


def test_an_input_is_pressed_and_the_output_that_follows_it_is_seen(hub, page, tmp_path):
    """What a board file names lies beside the LED; what is active at a low level is shown as it is meant."""
    (tmp_path / "shed.py").write_text(DOOR)
    parts = {
        "outputs": {"fan": {"pin": 14}, "relay": {"pin": 11, "active": "low"}},
        "inputs": {"door": {"pin": 12}},
        "sensors": {"attic": {"model": "DHT11", "pin": 13}, "cellar": {"model": "DHT22", "pin": 10}},
    }
    (tmp_path / "shed.json").write_text(json.dumps({**load("pico_w"), **parts}))
    files = ("--board", tmp_path / "shed.json", "--app", tmp_path / "shed.py")
    with started(hub, "shed", "--mock", *files):
        page.goto(f"{hub.info['pageUrl']}#/device/shed/board")
        pins = page.get_by_role("list", name="Pins").get_by_role("listitem")
        door = page.get_by_role("button", name="door")
        fan, relay = pins.filter(has_text="fan"), pins.filter(has_text="relay")
        expect(fan).to_contain_text("off")
        expect(relay).to_contain_text("off")
        door.click()
        expect(fan).to_contain_text("on")
        expect(door).to_have_attribute("aria-pressed", "true")
        door.click()
        expect(fan).to_contain_text("off")
        expect(page.get_by_role("heading", name="Sensor attic, DHT11")).to_be_visible()
        for part, low, high in (("Temperature", "-20 °C", "60 °C"), ("Humidity", "5 %", "95 %")):
            slider = page.get_by_label(f"{part} of attic")
            for key, end in (("Home", low), ("End", high)):
                slider.press(key)
                expect(slider.locator("xpath=../span[@aria-hidden]")).to_have_text(end)
        page.get_by_label("Temperature of attic").fill("33.5")
        page.locator("#temperature").fill("12.5")
        page.get_by_label("Fault of cellar").select_option(label="Absent: no answer")
        told = device_folder("shed") / "sensor.json"
        eventually(
            lambda: "cellar" in json.loads(told.read_text()).get("sensors", {}) if told.exists() else False
        )
        room = json.loads(told.read_text())
        assert room["temperature"] == 12.5 and room["sensors"]["cellar"] == {"fault": "absent"}
        assert room["sensors"]["attic"]["temperature"] == 33.5
        assert serious(page) == []


def test_a_board_that_goes_while_it_is_looked_at_is_waited_for(hub, page):
    """As it does for a moment whenever an application that is being written is saved."""
    place = f"{hub.info['pageUrl']}#/device/restless/board"
    bench, disconnected = page.locator(".bench-head .badge"), page.get_by_text("Disconnected", exact=True)
    with started(hub, "restless"):
        page.goto(place)
        expect(bench).to_have_text("Running")
    expect(disconnected).to_be_visible()
    hub.call("patch_twin", "restless", {"properties": {"desired": {"level": 1}}})
    expect(page.get_by_role("row", name="level")).to_be_visible()  # it was asked for after the board had gone
    expect(bench).to_have_text("Not there")
    expect(page.get_by_role("link", name="Board")).to_have_attribute("aria-current", "page")
    with started(hub, "restless"):
        expect(bench).to_have_text("Running")
    page.goto("about:blank")
    page.goto(place)
    expect(disconnected).to_be_visible()
    expect(page.get_by_role("link", name="Telemetry")).to_have_attribute("aria-current", "page")
