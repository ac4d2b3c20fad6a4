"""What a board file names, on the mock port: outputs are recorded in ``pins.jsonl``, the rest is told in files.

See the module ``lines``. A sensor with a name is one of the module ``sensor``.
"""

import json

from twinkle.core.errors import HardwareError
from twinkle.ports.dht_facts import model_of, sample
from twinkle.ports.wiring import Wiring as Contract

from .lines import Switches, room_of
from .sensor import DhtSensor, is_whole


class Wiring(Contract):
    """On a board that exists only in this process."""

    def __init__(self, port, settings):
        super().__init__(port, settings)
        inputs, sensors = self._parts["inputs"], self._parts["sensors"]
        self._switches = Switches(port.directory, inputs)
        self._first = [(name, self._switches.idle(name)) for name in inputs]
        self._sensors = {name: self._sensor(name) for name in sensors if sensors[name]["model"] != "own"}
        for name in self._parts["outputs"]:
            self.drive(name, 0.0)

    def _sensor(self, name):
        return DhtSensor(model_of(self._parts["sensors"][name]), lambda: room_of(self._port.directory, name))

    def drive(self, name, level):
        """Record the level that its pin has then."""
        about = self._parts["outputs"][name]
        if not about.get("pwm"):
            level = 1.0 if level else 0.0
        if about.get("active") == "low":
            level = 1.0 - level
        entry = {"ms": self._port.ticks(), "utc": self._port.utc(), "output": name, "level": level}
        with open(self._port.directory + "/pins.jsonl", "a") as file:
            file.write(json.dumps(entry) + "\n")

    def look(self):
        """What has been said since the last time."""
        found, self._first = self._first + self._switches.news(), []
        now = self._port.ticks()
        return [(name, level, now) for name, level in found], 0

    def read(self, name):
        """What the simulated sensor sends."""
        sensor = self._sensors[name]
        frame = sensor.frame(self._port.utc() or 0)
        if frame is None:
            raise HardwareError("the sensor %s did not answer" % name, "check its wiring")
        if not is_whole(frame):
            raise HardwareError("the sensor %s sent a wrong checksum" % name)
        return sample(sensor.model, frame)

    def close(self):
        """Outputs off."""
        for name in self._parts["outputs"]:
            self.drive(name, 0.0)
