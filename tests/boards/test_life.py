"""The whole life on each board's own port with simulated pins, as real processes against the local hub."""

import json
import os
import queue
import re
import signal

import pytest
from support import ROOT

from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.process import PICO_MODULES, DeviceProcess
from twinkle_host.run import RESET_STATUS
from twinkle_host.waiting import PATIENCE_S, eventually

WIFI = {"ssid": "home", "password": "a secret of the house"}
BOARDS = {
    "desktop": ("cpython", "desktop", {}),
    "raspberry_pi": ("cpython", "raspberry_pi", {"port": "mock_gpio.raspberry"}),
    "pico_w": ("micropython", "pico_w", {"led": {"pin": 16, "pwm": True}, "watchdog": 8000}),
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live


class Bench:
    """A running device on simulated pins."""

    def __init__(self, hub, kind, folder, **board):
        interpreter, base, own = BOARDS[kind]
        self.hub, self.kind = hub, kind
        self.id = f"{kind}-{folder.parent.name}"[-100:].replace("_", "-")
        text = f"{hub.add(self.id)};Port={hub.info['mqttPort']}"
        with open(hub.info["caFile"], "rb") as file:
            self.process = DeviceProcess(
                *(interpreter, folder, text, file.read(), {**own, **board}),
                base=base,
                wifi=WIFI,
                before=[PICO_MODULES] if kind == "pico_w" else [],
                apps=[ROOT / "tests" / "device"],
            )
        self.tell("sensor", temperature=21.5, humidity=40)

    def tell(self, what, **members):
        """Say what the sensor, the air or the clock is like."""
        new = self.process.folder / f"{what}.new"
        new.write_text(json.dumps(members))
        new.replace(self.process.folder / f"{what}.json")

    def call(self, method, payload=None):
        outcome = queue.Queue()
        self.hub.call("invoke", self.id, method, payload, done=outcome.put)
        return outcome.get(timeout=PATIENCE_S)

    def configure(self, number, frequency="1s"):
        """A new configuration, applied."""
        desired = {"configId": number, "sendFrequency": frequency}
        self.hub.call("patch_twin", self.id, {"properties": {"desired": desired}})
        self.hub.until_reported(self.id, configId=number, status="Success")

    def telemetry(self, **members):
        """Wait for a message with these values."""
        return self.hub.event(
            "Telemetry",
            lambda event: (
                event["deviceId"] == self.id
                and all(event["body"].get(name) == value for name, value in members.items())
            ),
        )

    def online(self):
        """Wait until it can be called."""
        eventually(lambda: self.hub.call("get_device", self.id)["connectionState"] == "Connected")
        eventually(lambda: getattr(self._try("turnoff"), "status", None) == 200)

    def _try(self, method):
        try:
            return self.call(method)
        except Exception as error:
            return error


@pytest.fixture
def bench(request, hub, tmp_path):
    """A function that makes a Bench on a kind of board."""
    made = []

    def make(kind, **board):
        made.append(Bench(hub, kind, tmp_path / "device", **board))
        return made[-1]

    yield make
    for one in made:
        one.process.stop()
        assert not any("Traceback" in line for line in one.process.log), one.process.log


@pytest.mark.parametrize("kind", BOARDS)
def test_the_whole_life(bench, kind, hub):
    device = bench(kind)
    process = device.process.start()
    process.wait_for(" ready")
    device.telemetry(temp=21.5, humid=40)
    device.configure(3)
    device.tell("sensor", temperature=-23.8, humidity=99.9)
    device.telemetry(temp=-23.8, humid=99.9)
    seen = len(process.leds())
    assert device.call("turnon").status == 200
    eventually(lambda: process.leds()[seen:] == [1.0])
    assert device.call("turnoff").status == 200
    eventually(lambda: process.leds()[seen:] == [1.0, 0.0])
    assert device.call("blink", 0.2).status == 200
    eventually(lambda: process.leds()[seen + 2 : seen + 6] == [1.0, 0.0, 1.0, 0.0])
    assert device.call("rebootDevice").status == 200
    assert process.wait_for_end() == 3
    process.start()
    if kind == "pico_w":
        process.wait_for("started by a reset or the watchdog")
    eventually(lambda: "rebootTime" in hub.reported(device.id))
    assert process.record("config") == {"configId": 3, "sendFrequency": "1s"}


WIRED = {
    "app": "twin_apps.wired",
    "outputs": {"fan": {"pin": 6, "pwm": True}, "lamp": {"pin": 7, "active": "low"}},
    "inputs": {"door": {"pin": 20}},
    "sensors": {"attic": {"model": "DHT22", "pin": 12}},
}


@pytest.mark.parametrize("kind", BOARDS)
def test_a_life_with_what_a_board_file_names(bench, kind, hub):
    device = bench(kind, **WIRED)
    process = device.process
    device.tell(
        "sensor", temperature=21.5, humidity=40, sensors={"attic": {"temperature": 33.5, "humidity": 20}}
    )
    process.start().wait_for(" ready")
    assert (process.output("lamp"), process.output("fan")) == ([1.0], [0.0]), (
        "off, which is high for a lamp to supply"
    )
    device.telemetry(attic=33.5)
    # A door that bounces when it is opened and when it is closed: one event each.
    device.tell("inputs", door=[True, False, True, False, True])
    device.telemetry(door=True)
    hub.until_reported(device.id, door={"open": True, "opened": 1})
    eventually(lambda: process.output("lamp") == [1.0, 0.0])
    device.tell("inputs", door=[False, True, False])
    device.telemetry(door=False)
    hub.until_reported(device.id, door={"open": False, "opened": 1})
    eventually(lambda: process.output("lamp") == [1.0, 0.0, 1.0])
    assert device.call("fan", 0.25).payload == 0.25
    eventually(lambda: [round(level, 2) for level in process.output("fan")] == [0.0, 0.25])
    device.tell("sensor", temperature=21.5, humidity=40, sensors={"attic": {"fault": "absent"}})
    eventually(lambda: "attic" in hub.reported(device.id).get("sensors", {}))
    told = hub.reported(device.id)["sensors"]["attic"]
    assert told["status"] == "failing" and told["reason"].startswith("attic: ")
    device.tell(
        "sensor", temperature=21.5, humidity=40, sensors={"attic": {"temperature": 33.5, "humidity": 20}}
    )
    eventually(lambda: hub.reported(device.id)["sensors"]["attic"]["status"] == "ok")
    process.stop()
    assert process.output("lamp")[-1] == 1.0 and process.output("fan")[-1] == 0.0, "off at the end"


def test_what_is_named_answers_at_the_console_of_a_pico(bench, hub):
    device = bench("pico_w", **WIRED)
    process = device.process
    device.tell(
        "sensor", temperature=21.5, humidity=40, sensors={"attic": {"temperature": 33.5, "humidity": 20}}
    )
    process.start().wait_for(" ready")
    assert process.ask("inputs") == ["door: false", "ok"]
    assert process.ask("outputs fan on") == ["level: 1.0", "ok"]
    assert process.ask("outputs")[:2] == ["fan: 1.0", "lamp: 0.0"]
    assert "33.5" in process.ask("sensors")[0]
    assert process.output("fan")[-1] == 1.0
    assert any("outputs [NAME" in line for line in process.ask("help"))


def waiting(process):
    """How many messages wait."""
    return next(int(line.split()[1]) for line in process.ask("status") if line.startswith("queue: "))


def test_what_could_not_be_sent_outlives_a_restart_where_the_board_file_says_so(bench, hub):
    device = bench("pico_w", telemetry={"capacity": 100, "disk": 10000})
    process = device.process.start()
    process.wait_for(" ready")
    device.configure(3)
    hub.call("update_device", device.id, {**hub.call("get_device", device.id), "status": "disabled"})
    process.wait_for("link lost")
    device.tell("sensor", temperature=-20, humidity=50)
    eventually(lambda: any("temperature: -20" in line for line in process.ask("read")))
    before = waiting(process)
    eventually(lambda: waiting(process) > before + 1)  # messages with what was read just now
    process.stop()
    kept = [entry[2]["temp"] for entry in process.record("telemetry")["messages"]]
    assert -20.0 in kept
    device.tell("sensor", temperature=30, humidity=50)
    hub.call("update_device", device.id, {**hub.call("get_device", device.id), "status": "enabled"})
    process.start()
    event = device.telemetry(temp=-20)
    assert event["systemProperties"]["iothub-creation-time-utc"] < event["enqueuedTime"]
    eventually(lambda: process.record("telemetry") is None)


@pytest.mark.parametrize("kind", BOARDS)
def test_a_sensor_that_is_pulled_is_reported_as_failing_and_nothing_is_made_up(bench, kind, hub):
    device = bench(kind)
    device.process.start().wait_for(" ready")
    device.configure(2, "3s")
    device.telemetry(temp=21.5)
    device.tell("sensor", temperature=21.5, humidity=40, fault="absent")
    event = hub.event(
        "twinChangeEvents",
        lambda event: (
            event["deviceId"] == device.id
            and event["body"]["properties"].get("reported", {}).get("sensor", {}).get("status") == "failing"
        ),
    )
    heard = []
    stop = hub.call("listen", heard.append)
    told = event["body"]["properties"]["reported"]["sensor"]
    assert told["failures"] == told["errors"] == 1 and told["age"] >= 0 and told["lastGood"]
    device.tell("sensor", temperature=22.5, humidity=40)
    device.telemetry(temp=22.5)
    stop()
    seen = [e["body"]["temp"] for e in heard if e["source"] == "Telemetry" and e["deviceId"] == device.id]
    assert all(abs(value - 22.5) < 0.06 for value in seen), seen
    eventually(lambda: hub.reported(device.id)["sensor"]["status"] == "ok")
    assert set(hub.reported(device.id)["sensor"]) == {"status", "errors"}


# --- what is pulled away at each step of a life


def connected(device):
    device.online()


def configured(device):
    device.configure(int(device.hub.reported(device.id).get("configId", 1)) + 1)


def lit(device):
    device.online()
    assert device.call("turnon").status == 200


def rebooted(device):
    device.online()
    assert device.call("rebootDevice").status == 200
    assert device.process.wait_for_end() == 3
    device.process.start()
    device.process.wait_for(" ready")


STEPS = (connected, configured, lit, rebooted)
AWAY = {
    "sensor": {"sensor": {"temperature": 21.5, "humidity": 40, "fault": "absent"}},
    "wifi": {"air": {"wifi": "gone"}},
    "deaf wifi": {"air": {"wifi": "deaf"}},
    "clock": {"clock": {"ntp": "noise"}},
}
BACK = {
    "sensor": {"temperature": 21.5, "humidity": 40},
    "air": {"wifi": "there"},
    "clock": {"ntp": "answers"},
}


@pytest.mark.parametrize("thing", AWAY)
def test_pulling_a_thing_away_at_any_step_never_ends_the_program_of_a_pico(bench, thing, hub):
    device = bench("pico_w")
    ((file, gone),) = AWAY[thing].items()
    device.tell(file, **gone)
    device.process.start()
    device.process.wait_for("network: joining")
    device.tell(file, **BACK[file])
    for step in STEPS:
        step(device)
        device.tell(file, **gone)
        if file != "sensor":
            hub.drop(device.id, f"{thing} was pulled away")
            if file == "air":
                device.process.wait_for("link lost")
        device.tell(file, **BACK[file])
    device.online()


@pytest.mark.parametrize("kind", ["desktop", "raspberry_pi"])
def test_pulling_the_sensor_or_the_line_away_at_any_step_never_ends_the_program(bench, kind, hub):
    device = bench(kind)
    device.process.start()
    for step in STEPS:
        step(device)
        device.tell("sensor", temperature=21.5, humidity=40, fault="absent")
        hub.drop(device.id)
        device.tell("sensor", temperature=21.5, humidity=40)
    device.online()


def test_a_program_that_hangs_is_killed_by_the_watchdog_and_comes_back(bench, hub):
    device = bench("pico_w", app="twin_apps.stuck", watchdog=3000)
    device.process.start().wait_for(" ready")
    outcome = queue.Queue()
    hub.call("invoke", device.id, "stick", None, done=outcome.put)
    assert device.process.wait_for_end() == -14, "killed by the alarm"
    device.process.start()
    device.process.wait_for("error the program was ended in stick")
    device.process.wait_for("started by a reset or the watchdog")
    device.process.wait_for(" ready")
    eventually(lambda: hub.reported(device.id).get("lastError") == "the program was ended in stick")
    # Only once: what is ended while no handler is at work is not laid at a handler's door.
    device.process.stop()
    told = len(device.process.log)
    device.process.start().wait_for(" ready")
    assert not any("was ended in" in line for line in device.process.log[told:])


@pytest.mark.parametrize(
    ("name", "words"),
    [("pool.ntp.org", "no time from pool.ntp.org (-2)"), ("localhost", "cannot be reached (-2)")],
)
def test_name_servers_that_do_not_answer_take_longer_than_the_watchdog_and_do_not_wake_it(bench, name, words):
    device = bench("pico_w", watchdog=2500)
    device.tell("air", dns=3, name=name)
    device.process.start().wait_for(words)
    device.tell("air")
    device.process.wait_for(" ready")
    assert len([line for line in device.process.log if "started by" in line]) == 1


def test_a_program_that_hangs_again_and_again_ends_in_safe_mode(bench, hub):
    device = bench("pico_w", app="twin_apps.stuck", watchdog=3000)
    process = device.process
    for number in range(3):
        process.start().wait_for(" ready")
        if number == 0:
            hub.call(
                "patch_twin", device.id, {"properties": {"desired": {"configId": 8, "sendFrequency": "1h"}}}
            )
            hub.until_reported(device.id, configId=8, status="Success")
        hub.call("invoke", device.id, "stick", None, done=queue.Queue().put)
        assert process.wait_for_end() == -14, "killed by the alarm"
    process.start().wait_for("safe mode: the program ended 3 times in a row")
    process.wait_for(" ready")
    told = eventually(lambda: hub.reported(device.id).get("safeMode"))
    assert told["starts"] == 4 and "3 times in a row" in told["reason"]
    assert told["reason"].endswith("; the program was ended in stick")
    hub.until_reported(device.id, configId=8, status="Failed", reason="put aside in safe mode")
    # The link, the console and the LED are left; the application and its configuration are not.
    assert device.call("stick").status == 404
    assert process.ask("methods") == ["- rebootDevice", "ok"]
    assert process.ask("config")[0].startswith("applied: {") and process.record("config") is None
    assert (process.folder / "state" / "config.json.aside").exists()
    blinks = len(process.leds())
    eventually(lambda: len(process.leds()) >= blinks + 4)
    # Told to try again, it does; the hub is told that safe mode is over, and the configuration comes anew.
    assert device.call("rebootDevice").status == 200
    process.wait_for_end()
    process.start().wait_for(" ready")
    hub.until_reported(device.id, configId=8, status="Success")
    assert not {"safeMode", "reason"} & set(hub.reported(device.id))


WANTS_A_DOOR = """from twinkle import App

app = App()
door = "door"


@app.input(door)
def moved(board, active):
    pass
"""


@pytest.mark.parametrize("kind", BOARDS)
def test_an_application_that_wants_an_input_of_a_board_that_names_none_says_so_at_each_start(
    bench, hub, kind
):
    device = bench(kind, app="apps.broken")
    folder = lay_out_apps(device.process.folder / "program", WANTS_A_DOOR)
    device.process._program = folder / "main.py"
    device.process.start().wait_for("error the board file has no input door")
    hub.until_reported(device.id, lastError="the board file has no input door")
    device.configure(2)  # all else is as ever


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("desktop", "import nowhere\n", "broken.py:1: ModuleNotFoundError: "),
        ("raspberry_pi", None, "No module named 'apps.broken'"),
        ("pico_w", "def oops(:\n", "broken.py:1: SyntaxError: "),
        ("pico_w", "x = 1\nraise MemoryError('takes all')\n", "broken.py:2: MemoryError: takes all"),
        ("pico_w", "import sys\n\nsys.exit()\n", "broken.py:3: SystemExit"),
        ("desktop", "import sys\n\nsys.exit()\n", "broken.py:3: SystemExit"),
        ("pico_w", "app = 5\n", "AttributeError: 'int' object has no attribute 'config'"),
    ],
)
def test_an_application_that_cannot_start_leaves_a_device_from_the_first_start_on(
    bench, hub, kind, text, words
):
    device = bench(kind, app="apps.broken")
    folder = lay_out_apps(device.process.folder / "program", text)
    device.process._program = folder / "main.py"
    process = device.process.start()
    process.wait_for("safe mode: the application cannot start: ")
    process.wait_for(" ready")
    eventually(lambda: words in hub.reported(device.id).get("lastError", ""))
    told = eventually(lambda: hub.reported(device.id).get("safeMode"))
    assert words in told["reason"] and told["starts"] == 1
    assert "status" not in hub.reported(device.id), "no configuration was put aside"
    if kind == "pico_w":
        assert process.ask("methods") == ["- rebootDevice", "ok"]
    # The next start tries it again, and counts as a first one.
    lay_out_apps(folder, "from twinkle import App\n\napp = App()\n")
    assert device.call("rebootDevice").status == 200
    process.wait_for_end()
    process.start().wait_for(" ready")
    eventually(lambda: "safeMode" not in hub.reported(device.id))


