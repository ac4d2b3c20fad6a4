"""What the stand-ins share: the device's directory, where a test tells and reads.

sensor.json   {"temperature", "humidity", "fault", "ownTemperature", "sensors": rooms by the names of sensors}, see
              mock_gpio.sensor
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

DIRECTORY = sys.argv[1] if len(sys.argv) > 1 else "."


def told(name):
    """The content of ``name.json``, or an empty dict."""
    try:
        with open(DIRECTORY + "/" + name + ".json") as file:
            return json.load(file)
    except OSError:
        return {}


def named(kind):
    """What the board file names, in the device's directory or on the board's own flash."""
    settings = told("board")
    try:
        if not settings:
            with open("board.json") as file:
                settings = json.load(file)
    except OSError:
        settings = {}
    return settings.get(kind) or {}


def sensor_on(number):
    """What the room of the sensor on a pin is like, or None."""
    for name, about in named("sensors").items():
        if about.get("pin") == number:
            return (told("sensor").get("sensors") or {}).get(name)
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


inputs = named("inputs")
switches = None  # what hangs on them; most boards have none, and less memory to spare
if inputs:
    from mock_gpio.lines import Switches

    switches = Switches(DIRECTORY, inputs)
