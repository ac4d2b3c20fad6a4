"""``twinkle run`` and the verbs beside it, as somebody meets them on the first day."""

import contextlib
import json
import queue
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support import TWINKLE

from twinkle_host.hub.live import LiveHub
from twinkle_host.paths import device_folder
from twinkle_host.provision.credentials import is_loopback
from twinkle_host.service.hub import Hub
from twinkle_host.waiting import PATIENCE_S, eventually

APP = """
from twinkle import App

app = App(config={"configId": 1, "sendFrequency": "1s"})


@app.method("where")
def where(board, payload):
    return {"told": "by a file of my own"}
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("run-hub")) as live:
        yield live


@pytest.fixture
def on_hub(home, hub):
    """A home on whose computer the hub was started."""
    file = Path(home["XDG_STATE_HOME"], "twinkle", "hubs")
    file.parent.mkdir(parents=True)
    file.write_text(str(hub.settings.state))
    return home


def twinkle(environment, *arguments, folder=None, **options):
    """The finished command."""
    return subprocess.run(
        [TWINKLE, *map(str, arguments)],
        **{"env": environment, "cwd": folder, "capture_output": True, "text": True, "timeout": PATIENCE_S},
        check=False,
        **options,
    )


@contextlib.contextmanager
def running(environment, *arguments, folder=None):
    """``twinkle run`` until it is ready, and to the end of the block; ``said``: what it said on standard error."""
    process = subprocess.Popen(
        [TWINKLE, "run", *map(str, arguments)],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        heard = []
        for line in process.stdout:
            heard.append(line)
            if " ready" in line:
                break
        else:
            raise AssertionError("".join(heard) + process.stderr.read())
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, process.said = process.communicate(timeout=PATIENCE_S)


def called(hub, device, name):
    """The payload of a direct method."""
    answers = queue.Queue()
    hub.call("invoke", device, name, None, done=answers.put)
    return answers.get(timeout=PATIENCE_S).payload


# --- a name is enough


def test_a_name_is_registered_or_taken_as_it_is(hub, on_hub):
    with running(on_hub, "desk") as first:
        identity = hub.call("get_device", "desk")["authentication"]
    assert "desk is registered on localhost" in first.said
    assert f"the device lives in {on_hub['XDG_STATE_HOME']}/twinkle/devices/desk" in first.said
    with running(on_hub, "desk") as second:
        assert hub.call("get_device", "desk")["authentication"] == identity
        third = twinkle(on_hub, "run", "desk")
        assert third.returncode == 1 and "runs already" in third.stderr
    assert "is registered" not in second.said


def test_a_device_that_cannot_connect_is_named_before_it_tries(hub, on_hub):
    hub.call("create_device", "off", {"status": "disabled"})
    done = twinkle(on_hub, "run", "off")
    assert done.returncode == 4 and "off is disabled" in done.stderr
    twinkle(on_hub, "devices", "add", "certified", "--authority")
    done = twinkle(on_hub, "run", "certified")
    assert done.returncode == 2 and "--x509" in done.stderr


@pytest.mark.parametrize(
    "kind", [["--interpreter", "micropython"], ["--board", "pico_w", "--mock"]], ids=" ".join
)
def test_a_device_on_micropython_has_a_console_also_after_a_restart(on_hub, kind):
    name = "talks-" + "-".join(word.strip("-") for word in kind)
    with running(on_hub, name, *kind):
        ask = lambda question: twinkle(on_hub, "console", "--device", name, "-c", question)  # noqa: E731
        told = ask("status --json")
        assert json.loads(told.stdout)["result"]["device"] == name, told
        assert ask("reboot").returncode == 0
        assert eventually(lambda: ask("version").stdout).endswith("ok\n")


def test_the_longest_of_ids_has_a_console(on_hub):
    name = "x" * 128
    with running(on_hub, name):
        asked = twinkle(on_hub, "console", "--device", name, "-c", "version --json")
    assert json.loads(asked.stdout)["ok"], asked


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_an_application_runs_where_it_lies(hub, on_hub, tmp_path, interpreter):
    folder = tmp_path / "somewhere"
    folder.mkdir()
    (folder / "my_app.py").write_text(APP)
    name = f"own-{interpreter}"
    with running(on_hub, name, "--app", "my_app.py", "--interpreter", interpreter, folder=folder):
        assert called(hub, name, "where") == {"told": "by a file of my own"}
    done = twinkle(on_hub, "run", name, "--app", "other.py", folder=folder)
    assert done.returncode == 2 and "other.py" in done.stderr


def test_a_board_file_names_an_application_that_lies_beside_it(hub, on_hub, tmp_path):
    (tmp_path / "my_app.py").write_text(APP)
    board = {"port": "mock_gpio.port", "app": "my_app.py", "sensor": {"model": "DHT22"}}
    (tmp_path / "mine.json").write_text(json.dumps(board))
    assert twinkle(on_hub, "boards", "check", tmp_path / "mine.json").returncode == 0
    with running(on_hub, "beside", "--board", tmp_path / "mine.json", folder="/"):
        assert called(hub, "beside", "where") == {"told": "by a file of my own"}
    for app, words in (
        ("apps.nowhere", "there is no application 'apps.nowhere'; there are apps.climate, apps.environment"),
        ("nowhere.py", f"there is no application {tmp_path}/nowhere.py"),
    ):
        (tmp_path / "mine.json").write_text(json.dumps({**board, "app": app}))
        checked = twinkle(on_hub, "boards", "check", tmp_path / "mine.json")
        assert checked.returncode == 1 and words in checked.stdout, checked
        assert words in twinkle(on_hub, "run", "beside", "--board", tmp_path / "mine.json").stderr


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_connection_string_is_named_as_empty(on_hub, text):
    done = twinkle(on_hub, "run", "--connection-string", text)
    assert done.returncode == 2 and "the connection string is empty" in done.stderr
    done = twinkle(on_hub, "devices", "list", "--service", text)
    assert done.returncode == 2 and "the service connection string is empty" in done.stderr
    done = twinkle({**on_hub, "TWINKLE_DEVICE_CONNECTION_STRING": text}, "provision", "pico_w", "--port", "x")
    assert done.returncode == 2 and "the connection string is empty" in done.stderr
    assert "name a device" in twinkle(on_hub, "run").stderr


@pytest.mark.parametrize("board", ["pico_w", "raspberry_pi"])
def test_a_board_that_this_computer_is_not_names_the_mock(on_hub, board):
    done = twinkle(on_hub, "run", "x", "--board", board)
    assert done.returncode == 2 and "--mock" in done.stderr and "twinkle flash" in done.stderr


def test_no_two_ids_share_a_directory():
    ids = ["b=1", "b'1", "b_1", "b%1", "b%3D1", ".", "..", ".b", "b", "", "%", "unnamed", "B"]
    ids += ["x" * 128, "%" * 127 + "a", "%" * 127 + "b", "a:b", "a/b", "a.b", "é"]
    folders = [device_folder(text) for text in ids]
    assert len(set(folders)) == len(ids)
    for folder in folders:
        assert folder.parent == device_folder("b").parent and len(folder.name) < 255
        assert folder.name not in (".", "..") and "/" not in folder.name
    assert device_folder("desk-1.attic:2").name == "desk-1.attic:2", "what reads well is left as it is"


# --- the hub


def test_a_hub_that_is_starting_is_waited_for(home, tmp_path):
    patient = f"from twinkle_host import cli, service; service.finding.START_S = {PATIENCE_S}; cli.main()"
    waiting = subprocess.Popen(
        [sys.executable, "-c", patient, "devices", "list"],
        env=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert f"waiting up to {PATIENCE_S} s for one that is starting" in waiting.stderr.readline()
    ports = [word for flag in ("--port", "--rest-port", "--amqp-port") for word in (flag, "0")]
    hub = subprocess.Popen([TWINKLE, "hub", "--json", "--quiet", *ports], env=home, stdout=subprocess.PIPE)
    try:
        out, err = waiting.communicate(timeout=PATIENCE_S)
        assert (waiting.returncode, out, err) == (0, "no devices\n", "")
    finally:
        hub.send_signal(signal.SIGTERM)
        hub.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "70000 is not in the range"),
        (["--rest-port", "8883"], "--port and --rest-port are both 8883"),
        (["--plain-amqp-port", "8443"], "--rest-port and --plain-amqp-port are both 8443"),
        (["--host-name", "bad name!"], "'bad name!' is neither a host's name nor an address"),
        (["--host-name", "a..b"], "neither"),
        (["--host-name", ""], "neither"),
        (["--consumer-group", ""], "no consumer group's name"),
        (["--consumer-group", "a/b"], "no consumer group's name"),
        (["--consumer-group", "-a"], "no consumer group's name"),
        (["--consumer-group", "x" * 51], "no consumer group's name"),
        (["--consumer-group", "$default"], "$Default is always there"),
        (["--keep-hours", "nan"], "nan is no number of hours"),
        (["--keep-hours", "inf"], "inf is no number of hours"),
    ],
)
def test_what_a_hub_cannot_be_started_with_is_wrong_usage(home, arguments, words):
    done = twinkle(home, "hub", *arguments)
    assert done.returncode == 2 and words in done.stderr


def test_state_is_kept_in_one_place_wherever_a_command_is_run(home, tmp_path):
    environment = {**home, "XDG_STATE_HOME": "relative"}  # which the standard says is to be ignored
    done = twinkle(environment, "devices", "list", "--state", "x", folder=tmp_path)
    assert done.returncode == 3
    script = "from twinkle_host.paths import default_hub_state as d; print(d().is_absolute())"
    shown = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout == "True\n"


# --- words


def test_a_device_that_is_registered_already_is_said_in_words(on_hub):
    assert twinkle(on_hub, "devices", "add", "twice").returncode == 0
    again = twinkle(on_hub, "devices", "add", "twice")
    assert again.returncode == 4 and not re.search("409|If-Match|ErrorCode", again.stderr)
    assert "twice is registered already; twinkle devices connection-string twice" in again.stderr


def test_a_twin_is_shown_without_its_metadata_unless_asked(on_hub):
    twinkle(on_hub, "devices", "add", "plain")
    patched = twinkle(on_hub, "twin", "patch", "plain", '{"configId": 3}')
    shown = twinkle(on_hub, "twin", "get", "plain")
    for done in (patched, shown):
        assert "$metadata" not in done.stdout
        assert json.loads(done.stdout)["properties"]["desired"] == {"configId": 3, "$version": 2}
    assert "$lastUpdated" in twinkle(on_hub, "twin", "get", "plain", "--metadata").stdout
    assert (
        "$metadata"
        in json.loads(twinkle(on_hub, "twin", "get", "plain", "--json").stdout)["properties"]["desired"]
    )


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["twin", "get", "nobody", "--json"], 3),
        (["twin", "patch", "nobody", "{oops", "--json"], 2),
        (["boards", "check", "nowhere", "--json"], 3),
        (["run", "--json"], 2),
        (["nonsense", "--json"], 2),
    ],
)
def test_errors_are_json_for_who_asked_for_it(on_hub, arguments, status):
    done = twinkle(on_hub, *arguments)
    told = json.loads(done.stderr)
    assert done.returncode == told["status"] == status and told["error"]


def test_the_shell_completes_verbs(home):
    assert "_TWINKLE_COMPLETE=bash_source" in twinkle(home, "--help").stdout
    script = twinkle({**home, "_TWINKLE_COMPLETE": "bash_source"}).stdout
    assert "complete -o nosort -F" in script
    asked = {**home, "_TWINKLE_COMPLETE": "bash_complete", "COMP_WORDS": "twinkle pro", "COMP_CWORD": "1"}
    assert twinkle(asked).stdout.split() == ["plain,provision"]


# --- credentials


def test_a_connection_string_is_judged_before_anything_else_is_asked(home):
    asked = {**home, "TWINKLE_DEVICE_CONNECTION_STRING": "HostName=x"}
    done = twinkle(asked, "provision", "pico_w", "--port", "x", "--wifi", "attic")
    assert done.returncode == 2 and "has no DeviceId" in done.stderr, "and not that there is no terminal"


def test_a_hub_that_would_be_the_device_itself_is_warned_of(on_hub, tmp_path):
    (tmp_path / "card" / "etc").mkdir(parents=True)
    text = twinkle(on_hub, "devices", "add", "far").stdout.strip()
    asked = {**on_hub, "TWINKLE_DEVICE_CONNECTION_STRING": text}
    done = twinkle(asked, "provision", "raspberry_pi", "--root", tmp_path / "card")
    assert done.returncode == 0 and "localhost is on every computer that computer itself" in done.stderr
    assert "--gateway ADDRESS" in done.stderr
    for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "::1"):
        assert is_loopback(host)
    for host in ("192.168.1.5", "hub.example", "contoso.azure-devices.net"):
        assert not is_loopback(host)


def test_a_hub_at_an_ipv6_address_is_asked_at_that_address(monkeypatch):
    """RFC 3986, section 3.2.2: the address is in brackets, and its colons begin no port."""
    asked = []
    monkeypatch.setattr(
        "socket.create_connection", lambda address, timeout: asked.append(address) or socket.socket()
    )
    for address, host in (("[fd00::5]:8443", "[fd00::5]"), ("[fd00::5]", "[fd00::5]"), ("a.b:8443", "a.b")):
        hub = Hub(f"HostName={address};SharedAccessKeyName=service;SharedAccessKey=a2V5", None)
        assert hub.host == host and hub.accepts()
    assert asked == [("fd00::5", 8443), ("fd00::5", 443), ("a.b", 8443)]