def lay_out_apps(folder, text):
    """A program whose application ``apps.broken`` has this text; None for no such file."""
    apps = folder / "apps"
    apps.mkdir(parents=True, exist_ok=True)
    (apps / "__init__.py").touch()
    (folder / "main.py").write_text((ROOT / "firmware" / "main.py").read_text())
    if text is not None:
        (apps / "broken.py").write_text(text)
    return folder


def test_an_import_that_never_ends_is_ended_before_the_watchdog_runs_and_then_left_out(bench, hub):
    device = bench("pico_w", app="apps.broken")
    device.tell("timers", times=100)
    folder = lay_out_apps(device.process.folder / "program", "import time\n\ntime.sleep(10000)\n")
    device.process._program = folder / "main.py"
    process = device.process
    for _ in range(3):
        process.start()
        assert process.wait_for_end() == RESET_STATUS
    process.start().wait_for("safe mode: the program ended 3 times in a row")
    assert "; the program was ended in apps.broken" in process.log[-1]
    process.wait_for(" ready")


DOZE = """import time
from twinkle import App

app = App()


@app.method("doze")
def doze(board, payload):
    time.sleep(print("dozing", payload) or payload)
"""


def test_a_handler_that_sleeps_is_warned_of_on_a_desktop(bench, hub):
    device = bench("desktop", app="apps.broken")
    device.process._program = lay_out_apps(device.process.folder / "program", DOZE) / "main.py"
    device.process.start().wait_for(" ready")
    eventually(lambda: device.call("doze", 0).status == 200)
    assert device.call("doze", 1.1).status == 200
    said = device.process.wait_for("warning method doze took ")
    assert re.search(
        r"took \d+\.\d s, while nothing else went on: a handler yields seconds to wait$", said
    ), said


