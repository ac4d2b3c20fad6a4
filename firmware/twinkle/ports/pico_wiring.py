"""What a board file names on a Pico W, through MicroPython's ``machine``.

An output with ``pwm`` has one of the RP2040's channels: GPIO n and n + 16 have the same one, and the two channels of a
slice (GPIO 2n and 2n + 1, and those 16 above) the same frequency (RP2040 data sheet, 4.5.2).

Edges of inputs are noted by a hard interrupt, also while a DHT sensor is read or TLS computes. Two things mask it: the
bits of a DHT's answer (5 ms; MicroPython, drivers/dht/dht.c), and an erase or write of flash (400 ms at most), after
which a line that went up and down again is seen once, as it is then.
"""

import array
import time

import machine

from .dht_facts import Rest
from .pico import PWM_HZ, measuring
from .wiring import MOST_EDGES
from .wiring import Wiring as Contract

PULLS = {"up": "PULL_UP", "down": "PULL_DOWN"}


class Output:
    """A pin that is driven; ``about`` is what the board file says of it."""

    def __init__(self, about):
        self._number = about["pin"]
        self._lit = 0 if about.get("active") == "low" else 1
        self._pin, self._pwm = self._off(), None
        if about.get("pwm"):
            self._pwm = machine.PWM(self._pin)
            self._pwm.freq(about.get("frequency", PWM_HZ))
            self.show(0.0)

    def show(self, level):
        """The level, 0.0 to 1.0."""
        if self._pwm:
            self._pwm.duty_u16(int((level if self._lit else 1.0 - level) * 65535))
        else:
            self._pin.value(self._lit if level else 1 - self._lit)

    def close(self):
        """Switch it off, by the pin itself: PWM that ends leaves what it showed at that moment."""
        self._off()

    def _off(self):
        # Set before it is an output, so that nothing twitches.
        return machine.Pin(self._number, machine.Pin.OUT, value=1 - self._lit)


class Line:
    """A pin that is listened to. What the interrupt writes is there before: it may not allocate."""

    def __init__(self, about):
        pull = PULLS.get(about.get("pull", "up"))
        pulls = [getattr(machine.Pin, pull)] if pull else []
        self._pin = machine.Pin(about["pin"], machine.Pin.IN, *pulls)
        self._moments = array.array("i", [0] * MOST_EDGES)
        self._levels = bytearray(MOST_EDGES)
        self._noted = 0  # edges, ever
        self._taken = 0
        self._level = None  # the last one that was told
        self._pin.irq(self._on_edge, machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING, hard=True)

    def _on_edge(self, pin):
        at = self._noted % MOST_EDGES
        self._moments[at] = time.ticks_ms()
        self._levels[at] = pin.value()
        self._noted += 1

    def edges(self, ticks):
        """``(level, moment)`` of each since the last call, and how many were not kept; ``ticks()`` is the time."""
        level, now, counter = self._pin.value(), ticks(), time.ticks_ms()
        noted = self._noted
        lost = max(0, noted - self._taken - MOST_EDGES)
        found = []
        for number in range(self._taken + lost, noted):
            at = number % MOST_EDGES
            found.append((self._levels[at], now - time.ticks_diff(counter, self._moments[at])))
        self._taken = noted
        if not found and level != self._level:
            found.append((level, now))  # at the first look, or after a masked interrupt
        if found:
            self._level = found[-1][0]
        return found, lost

    def close(self):
        """Listen no more."""
        self._pin.irq(None)


class Wiring(Contract):
    """On a Pico W."""

    def __init__(self, port, settings):
        super().__init__(port, settings)
        outputs, inputs, sensors = [self._parts[name] for name in ("outputs", "inputs", "sensors")]
        self._outputs = {name: Output(outputs[name]) for name in outputs}
        self._lines = {name: Line(inputs[name]) for name in inputs}
        self._sensors = {
            name: (Rest(), measuring(sensors[name])) for name in sensors if sensors[name]["model"] != "own"
        }

    def drive(self, name, level):
        """Through the pin, or its PWM."""
        self._outputs[name].show(level)

    def look(self):
        """What the interrupts have noted."""
        edges, lost = [], 0
        for name in self._lines:
            found, more = self._lines[name].edges(self._port.ticks)
            edges += [(name, level, at) for level, at in found]
            lost += more
        return edges, lost

    def read(self, name):
        """Through MicroPython's driver."""
        rest, measure = self._sensors[name]
        return rest.sample(self._port.ticks, measure)

    def close(self):
        """Outputs off, interrupts off."""
        for part in list(self._outputs.values()) + list(self._lines.values()):
            part.close()
