"""What belongs on a board: found by the imports, compiled, and complete."""

import json
import os
import subprocess
import sys

import pytest
from support import ROOT

from twinkle_host.failure import Failure
from twinkle_host.flash import image
from twinkle_host.flash.compiling import MPY_VERSION

PICO = json.loads((ROOT / "boards" / "pico_w.json").read_text())


def test_a_board_is_given_what_it_imports_and_no_other_boards_port():
    files = image.build(PICO)
    assert {"main.py", "board.json", "lib/umqtt/simple.mpy"} <= set(files)
    assert {"twinkle/core/console.mpy", "twinkle/runtime/console_session.mpy"} <= set(files), (
        "what is imported late"
    )
    assert not any(name in files for name in ("twinkle/ports/rpi.mpy", "apps/climate.mpy", "main.mpy"))
    assert set(image.for_assignment()) == {"twinkle/core/provisioning.mpy"} - set(files)
    backlog = "twinkle/core/backlog.mpy"
    assert backlog not in files and backlog in image.build({**PICO, "telemetry": {"disk": 4096}})
    assert files["twinkle/core/link.mpy"][:2] == bytes((ord("M"), MPY_VERSION))
    assert json.loads(files["board.json"])["release"] == image.release()


def test_an_application_of_ones_own_takes_the_place_of_the_boards(tmp_path):
    own = tmp_path / "shed.py"
    own.write_text("from twinkle import App\nfrom apps import thermostat\n\napp = App()\n")
    files = image.build(PICO, own)
    assert json.loads(files["board.json"])["app"] == "apps.shed"
    assert {"apps/shed.mpy", "apps/thermostat.mpy"} <= set(files) and "apps/environment.mpy" not in files


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


def test_what_is_no_python_is_named(tmp_path):
    own = tmp_path / "shed.py"
    own.write_text("def broken(:\n")
    with pytest.raises(Failure, match="is not Python"):
        image.build(PICO, own)
    own.write_text("nonlocal x\n")  # parses, and cannot be compiled
    with pytest.raises(Failure, match="cannot be compiled"):
        image.build(PICO, own)


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
