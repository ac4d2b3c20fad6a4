"""Runs in the emulated computer: edges of a simulated line, as gpiozero sees them through lgpio.

lines.py PRESSES     prints, as JSON, the names of the events in their order
"""

import json
import sys
import time
from pathlib import Path

from gpiozero import Button
from gpiozero.pins.lgpio import LGPIOFactory

# Documentation/admin-guide/gpio/gpio-sim.rst
BANK = Path("/sys/kernel/config/gpio-sim/room/bank0")
LINE = 5
SEEN_S = 10.0


def main(presses: int) -> None:
    """Press and release a button."""
    BANK.mkdir(parents=True)
    (BANK / "num_lines").write_text("8")
    (BANK.parent / "live").write_text("1")
    chip = (BANK / "chip_name").read_text().strip()
    device = (BANK.parent / "dev_name").read_text().strip()
    pull = Path(f"/sys/devices/platform/{device}/{chip}/sim_gpio{LINE}/pull")
    pull.write_text("pull-up")
    factory = LGPIOFactory(chip=int(chip.removeprefix("gpiochip")))
    button = Button(LINE, pull_up=None, active_state=False, pin_factory=factory)
    events: list[str] = []
    button.when_pressed = lambda: events.append("pressed")
    button.when_released = lambda: events.append("released")
    for _ in range(presses):
        for direction in ("pull-down", "pull-up"):
            count = len(events)
            pull.write_text(direction)
            end = time.monotonic() + SEEN_S
            while len(events) == count and time.monotonic() < end:
                time.sleep(0.01)
    print(json.dumps(events))


if __name__ == "__main__":
    main(int(sys.argv[1]))
