"""The Raspberry Pi port on simulated pins, as a process: a board file names this module as its port.

Everything above the pins is real: ``twinkle.ports.rpi``, gpiozero on its own mock
factory, and Adafruit's driver on the waveform of the module ``waveform``. What the
LED shows is recorded in ``pins.jsonl``, read back from the pin itself.

systemd is a stand-in, since this computer is not to be restarted: the process ends as one that is
started again, or ``computer.json`` {"refuses": text} says how systemctl(1) refuses.
"""

import contextlib
import functools
import json
import sys

from twinkle.core.errors import HardwareError
from twinkle.ports.contract import RESET_STATUS
from twinkle.ports.rpi import Port as RaspberryPi

from .lines import room_of
from .port import end_if_told, led_to, told
from .sensor import DhtSensor
from .waveform import Bench, Wire


class Port(RaspberryPi):
    """The Raspberry Pi port with nothing soldered to it."""

    longest_wait = 100

    def __init__(self, settings, directory, wifi=None):
        wires = {}
        if "sensor" in settings:
            # This computer has no pulseio, so the driver times the edges itself.
            sensor = {**settings["sensor"], "pulseio": False}
            settings = {**settings, "sensor": sensor}
            wires[sensor["pin"]] = Wire(DhtSensor(sensor["model"], lambda: told(directory)))
        for name, about in settings.get("sensors", {}).items():
            if about["model"] != "own":
                room = functools.partial(room_of, directory, name)
                wires[about["pin"]] = Wire(DhtSensor(about["model"], room))
        self._bench = Bench(wires)
        super().__init__(settings, directory, wifi)

    def pin_factory(self, name):
        """gpiozero's mock factory in the place of the back-end."""
        from gpiozero.pins.mock import MockFactory, MockPWMPin

        return MockFactory(pin_class=MockPWMPin)

    def led(self, level):
        """Light the LED, then look at the pin."""
        super().led(level)
        self.record(self.settings["led"]["pin"])

    def record(self, number):
        """Note what a pin shows."""
        level = float(self.gpio.pin(number).state)
        entry = {"ms": self.ticks(), "utc": self.utc(), "pin": number, "level": level}
        with open(self.directory + "/pins.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\n")

    @contextlib.contextmanager
    def driven(self):
        """While a driver is at work, whose clock stood still since the last time: it takes as long as it says."""
        self._bench.pass_time(self.ticks() * 1000)
        try:
            yield
        finally:
            self.sleep(max(0, self._bench.ms() - self.ticks()))

    def look_up(self, host, port):
        """Through the cable, where somebody holds one."""
        return super().look_up(*led_to(self.directory, host, port))

    def read_sensor(self):
        """Through the driver."""
        with self.driven():
            return super().read_sensor()

    def reset(self, reason, wanted=True):
        """End the process; whoever runs it starts it again."""
        refusal = (told(self.directory, "computer.json") or {}).get("refuses")
        if refusal and wanted and self.settings.get("reset"):
            raise HardwareError("systemd refused to restart the computer (%s)" % refusal)
        sys.exit(RESET_STATUS)

    def feed(self):
        """Also look whether the process is to end."""
        super().feed()
        end_if_told(self.directory)
