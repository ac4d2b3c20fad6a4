"""The mock port: the desktop's stand-in for a real board, on both interpreters.

The LED's levels are recorded with their times, in memory and in ``pins.jsonl``
in the device's directory. The sensor is the one of the module ``sensor``, told by
``sensor.json`` there (also ``{"error": "…"}`` to fail with that text), which is read
anew for each sample. A file ``stop`` there ends the process in good order. The console is
the board file's ``console`` {"socket": path} on CPython, and the standard input on MicroPython.
"""

import json
import os
import select
import sys

from twinkle import compat
from twinkle.core.errors import HardwareError
from twinkle.ports.contract import Port as Contract
from twinkle.ports.dht_facts import model_of, sample

from .sensor import DhtSensor, day, is_whole
from .slow import Watch

LONGEST_BURST = 1024  # bytes that are taken at once
LOOK_MS = 100  # from one look at the directory to the next


class Port(Contract):
    """A board that exists only in this process."""

    longest_wait = LOOK_MS

    def __init__(self, settings, directory, wifi=None):
        super().__init__(settings, directory, wifi)
        self.history = []  # (milliseconds, level)
        self._model = model_of(settings.get("sensor", {"model": "DHT22"}))
        self._sensor = DhtSensor(self._model, self._told)
        self._clock_offset = settings.get("clockOffset", 0)
        self._looked = 0
        self.enter = Watch(self.ticks).enter
        self._console = self._keys = None
        if compat.MICROPYTHON:
            self._keys = select.poll()
            self._keys.register(sys.stdin, select.POLLIN)
        elif "console" in settings:
            from twinkle.ports.socket_console import SocketConsole

            self._console = SocketConsole(settings["console"]["socket"])

    def utc(self):
        """The computer's time, off by the board file's ``clockOffset`` (seconds); None if that is null."""
        if self._clock_offset is None:
            return None
        return super().utc() + self._clock_offset

    def led(self, level):
        """Record the level."""
        now = self.ticks()
        self.history.append((now, level))
        with open(self.directory + "/pins.jsonl", "a") as file:
            file.write(json.dumps({"ms": now, "utc": self.utc(), "led": level}) + "\n")

    def read_sensor(self):
        """What the simulated sensor sends."""
        told = self._told() or {}
        if "error" in told:
            raise HardwareError(told["error"], "check the sensor's wiring")
        frame = self._sensor.frame(self.utc() or 0)
        if frame is None:
            raise HardwareError("the sensor did not answer", "check its wiring")
        if not is_whole(frame):
            raise HardwareError("the sensor sent a wrong checksum")
        return sample(self._model, frame)

    def look_up(self, host, port):
        """Through the cable, where somebody holds one."""
        return super().look_up(*led_to(self.directory, host, port))

    def typed(self):
        """From the socket, or the standard input."""
        if self._console:
            return self._console.typed()
        found = bytearray()
        while self._keys and len(found) < LONGEST_BURST and self._keys.poll(0):
            byte = sys.stdin.buffer.read(1)
            if not byte:
                self._keys = None  # nobody can type any more
                break
            found.extend(byte)
        return bytes(found)

    def show(self, data):
        """To the socket, or the standard output."""
        if self._console:
            return self._console.show(data)
        return sys.stdout.buffer.write(data) if compat.MICROPYTHON else len(data)

    def close(self):
        """Close the console."""
        if self.wiring:
            self.wiring.close()
        if self._console:
            self._console.close()

    def unique_id(self):
        """The same for every mock board."""
        return "mock-0001"

    def feed(self):
        """Look whether the process is to end.

        A signal would do on CPython; MicroPython's Unix port may take one in the middle
        of a collection and is then of no more use, not even to say good-bye to the hub.
        """
        now = self.ticks()
        if now - self._looked >= LOOK_MS:
            self._looked = now
            end_if_told(self.directory)

    def own_temperature(self):
        """A little warmer than the room, as a board is."""
        feeling = self._told() or day(self.utc() or 0)
        return feeling.get("ownTemperature", round(feeling.get("temperature", 20.0) + 8.5, 1))

    def _told(self):
        return told(self.directory)


def told(directory, name="sensor.json"):
    """The content of a file that says what is simulated, or None."""
    try:
        with open(directory + "/" + name) as file:
            return json.load(file)
    except OSError:
        return None
    except ValueError:
        raise HardwareError(name + " is not JSON", "write it whole, then rename it") from None


def led_to(directory, host, port):
    """Where a connection to the hub begins: ``cable.json`` {"hub": its port, "port": another one of this computer}."""
    cable = told(directory, "cable.json")
    if cable and cable["hub"] == port:
        return "127.0.0.1", cable["port"]
    return host, port


def end_if_told(directory):
    """Leave the program if a file ``stop`` is there."""
    try:
        os.remove(directory + "/stop")
    except OSError:
        return
    raise SystemExit(0)
