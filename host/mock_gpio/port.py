"""The mock port: the desktop's stand-in for a real board, on both interpreters.

The LED's levels are recorded with their times, in memory and in ``pins.jsonl``
in the device's directory. The sensor feels what ``sensor.json`` there says
(``{"temperature": 21.5, "humidity": 40}``, °C and %; or ``{"error": "…"}`` to fail),
read anew for each sample; without that file it follows a gentle simulated day.
A file ``stop`` there ends the process in good order.
"""

import json
import math
import os

from twinkle.core.errors import HardwareError
from twinkle.ports.contract import Port as Contract

DAY_S = 86400
RANGES = {"DHT11": (0, 50, 20, 90), "DHT22": (-40, 80, 0, 100)}  # °C and % the sensors can tell


class Port(Contract):
    """A board that exists only in this process."""

    longest_wait = 100

    def __init__(self, settings, directory):
        super().__init__(settings, directory)
        self.history = []  # (milliseconds, level)
        self._range = RANGES[settings.get("sensor", {}).get("model", "DHT22")]
        self._clock_offset = settings.get("clockOffset", 0)

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
        """What the test or the simulated day says."""
        feeling = self._told()
        if feeling is None:
            feeling = day(self.utc() or 0)
        elif "error" in feeling:
            raise HardwareError(feeling["error"], "check the sensor's wiring")
        temperature, humidity = feeling["temperature"], feeling["humidity"]
        coldest, hottest, driest, wettest = self._range
        if not (coldest <= temperature <= hottest and driest <= humidity <= wettest):
            raise HardwareError("the sensor cannot measure %s degrees, %s %%" % (temperature, humidity))
        return temperature, humidity

    def feed(self):
        """Look whether the process is to end.

        A signal would do on CPython; MicroPython's Unix port may take one in the middle
        of a collection and is then of no more use, not even to say good-bye to the hub.
        """
        path = self.directory + "/stop"
        try:
            os.remove(path)
        except OSError:
            return
        raise SystemExit(0)

    def own_temperature(self):
        """A little warmer than the room, as a board is."""
        feeling = self._told() or day(self.utc() or 0)
        return feeling.get("ownTemperature", round(feeling.get("temperature", 20.0) + 8.5, 1))

    def _told(self):
        try:
            with open(self.directory + "/sensor.json") as file:
                return json.load(file)
        except OSError:
            return None
        except ValueError:
            raise HardwareError("sensor.json is not JSON", "write it whole, then rename it") from None


def day(utc):
    """``{"temperature", "humidity"}`` of a gentle day: coldest and dampest at 04:00 UTC."""
    swing = math.cos((utc % DAY_S - 4 * 3600) / DAY_S * 2 * math.pi)
    return {"temperature": round(21.0 - 3.0 * swing, 1), "humidity": round(45.0 + 10.0 * swing, 1)}
