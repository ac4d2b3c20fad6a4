"""One suite for every port that can run on this computer; see stories.py and wired_stories.py."""

import functools
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
STORIES = [
    (file, name)
    for file in ("stories.py", "wired_stories.py")
    for name in re.findall(r"^def (story_\w+)", (HERE / file).read_text(), re.MULTILINE)
]
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
    "Pico W with an LED that is dimmed": ("micropython", "twinkle.ports.pico", "pico_w", [BENCH]),
}
DIFFERENT = {
    "mock on CPython": {"led": {"pwm": True}},
    "mock on MicroPython": {"led": {"pwm": True}},
    "Pico W with an LED on a GPIO": {"led": {"pin": 16}},
    "Pico W with an LED that is dimmed": {"led": {"pin": 16, "pwm": True}},
}
# What each is given besides for wired_stories.py, by the names that stand there.
WIRED = {
    "outputs": {"fan": {"pin": 6, "pwm": True}, "valve": {"pin": 7, "active": "low"}},
    "inputs": {"door": {"pin": 20}, "bell": {"pin": 21, "pull": "down"}},
    # A name may be one that a room has a word for.
    "sensors": {"humidity": {"model": "DHT22", "pin": 12}, "own": {"model": "own"}},
}
TYPED = "story_what_is_typed_arrives_and_what_is_shown_is_taken"
# The mock port has no sensor that must rest; whoever wants one takes a real port on simulated pins.
LEFT_OUT = {
    "story_a_sensor_that_must_rest_answers_as_before": ("mock on CPython", "mock on MicroPython"),
    # Nobody moves its lines but when it looks.
    "story_of_too_many_edges_the_newest_are_kept_and_the_others_counted": (
        "mock on CPython",
        "mock on MicroPython",
    ),
    # It has no socket, and the standard input of a process of the harness is nobody's.
    TYPED: ("mock on MicroPython",),
}


@pytest.fixture(scope="module", params=PORTS)
def told(request, tmp_path_factory):
    """A function from a file of stories to the port, the lines that these printed, and the process's exit status."""
    return functools.cache(lambda file: tell(file, request.param, tmp_path_factory))


def tell(file, port, tmp_path_factory, heap=HEAP):
    interpreter, module, board, before = PORTS[port]
    settings = json.loads((ROOT / "boards" / f"{board}.json").read_text())
    settings.update(DIFFERENT.get(port, {}))
    if file == "wired_stories.py":
        settings.update(WIRED)
    folder = tmp_path_factory.mktemp("board")
    if interpreter == "cpython":
        settings["console"] = {
            "socket": "console"
        }  # in the folder it runs in: a socket's path is short (unix(7))
    (folder / "board.json").write_text(json.dumps(settings))
    paths = ":".join(map(str, [*before, *PLACES]))
    if interpreter == "micropython":
        command = [need(MICROPYTHON), "-X", f"heapsize={heap}"]
        environment = {**os.environ, "MICROPYPATH": paths}
    else:
        command, environment = [sys.executable, "-B"], {**os.environ, "PYTHONPATH": paths}
    patience = 1000 * PATIENCE_S
    typing = 0 if port in LEFT_OUT[TYPED] else patience  # a failure that is expected is not waited for
    done = subprocess.run(
        [*command, HERE / file, folder, module, str(patience), str(typing)],
        cwd=folder,
        env=environment,
        input="typed\n",
        capture_output=True,
        text=True,
        check=False,
    )
    return port, done.stdout + done.stderr, done.returncode


@pytest.mark.parametrize(("file", "story"), STORIES, ids=[name for _, name in STORIES])
def test_every_port_keeps_the_contract(told, file, story):
    port, text, _ = told(file)
    if port in LEFT_OUT.get(story, ()):
        assert f"FAIL {story}" in text, "it keeps this now: take it out of LEFT_OUT"
    else:
        assert f"ok {story}\n" in text, text


@pytest.mark.parametrize("share", [0.95, 0.9, 0.85])
def test_the_heap_that_the_stories_of_a_pico_have_is_no_close_fit(tmp_path_factory, share):
    heap = f"{int(int(HEAP.removesuffix('k')) * share)}k"
    _, text, _ = tell("wired_stories.py", "Pico W on simulated modules", tmp_path_factory, heap)
    assert "closed\n" in text and "MemoryError" not in text, text


@pytest.mark.parametrize("file", ["stories.py", "wired_stories.py"])
def test_every_port_can_be_closed_and_a_reset_does_not_return(told, file):
    _, text, status = told(file)
    assert "closed\n" in text and "reset returned" not in text
    assert status in (3, 1), text


@pytest.mark.parametrize("file", ["stories.py", "wired_stories.py"])
def test_a_pico_that_is_closed_shows_nothing(told, file):
    """By PWM nothing ends at once: what is set counts from its next period on, and a slice that is stopped stays."""
    port, text, _ = told(file)
    if port.startswith("Pico W"):
        left = json.loads(text.partition("\nleft ")[2].partition("\n")[0])
        off = {str(DIFFERENT.get(port, {"led": {"pin": "LED"}})["led"]["pin"]): 0}
        if file == "wired_stories.py":
            off.update({"6": 0, "7": 1})
        assert left == off, left
