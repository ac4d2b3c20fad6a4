"""A DHT's single wire as Adafruit's driver sees it: edges in time, on CPython.

The driver, its decoder and Blinka's ``digitalio`` stay real. Replaced are the pin
that ``DigitalInOut`` makes and the clock that the driver reads: the clock advances
a microsecond with each look at it, or more once the line is silent, and the pin plays the
waveform of a DhtSensor from the moment the host lets go of the line.

    host   ‾‾\\____________/‾‾ (start: low for 1 ms, a DHT11 for 18 ms)
    sensor                 ‾30\\_80_/‾80‾\\_50_/‾26 or 70‾\\ … 40 bits … \\_50_/‾
"""

import bisect
import time as real_time
from types import SimpleNamespace

LONGEST_SILENCE_US = 300_000
SHORTEST_START_US = 800  # a shorter start pulse is not heard (DHT22 data sheet)
ZERO_US, ONE_US = 26, 70
SILENT_US = 100  # from look to look where nothing is to be seen: a driver looks for a quarter of a second


class Wire:
    """One line with a sensor at its end. ``utc()`` is when the sensor is asked."""

    def __init__(self, sensor, utc=real_time.time):
        self.sensor = sensor
        self.us = 0
        self.released = True
        self._utc = utc
        self._low_since = None
        self._edges = []  # microseconds at which the level changes; it is high before the first

    def step(self):
        """How many microseconds a look may take."""
        return 1 if self._edges and self.us <= self._edges[-1] else SILENT_US

    def sleep(self, seconds):
        """The driver waits."""
        self.us += int(seconds * 1e6)

    def pass_time(self, us):
        """Time passes while nobody looks; ``us`` counts from the beginning."""
        self.us = max(self.us, us)

    def drive(self, level):
        """The host pulls the line to a level."""
        self.released = False
        if level:
            self._low_since = None
        elif self._low_since is None:
            self._low_since = self.us

    def release(self):
        """The host lets go; a sensor that was asked answers."""
        if not self.released and self._low_since is not None:
            asked = self.us - self._low_since >= SHORTEST_START_US
            self._edges = waveform(self.us, self.sensor.frame(self._utc())) if asked else []
        self.released = True
        self._low_since = None

    def level(self):
        """The level now; nobody pulling means high."""
        return 1 - bisect.bisect_right(self._edges, self.us) % 2


def waveform(start, frame):
    """The times of the edges of an answer that begins at ``start``; none when there is none."""
    if frame is None:
        return []
    edges, at = [], start + 30
    for low, high in [(80, 80), *((50, ONE_US if bit else ZERO_US) for bit in _bits(frame))]:
        edges += [at, at + low]
        at += low + high
    return [*edges, at, at + 50]


def _bits(frame):
    return [byte >> shift & 1 for byte in frame for shift in range(7, -1, -1)]


class Bench:
    """Sets the seam in this process, for one wire or several; ``remove`` takes it away again."""

    def __init__(self, wires):
        import os

        os.environ.setdefault("BLINKA_OS_AGNOSTIC", "1")
        import adafruit_dht
        import board
        import digitalio

        self._undo = [
            (digitalio, "Pin", digitalio.Pin),
            (adafruit_dht, "time", adafruit_dht.time),
        ]
        self._wires = list(wires.values())
        digitalio.Pin = _pin_class(wires)
        adafruit_dht.time = SimpleNamespace(monotonic=self._monotonic, sleep=self._sleep)
        for number in wires:
            self._undo.append((board, f"D{number}", getattr(board, f"D{number}", None)))
            setattr(board, f"D{number}", SimpleNamespace(id=number))

    # The wires share one clock: each of them goes on as the others do.

    def _monotonic(self):
        step = min([wire.step() for wire in self._wires])
        for wire in self._wires:
            wire.us += step
        return self._wires[0].us / 1e6

    def _sleep(self, seconds):
        for wire in self._wires:
            wire.sleep(seconds)

    def ms(self):
        """The clock, in whole milliseconds that have begun."""
        return max([-(-wire.us // 1000) for wire in self._wires], default=0)

    def pass_time(self, us):
        """As of a wire."""
        for wire in self._wires:
            wire.pass_time(us)

    def remove(self):
        """Give everything back."""
        for module, name, value in self._undo:
            if value is None:
                delattr(module, name)
            else:
                setattr(module, name, value)


def _pin_class(wires):
    class Pin:
        """What DigitalInOut makes of a pin's number."""

        IN, OUT, PULL_UP, PULL_DOWN = "in", "out", "up", "down"

        def __init__(self, number):
            self._wire = wires[number]
            self._mode = self.IN

        def init(self, mode=IN, pull=None):
            self._mode = mode
            if mode == self.IN:
                self._wire.release()

        def value(self, level=None):
            if level is None:
                return self._wire.level()
            self._wire.drive(level)
            return None

    return Pin
