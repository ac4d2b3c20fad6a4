"""One suite for every port that can run on this computer; see stories.py."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import HEAP, MICROPYTHON, PRIVATE, ROOT, need

from twinkle_host.waiting import PATIENCE_S

HERE = Path(__file__).parent
STORIES = re.findall(r"^def (story_\w+)", (HERE / "stories.py").read_text(), re.MULTILINE)
PLACES = [ROOT / "firmware", PRIVATE / "lib", ROOT / "host"]
BENCH = ROOT / "host" / "mock_gpio" / "pico"

# name: (interpreter, module, board file, stands in for the board's modules)
PORTS = {
    "mock on CPython": ("cpython", "mock_gpio.port", "desktop", []),
    "mock on MicroPython": ("micropython", "mock_gpio.port", "desktop", []),
    "Raspberry Pi on simulated pins": ("cpython", "mock_gpio.raspberry", "raspberry_pi", []),
    "Raspberry Pi 5 on simulated pins": ("cpython", "mock_gpio.raspberry", "raspberry_pi_5", []),
    "Pico W on simulated modules": ("micropython", "twinkle.ports.pico", "pico_w", [BENCH]),
    "Pico W with an LED on a GPIO": ("micropython", "twinkle.ports.pico", "pico_w", [BENCH]),
}
DIFFERENT = {
    "mock on CPython": {"led": {"pwm": True}},
    "mock on MicroPython": {"led": {"pwm": True}},
    "Pico W with an LED on a GPIO": {"led": {"pin": 16, "pwm": True}},
}
TYPED = "story_what_is_typed_arrives_and_what_is_shown_is_taken"
# The mock port has no sensor that must rest; whoever wants one takes a real port on simulated pins.
LEFT_OUT = {
    "story_a_sensor_that_must_rest_answers_as_before": ("mock on CPython", "mock on MicroPython"),
    # It has no socket, and the standard input of a process of the harness is nobody's.
    TYPED: ("mock on MicroPython",),
}


@pytest.fixture(scope="module", params=PORTS)
def told(request, tmp_path_factory):
    """The lines that the stories printed, and the process's exit status."""
    interpreter, module, board, before = PORTS[request.param]
    settings = json.loads((ROOT / "boards" / f"{board}.json").read_text())
    settings.update(DIFFERENT.get(request.param, {}))
    folder = tmp_path_factory.mktemp("board")
    if interpreter == "cpython":
        settings["console"] = {"socket": str(folder / "console")}
    (folder / "board.json").write_text(json.dumps(settings))
    paths = ":".join(map(str, [*before, *PLACES]))
    if interpreter == "micropython":
        command = [need(MICROPYTHON), "-X", f"heapsize={HEAP}"]
        environment = {**os.environ, "MICROPYPATH": paths}
    else:
        command, environment = [sys.executable, "-B"], {**os.environ, "PYTHONPATH": paths}
    patience = 1000 * PATIENCE_S
    typing = (
        0 if request.param in LEFT_OUT[TYPED] else patience
    )  # a failure that is expected is not waited for
    done = subprocess.run(
        [*command, HERE / "stories.py", folder, module, str(patience), str(typing)],
        env=environment,
        input="typed\n",
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=False,
    )
    return request.param, done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize("story", STORIES)
def test_every_port_keeps_the_contract(told, story):
    port, text, _ = told
    if port in LEFT_OUT.get(story, ()):
        assert f"FAIL {story}" in text, "it keeps this now: take it out of LEFT_OUT"
    else:
        assert f"ok {story}\n" in text, text


def test_every_port_can_be_closed_and_a_reset_does_not_return(told):
    _, text, status = told
    assert "closed\n" in text and "reset returned" not in text
    assert status in (3, 1), text
