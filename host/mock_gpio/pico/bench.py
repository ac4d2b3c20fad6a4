"""What the stand-ins share: the device's directory, where a test tells and reads.

sensor.json   {"temperature", "humidity", "fault", "ownTemperature"}, see mock_gpio.sensor
air.json      what the radio is in, see mock_gpio.radio; "dns": seconds after which a look-up fails, for want of a
              name server; "name": the only one whose look-up fails
asked         how often a time server was asked
asking        is there while such a look-up goes on
inputs.json   {number of a pin: its level}; an input with a pull-up is otherwise high. By the name of a board file's
              input: see mock_gpio.lines
clock.json    {"ntp": "answers" | "silent" | "noise" | "death" | seconds since 1970}, see ntptime
pins.jsonl    what the pins did: {"ms", "pin", "level"}
stop          ends the process in good order, when the watchdog is fed the next time
cause         why the next start will happen
"""

import json
import os
import sys

import utime

from mock_gpio import lines

DIRECTORY = sys.argv[1] if len(sys.argv) > 1 else "."


def told(name):
    """The content of ``name.json``, or an empty dict."""
    try:
        with open(DIRECTORY + "/" + name + ".json") as file:
            return json.load(file)
    except OSError:
        return {}


class Switches:
    """What hangs on the inputs that the board file names, by the numbers of their pins."""

    def __init__(self):
        self._inputs = told("board").get("inputs") or {}
        self._lines = lines.Switches(DIRECTORY, self._inputs)

    def level(self, number, pulled):
        """Of a pin when it becomes an input, which is pulled to a level."""
        return told("inputs").get(str(number), pulled)

    def news(self):
        """``(number, level)``, oldest first."""
        return [(self._inputs[name]["pin"], level) for name, level in self._lines.news()]


def sensor_on(number):
    """What the room of the sensor on a pin is like, or None."""
    for name, about in (told("board").get("sensors") or {}).items():
        if about.get("pin") == number:
            return lines.room_of(DIRECTORY, name)
    return told("sensor") or None


def record(pin, level):
    """Note what a pin shows."""
    with open(DIRECTORY + "/pins.jsonl", "a") as file:
        file.write(json.dumps({"ms": utime.ticks_ms(), "pin": pin, "level": level}) + "\n")


def take(name):
    """Remove a file; its content, or None when there is none."""
    try:
        with open(DIRECTORY + "/" + name) as file:
            content = file.read()
        os.remove(DIRECTORY + "/" + name)
    except OSError:
        return None
    return content


def leave(name, content):
    """Write a file."""
    with open(DIRECTORY + "/" + name, "w") as file:
        file.write(content)


switches = Switches()
