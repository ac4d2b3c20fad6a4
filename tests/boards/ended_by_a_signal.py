"""The Raspberry Pi's port with a Pi's own libraries, but for the pins; SIGTERM ends it.

    ended_by_a_signal.py BOARD_FILE     (with Blinka told by its environment that this is a Pi)

Blinka's pulseio asks the processor's revision code besides, and is told it here.
"""

import contextlib
import json
import os
import signal
import sys

import adafruit_platformdetect.board
from gpiozero.pins.mock import MockFactory, MockPWMPin

from twinkle.ports.rpi import Port

adafruit_platformdetect.board.Board._pi_rev_code = lambda self: 0xA02082


class Simulated(Port):
    """On gpiozero's mock pins."""

    def pin_factory(self, name):
        return MockFactory(pin_class=MockPWMPin)


with open(sys.argv[1]) as file:
    settings = json.load(file)
del settings["console"]
Simulated(settings, "")
print("ready", flush=True)
with contextlib.suppress(KeyboardInterrupt):  # as main.py does
    os.kill(os.getpid(), signal.SIGTERM)
    print("it goes on", flush=True)