def test_a_pi_says_where_it_was_when_the_watchdog_of_systemd_ended_it(bench, hub, tmp_path):
    """systemd ends a service that does not feed its watchdog by SIGABRT (systemd.service(5), WatchdogSec=)."""
    device = bench("raspberry_pi", app="apps.broken")
    process = device.process
    process._program = lay_out_apps(process.folder / "program", DOZE) / "main.py"
    process._environment["RUNTIME_DIRECTORY"] = str(tmp_path)
    process.start().wait_for(" ready")
    eventually(lambda: device.call("doze", 0).status == 200)
    hub.call("invoke", device.id, "doze", 600, done=queue.Queue().put)
    process.wait_for("dozing 600")
    os.kill(process.pid, signal.SIGABRT)
    assert process.wait_for_end() == -signal.SIGABRT
    process.start().wait_for("error the program was ended in broken.py:9 (doze)")
    process.wait_for(" ready")
    eventually(lambda: "broken.py:9 (doze)" in hub.reported(device.id).get("lastError", ""))
    # What ended in good order was in nothing.
    process.stop()
    told = len(process.log)
    process.start().wait_for(" ready")
    assert not any("was ended in" in line for line in process.log[told:])


def test_safe_mode_comes_up_on_a_flash_that_takes_nothing_back_and_with_a_network_that_cannot_be(bench, hub):
    device = bench("pico_w")
    folder = device.process.folder
    (folder / "scratch.json").write_text(json.dumps({str(0x4005800C): 0x7457696E + 3}))  # three starts
    (folder / "state" / "config.json.aside" / "in the way").mkdir(parents=True)
    (folder / "state" / "config.json").write_text("{}\n")
    (folder / "state" / "wifi.json").write_text('{"ssid": "no", "password": "%s"}\n' % ("p" * 65))
    process = device.process.start()
    process.wait_for("error flash: ")
    process.wait_for("safe mode: the program ended 3 times in a row")
    process.wait_for(" ready")
    assert process.ask("methods") == ["- rebootDevice", "ok"]


