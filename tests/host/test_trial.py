"""What cannot start is refused before a device has it, on the interpreter that it will have."""

import subprocess

import pytest
from support import TWINKLE

from twinkle_host import trial
from twinkle_host.failure import Failure
from twinkle_host.waiting import PATIENCE_S

HEAD = "from twinkle import App\n\napp = App()\n\n\n"
INTERPRETERS = ("cpython", "micropython")


@pytest.fixture
def kitchen(tmp_path):
    """A function that writes an application of this text."""

    def write(text):
        file = tmp_path / "kitchen.py"
        file.write_text(HEAD + text)
        return file

    return write


def said(file, interpreter="cpython", settings=None, **options):
    """Why it cannot start."""
    with pytest.raises(Failure) as refused:
        trial.try_out(file, settings or {}, interpreter, **options)
    assert refused.value.exit_code == 1
    return refused.value.message


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_what_can_start_passes_and_a_board_of_its_own_has_its_modules(kitchen, interpreter, capsys):
    file = kitchen("@app.method('warm')\ndef warm(board, payload=None, *more):\n    pass\n")
    trial.try_out(file, {}, interpreter)
    trial.try_out(kitchen("print('hello')\n"), {}, interpreter)
    assert capsys.readouterr().err == ""
    trial.try_out(kitchen("import neopixel\n"), {}, interpreter, trial.OF_A_PICO)
    assert "was not tried to its end: neopixel" in capsys.readouterr().err
    assert "neopixel" in said(kitchen("import neopixel\n"), interpreter)


def test_a_pico_has_its_pins_and_what_it_lacks_is_refused(kitchen):
    trial.try_out(
        kitchen("import machine\nmachine.Pin(3, machine.Pin.OUT)\n"), {}, "micropython", stand_ins=True
    )
    file = kitchen("import dataclasses\n")
    trial.try_out(file, {}, "cpython")
    words = said(file, "micropython", elsewhere=trial.OF_A_PICO, stand_ins=True)
    assert words == "kitchen.py:6: ImportError: no module named 'dataclasses'"


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_an_input_that_the_board_file_does_not_name_is_refused_also_where_its_name_is_worked_out(
    kitchen, interpreter
):
    board = {"inputs": {"bell": {"pin": 3}, "gate": {"pin": 4}}}
    file = kitchen("for name in ('gate', 'door'):\n    app.input(name)(lambda board, active: None)\n")
    assert said(file, interpreter) == "kitchen.py: it wants the input 'gate'; the board file has none"
    assert (
        said(file, interpreter, board)
        == "kitchen.py: it wants the input 'door'; the board file has bell, gate"
    )
    trial.try_out(file, {"inputs": {**board["inputs"], "door": {"pin": 5}}}, interpreter)


@pytest.mark.parametrize("interpreter", INTERPRETERS)
def test_an_import_that_does_not_end_is_ended(kitchen, interpreter, monkeypatch):
    monkeypatch.setattr(trial, "LONGEST_S", 0.5)
    assert "does not come to an end" in said(kitchen("while True:\n    pass\n"), interpreter)


@pytest.mark.parametrize(
    ("decorator", "arguments"),
    [
        ("telemetry", ""),
        ("telemetry", "board, more"),
        ("method('x')", "board"),
        ("writable('x')", "board, value, *, more"),
        ("desired('')", "board, merged"),
        ("message", "board, payload"),
    ],
)
def test_a_handler_that_cannot_take_what_it_is_given_is_refused(kitchen, decorator, arguments):
    words = said(kitchen(f"@app.{decorator}\ndef handler({arguments}):\n    pass\n"))
    assert words.startswith("kitchen.py:7: handler(") and "is called as handler(board" in words


@pytest.mark.parametrize(
    "arguments",
    [("run", "--app"), ("flash", "pico_w", "--app"), ("flash", "raspberry_pi", "--root", ".", "--app")],
)
def test_run_and_flash_refuse_it_with_its_place_and_status_1(kitchen, home, tmp_path, arguments):
    verb, *rest = arguments
    more = (
        ["--connection-string", "HostName=localhost;DeviceId=x;SharedAccessKey=AA=="] if verb == "run" else []
    )
    done = subprocess.run(
        [TWINKLE, verb, *rest, kitchen("nobody()\n"), *more],
        env=home,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1, done
    assert done.stderr.startswith("twinkle: kitchen.py:6: NameError: name 'nobody' is")


def test_without_micropython_flash_says_that_it_was_not_tried(kitchen, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(trial, "MICROPYTHON", tmp_path / "none")
    trial.try_out(kitchen("nobody()\n"), {}, "micropython")
    assert "was not tried: MicroPython is not on this computer" in capsys.readouterr().err
