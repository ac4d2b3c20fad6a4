"""Drives a device with named outputs, inputs and sensors through a story."""

from driver import Driver

from twinkle import App
from twinkle.core.errors import HardwareError
from twinkle.core.wiring import WiredDevice

PARTS = {
    "outputs": {"fan": {"pin": 6, "pwm": True}, "valve": {"pin": 7}},
    "inputs": {"door": {"pin": 20}, "bell": {"pin": 21, "pull": "down", "event": "on", "debounce": 50}},
    "sensors": {"attic": {"model": "DHT22", "pin": 12}, "board": {"model": "own"}},
}
WARM, COLD = {"temperature": 30.5, "humidity": 20.0}, {"temperature": 5.0, "humidity": None}
ABSENT = {"temperature": None, "humidity": None, "failed": "no answer"}


class Bench(Driver):
    """A device with PARTS: a story says what lines do and sensors measure, and sees what outputs show."""

    def __init__(self, app=None, parts=PARTS, **more):
        super().__init__(app, keep_alive=100000, build=lambda *given: WiredDevice(parts, *given), **more)
        self.board = self.device.board
        self.shown = []
        self.edges = [edge for edge in (("door", 1, 0), ("bell", 0, 0)) if edge[0] in self.board.inputs]
        self.lost = 0
        self.samples = {"attic": [WARM], "board": [COLD]}  # the last one again and again
        self.failing = None  # what the next drive or look raises
        self.asked = []

    def step(self, ms=0):
        asked = super().step(ms)
        for action in asked:
            if action[0] == "wire":
                self.asked.append(action)
                self._wire(action)
            elif action[0] == "read":
                self.reading({"temperature": 20.0, "humidity": 50.0, "ownTemperature": 30.0, "memory": 1})
        return asked

    def _wire(self, action):
        what, result = action[1], None
        if what == "measure":
            samples = self.samples[action[2]]
            result = samples.pop(0) if len(samples) > 1 else samples[0]
        elif self.failing:
            self.device.on_failed(action, HardwareError(self.failing), self.now)
            return
        elif what == "look":
            result, self.edges, self.lost = (self.edges, self.lost), [], 0
        else:
            self.shown.append(action[2:])
        self.device.on_done(action, result, self.now)

    def line(self, name, *levels):
        """The line goes through these levels, one a millisecond, from now on."""
        self.edges += [(name, level, self.now + at) for at, level in enumerate(levels)]


def app_with(**inputs):
    app = App(config={"configId": 1, "sendFrequency": "24h"})
    for name in inputs:
        app.input(name)(inputs[name])
    return app