@pytest.mark.parametrize("kind", ["desktop", "pico_w"])
def test_a_file_that_cannot_be_read_may_be_read_at_another_start(bench, kind):
    """A folder stands for a flash that reports EIO: both are an OSError that does not say that nothing is there."""
    device = bench(kind)
    (device.process.folder / "credentials.json").unlink()
    (device.process.folder / "credentials.json").mkdir()
    process = device.process.start()
    process.wait_for("setup: flash: ")
    assert process.wait_for_end() == 1


def test_a_technician_types_while_the_cloud_goes_on(bench, hub):
    """A session on a Pico W's serial line."""
    device = bench("pico_w")
    process = device.process.start()
    process.wait_for(" ready")
    device.configure(3)
    status = process.ask("status")
    assert "link: ready" in status and "configId: 3" in status and status[-1] == "ok"
    assert "temperature: 21.5" in process.ask("read")
    seen = len(process.leds())
    assert process.ask("led on")[-1] == "ok"
    eventually(lambda: process.leds()[seen:] == [1.0])
    assert process.ask("call turnoff")[-1] == "ok"
    assert device.call("turnon").status == 200
    assert process.ask("nonsense")[-1] == "err 404 there is no such verb; type help"


def test_networks_are_scanned_and_set_on_the_console_whatever_they_are_called(bench, hub):
    device = bench("pico_w")
    process = device.process.start()
    process.wait_for(" ready")
    device.tell(
        "air", networks=[[list("Küche\x1b[2J".encode("latin-1")), -40], ["home", -50], [[0] * 32, -30]]
    )
    assert process.ask("wifi scan")[-3:] == ["-  -40 dBm  K?che?[2J", "-  -50 dBm  home", "ok"]
    device.tell("air", raises={"scan": 1})
    assert process.ask("wifi scan")[-1].startswith("err 500 the radio failed (")
    # One that cannot be joined costs nothing: the one before is used, now and after a restart.
    device.tell("air", ssid="home")
    assert "elsewhere cannot be joined" in process.ask('wifi set elsewhere "another secret"')[-1]
    assert process.record("wifi") is None
    process.wait_for(" ready")
    # One that can is used from then on, and after a restart; where it is not there, the one before.
    device.tell("air", ssid="elsewhere", security="WPA3")
    assert process.ask('wifi set elsewhere "another secret"')[-1] == "ok"
    assert process.record("wifi") == {"ssid": "elsewhere", "password": "another secret"}
    process.wait_for(" ready")
    device.tell("air", ssid="home")
    assert process.ask("reboot")[-1] == "ok"
    process.wait_for_end()
    process.start().wait_for("network: elsewhere cannot be joined: it is not there")
    process.wait_for("network: joining home")
    process.wait_for(" ready")


