"""What a board file names, on the Raspberry Pi's port with simulated pins; see ``raspberry`` and ``lines``.

All of it is the port's own and gpiozero's: switches drive gpiozero's mock pins, and what an output shows is read back
from its pin.
"""

import time

from twinkle.ports.rpi_wiring import Wiring as Contract

from .lines import Switches


class Wiring(Contract):
    """On a Raspberry Pi with nothing soldered to it."""

    def __init__(self, port, settings):
        # This computer has no pulseio, so the driver times the edges itself.
        sensors = {name: {**about, "pulseio": False} for name, about in settings.get("sensors", {}).items()}
        self._moment = time.monotonic()
        super().__init__(port, {**settings, "sensors": sensors}, lambda: self._moment)
        self._switches = Switches(port.directory, self._parts["inputs"])
        for name in self._parts["inputs"]:
            self._turn(name, self._switches.idle(name))
        for about in self._parts["outputs"].values():
            port.record(about["pin"])

    def _turn(self, name, level):
        pin = self._port.gpio.pin(self._parts["inputs"][name]["pin"])
        (pin.drive_high if level else pin.drive_low)()

    def drive(self, name, level):
        """Then look at the pin."""
        super().drive(name, level)
        self._port.record(self._parts["outputs"][name]["pin"])

    def look(self):
        """Switches first, all at one moment: on a busy computer none bounces longer."""
        self._moment = time.monotonic()
        for name, level in self._switches.news():
            self._turn(name, level)
        return super().look()

    def read(self, name):
        """Through the driver."""
        with self._port.driven():
            return super().read(name)
