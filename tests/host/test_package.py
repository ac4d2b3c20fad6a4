"""The wheel: built from this tree, and tried in an environment of its own, in folders outside any clone."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest
from support import MICROPYTHON, ROOT, need

from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S

BIN = Path(sys.executable).parent
APP = """
from twinkle import App

app = App(model_id="dtmi:com:example:Counter;1", config={"configId": 1, "sendFrequency": "1s"})
calls = []


@app.telemetry
def sample(board):
    return {"temp": board.temperature, "calls": len(calls)}


@app.method("light")
def light(board, payload):
    calls.append(payload)
    board.led.on()
    return {"calls": len(calls)}
"""
OUTSIDE = ROOT / "tests" / "author" / "outside"


def succeed(*command, **options):
    """Run it; its output."""
    done = subprocess.run(
        [str(word) for word in command],
        **{"capture_output": True, "text": True, "timeout": 4 * PATIENCE_S, "check": False, **options},
    )
    if done.returncode:
        pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """It, built without a network from what set-up has installed; the build back-end is the one that is pinned."""
    folder = tmp_path_factory.mktemp("wheel")
    succeed(*building(folder))
    (found,) = folder.glob("*.whl")
    return found


def building(folder):
    """The command line that builds it."""
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--check-build-dependencies"]
    return [BIN / "pip", "wheel", "-q", "--disable-pip-version-check", *offline, "-w", folder, ROOT]


class Outside:
    """An environment with the wheel, a home with nothing in it, and an empty folder to work in."""

    def __init__(self, folder, wheel):
        self.python = folder / "environment" / "bin" / "python"
        self.work = folder / "work"
        self.work.mkdir()
        succeed(sys.executable, "-m", "venv", "--without-pip", folder / "environment")
        (site,) = (folder / "environment" / "lib").glob("*/site-packages")
        # What the wheel depends on, as set-up installed it; not the clone, which is installed beside it.
        packages = folder / "dependencies"
        packages.mkdir()
        for thing in site_packages().iterdir():
            if "twinkle" not in thing.name and thing.suffix != ".pth":
                (packages / thing.name).symlink_to(thing)
        (site / "dependencies.pth").write_text(str(packages) + "\n")
        self.environment = {
            "HOME": str(folder / "home"),
            "PATH": f"{self.python.parent}:/usr/bin:/bin",
            "TWINKLE_MICROPYTHON": str(need(MICROPYTHON)),
        }
        # With what it depends on: pip looks whether all of it is there.
        pip = [
            BIN / "pip",
            "--python",
            self.python,
            "install",
            "-q",
            "--disable-pip-version-check",
            "--no-index",
        ]
        succeed(*pip, f"{wheel}[test,rpi]")

    def run(self, *command, **environment):
        """The output of a command that succeeds."""
        return succeed(*command, cwd=self.work, env={**self.environment, **environment})

    def twinkle(self, *arguments, **environment):
        return self.run(self.python.with_name("twinkle"), *arguments, **environment)

    def start(self, *arguments):
        return subprocess.Popen(
            [self.python.with_name("twinkle"), *map(str, arguments)],
            cwd=self.work,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )


def site_packages():
    return Path(pytest.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def outside(tmp_path_factory, wheel):
    return Outside(tmp_path_factory.mktemp("outside"), wheel)


def test_the_wheel_holds_all_that_is_in_the_tree(wheel):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "host", "firmware", "boards"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    wanted = {
        f"twinkle_host/{name.removeprefix('host/')}"
        if name.startswith("host/")
        else f"twinkle_host/files/{name}"
        for name in listed
        if (ROOT / name).is_file()
    }
    umqtt = {"twinkle_host/files/lib/umqtt/simple.py", "twinkle_host/files/lib/umqtt/LICENCE"}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted | umqtt


def test_builds_at_the_same_time_do_not_take_each_others_files(wheel, tmp_path):
    folders = [tmp_path / str(number) for number in range(3)]
    builds = [subprocess.Popen(building(folder)) for folder in folders]
    assert [build.wait(PATIENCE_S) for build in builds] == [0, 0, 0]
    for folder in folders:
        (built,) = folder.glob("*.whl")
        assert zipfile.ZipFile(built).namelist() == zipfile.ZipFile(wheel).namelist()


def test_doctor_is_content_outside_a_clone_and_says_how_to_get_what_is_missing(outside):
    found = {finding["name"]: finding for finding in json.loads(outside.twinkle("doctor", "--json"))}
    assert all(finding["present"] for finding in found.values() if finding["needed"])
    assert found["MicroPython, 32 bit"]["detail"].startswith("1.25.0, 32 bit")
    nowhere = outside.twinkle("doctor", TWINKLE_MICROPYTHON="/nowhere/micropython")
    (line,) = (line for line in nowhere.splitlines() if "MicroPython" in line)
    assert line.startswith("note") and "apt-get install micropython" in line and "TWINKLE_MICROPYTHON" in line
    assert "setup" not in nowhere, "there is no set-up outside a clone"


def test_a_hub_and_simulated_boards_run(outside):
    ports = [word for flag in ("--port", "--rest-port", "--amqp-port") for word in (flag, "0")]
    hub = outside.start("hub", "--json", "--quiet", *ports)
    try:
        info = json.loads(hub.stdout.readline())
        assert info["host"] == "localhost"
        for file in ("", "app.js", "views/overview-view.js", "vendor/uPlot.iife.min.js"):
            asked = urllib.request.Request(info["pageUrl"] + file)
            asked.add_header("Authorization", f"Bearer {info['pageKey']}")
            with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
                assert answer.status == 200
        for board in ("pico_w", "raspberry_pi"):
            text = outside.twinkle("devices", "add", board).strip()
            device = outside.start("run", "--board", board, "--mock", "--connection-string", text)
            try:
                said = []
                for line in device.stdout:
                    said.append(line)
                    if " ready" in line:
                        break
                assert " ready" in said[-1], "".join(said)
            finally:
                device.send_signal(signal.SIGTERM)
                device.communicate(timeout=PATIENCE_S)
    finally:
        hub.send_signal(signal.SIGTERM)
        hub.communicate(timeout=PATIENCE_S)


def test_flash_says_what_it_would_do(outside, tmp_path):
    (outside.work / "counter.py").write_text(APP)
    own = ["--app", "counter.py", "--dry-run", "--json"]
    (tmp_path / "card" / "etc").mkdir(parents=True)
    shown = json.loads(outside.twinkle("flash", "raspberry_pi", "--root", tmp_path / "card", *own))
    copied = shown["copied"]
    assert (
        "/opt/twinkle/firmware/apps/counter.py" in copied
        and "/opt/twinkle/firmware/umqtt/simple.py" in copied
    )
    with SerialBoard(tmp_path / "board") as board:
        shown = json.loads(outside.twinkle("flash", "pico_w", "--port", board.port, *own))
    assert {"main.py", "apps/counter.mpy", "lib/umqtt/simple.mpy"} <= set(shown["copied"])


def test_a_new_application_is_changed_tested_at_all_depths_and_runs_while_it_is_written(outside):
    outside.twinkle("new", "attic")
    project = outside.work / "attic"
    for file, target in (("attic.py", "attic.py"), ("checks.py", "test_attic.py")):
        (project / target).write_bytes((OUTSIDE / file).read_bytes())
    board = json.loads((project / "board.json").read_text())
    board |= {"led": {"pin": 16, "active": "low"}, "sensor": {"model": "DHT11", "pin": 14}}
    board |= {"outputs": {"fan": {"pin": 17, "pwm": True}, "lamp": {"pin": 18, "active": "low"}}}
    board |= {"inputs": {"hatch": {"pin": 19}}}
    (project / "board.json").write_text(json.dumps(board))
    pi = {"name": "pi", "port": "twinkle.ports.rpi", "hardware": "raspberry_pi", "gpio": "lgpio"}
    pi |= {"app": "attic.py", "led": {"pin": 27, "pwm": True}, "sensor": {"model": "DHT22", "pin": 22}}
    pi |= {name: board[name] for name in ("outputs", "inputs")}
    (project / "pi.json").write_text(json.dumps(pi))
    desk = {"port": "mock_gpio.port", "app": "attic.py", "sensor": {"model": "DHT22"}}
    desk |= {"outputs": {"fan": {}, "lamp": {}}, "inputs": {"hatch": {}}}
    (project / "desk.json").write_text(json.dumps(desk))
    for file in ("board.json", "pi.json", "desk.json"):
        assert "is fine" in outside.twinkle("boards", "check", project / file)
    told = outside.run(outside.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", project)
    assert "9 passed" in told, told
    dev = outside.start("dev", project / "attic.py", "--board", project / "desk.json", "--json")
    try:
        heard = []
        for line in dev.stdout:
            heard.append(line)
            if json.loads(line)["what"] == "telemetry":
                break
        assert '"what": "telemetry"' in heard[-1], "".join(heard)
    finally:
        dev.send_signal(signal.SIGTERM)
        dev.communicate(timeout=PATIENCE_S)
    assert dev.returncode == 0


def test_a_name_that_is_no_module_is_refused(outside):
    from twinkle_host.application import module_name
    from twinkle_host.failure import Failure

    for name in ("my-app.py", "app.txt", "1.py", "__init__.py"):
        with pytest.raises(Failure, match="letters, digits and _"):
            module_name(Path(name))


def test_the_version_stands_in_one_place(wheel, outside):
    import twinkle

    assert wheel.name == f"twinkle_host-{twinkle.__version__}-py3-none-any.whl"
    assert outside.twinkle("--version").strip() == f"twinkle, version {twinkle.__version__}"
    for file in ("pyproject.toml", "setup.py", *os.listdir(ROOT / "host")):
        place = ROOT / file if (ROOT / file).is_file() else ROOT / "host" / file
        if place.is_file():
            assert f'"{twinkle.__version__}"' not in place.read_text(), f"{place} names the version, too"