def test_a_network_that_no_radio_can_join_leaves_a_device_that_can_be_helped(bench, hub):
    device = bench("pico_w")
    file = device.process.folder / "credentials.json"
    for wifi in ({"ssid": "n" * 33, "password": WIFI["password"]}, {"ssid": "home", "password": "p" * 129}):
        file.write_text(json.dumps({**json.loads(file.read_text()), "wifi": wifi}))
        process = device.process.start()
        process.wait_for("network: the radio failed (")
        assert process.ask("wifi set home " + "a" * 63)[-1] == "ok"
        process.wait_for(" ready")
        process.stop()
        process.forget()


@pytest.mark.parametrize(
    ("kind", "pin", "pwm", "code"),
    [("pico_w", 16, True, 200), ("pico_w", "LED", False, 400), ("raspberry_pi", 17, False, 400)],
)
def test_the_board_file_says_whether_the_led_can_be_dimmed(bench, hub, kind, pin, pwm, code):
    device = bench(kind, led={"pin": pin, "pwm": pwm})
    device.process.start()
    device.online()
    hub.call("patch_twin", device.id, {"properties": {"desired": {"brightness": 2}}})
    eventually(lambda: hub.reported(device.id).get("brightness", {}).get("av"))
    assert hub.reported(device.id)["brightness"]["ac"] == code


