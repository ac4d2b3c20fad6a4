"""What a board file names on a Raspberry Pi, through gpiozero.

PWM is done in software by gpiozero's back-ends, on every pin alike: it is good for lamps and fans, and trembles too
much for a servo. Edges of inputs come in threads of theirs, which only note them.
"""

import collections
import functools
import time

from ..core.errors import HardwareError
from .adafruit import Dht, said
from .rpi import quietly, refused
from .wiring import MOST_EDGES
from .wiring import Wiring as Contract

PULLS = {"up": True, "down": False, "none": None}


class Line:
    """A pin that is listened to, on ``port``; ``about`` is what the board file says of it."""

    def __init__(self, port, name, about, clock):
        import gpiozero

        self._clock = clock
        pull = PULLS[about.get("pull", "up")]
        # (level, moment): a thread of the back-end appends, the loop takes away.
        self._edges: collections.deque = collections.deque(maxlen=MOST_EDGES)
        self._noted = self._taken = 0
        self._level = None  # the last one that was told
        self._high = pull is not True  # whether gpiozero calls a high line active
        with refused("the input %s's" % name, about["pin"]):
            self._device = gpiozero.DigitalInputDevice(
                *(about["pin"],),
                pull_up=pull,
                active_state=True if pull is None else None,
                pin_factory=port.gpio,
            )
            self._device.when_activated = lambda: self._note(True)
            self._device.when_deactivated = lambda: self._note(False)

    def _note(self, active):
        self._edges.append((int(active == self._high), self._clock()))
        self._noted += 1

    def edges(self, now):
        """``(level, moment)`` of each since the last call, and how many were not kept; ``now`` in milliseconds."""
        level, clock = int(self._device.is_active == self._high), self._clock()
        found = []
        while self._edges:
            each, at = self._edges.popleft()
            found.append((each, now - round((clock - at) * 1000)))
        self._taken += len(found)
        lost = max(0, self._noted - self._taken - len(self._edges))
        self._taken += lost
        if not found and level != self._level:
            found.append((level, now))  # at the first look
        if found:
            self._level = found[-1][0]
        return found, lost

    def close(self):
        """Listen no more."""
        quietly(self._device.close)


class Wiring(Contract):
    """On a Raspberry Pi. Pins that another program holds are waited for, as the LED's is.

    ``clock()`` is a time in seconds, of the moments of edges.
    """

    def __init__(self, port, settings, clock=time.monotonic):
        super().__init__(port, settings)
        outputs, inputs, sensors = (self._parts[name] for name in ("outputs", "inputs", "sensors"))
        self._outputs, self._lines = {}, {}
        for name, about in outputs.items():
            self._outputs[name] = port.patiently(port.open_output, "the output %s's" % name, about)
        for name, about in inputs.items():
            self._lines[name] = port.patiently(Line, port, name, about, clock)
        self._sensors = {name: Dht(about) for name, about in sensors.items() if about["model"] != "own"}
        port.mind_sigterm()

    def drive(self, name, level):
        """Through gpiozero."""
        about = self._parts["outputs"][name]
        try:
            self._outputs[name].value = level if about.get("pwm") else int(level > 0)
        except Exception as error:
            raise HardwareError("GPIO %s: %s" % (about["pin"], said(error))) from None

    def look(self):
        """What the threads have noted."""
        now, edges, lost = self._port.ticks(), [], 0
        for name, line in self._lines.items():
            try:
                found, more = line.edges(now)
            except Exception as error:
                pin = self._parts["inputs"][name]["pin"]
                raise HardwareError("the input %s on GPIO %s: %s" % (name, pin, said(error))) from None
            edges += [(name, level, at) for level, at in found]
            lost += more
        return edges, lost

    def read(self, name):
        """Through Adafruit's driver."""
        return self._sensors[name].read(self._port.ticks)

    def close(self):
        """Outputs off, and all let go of."""
        for sensor in self._sensors.values():
            sensor.let_go()
        for name, device in self._outputs.items():
            quietly(functools.partial(self.drive, name, 0.0))  # gpiozero leaves them as they are
            quietly(device.close)
        for line in self._lines.values():
            line.close()