@pytest.mark.parametrize("noise", ["\0\1\2\x1b[31m\x7f\x80\xff", "x" * 10_000, "stat", "led bli\x03status"])
def test_hostile_lines_leave_a_device_that_works(bench, noise):
    device = bench("pico_w")
    process = device.process.start()
    process.wait_for(" ready")
    process.type(noise)
    assert process.wait_for("")  # whatever it says, it says something
    device.online()
    while not process.log[-1].startswith("link:"):
        process.type("status")
        process.wait_for("link:")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"sensor": {"model": "DHT33", "pin": 15}},
            "sensor model DHT33 is not known: use one of DHT11, DHT22",
        ),
        ({"port": "apps.nothing"}, "port apps.nothing cannot be loaded"),
    ],
)
def test_a_wrong_board_file_is_one_line_and_status_2(bench, changes, words):
    process = bench("pico_w", **changes).process.start()
    process.wait_for(words)
    assert process.wait_for_end() == 2


def test_a_reboot_that_systemd_refuses_is_reported_as_such(bench, hub):
    pi = bench("raspberry_pi")
    pi.tell("computer", refuses="Interactive authentication required.")
    pi.process.start()
    pi.online()
    assert pi.call("rebootDevice").status == 200
    assert pi.process.wait_for_end() == RESET_STATUS
    pi.process.start()
    eventually(lambda: "Interactive authentication" in hub.reported(pi.id).get("lastError", ""))
    eventually(lambda: pi.process.record("reboot") is None)
    reported = hub.reported(pi.id)
    assert reported["lastError"].startswith("only the program restarted: systemd refused")
    assert "rebootTime" not in reported
