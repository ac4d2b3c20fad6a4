"""What is wired to a simulated board besides its LED and its sensor, on both interpreters.

A test or a technician says in files of the device's directory what it is like:

inputs.json   {name of an input: active}; or a list of such, which the line goes through as a switch that bounces does.
              An input that is not there is not active
sensor.json   the room of a sensor with a name is the member of that name in "sensors"; see mock_gpio.sensor
"""

import json


def told(directory, name):
    """The content of ``name.json``, or an empty dict; also while it is written."""
    try:
        with open(directory + "/" + name + ".json") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def room_of(directory, name):
    """What a sensor with a name is in, or None."""
    return (told(directory, "sensor").get("sensors") or {}).get(name)


def is_low(about):
    """Whether an input, as its board file has it, is active while its line is low."""
    return about.get("active", "low" if about.get("pull", "up") == "up" else "high") == "low"


class Switches:
    """The lines of ``inputs``, a board file's member."""

    def __init__(self, directory, inputs):
        self._directory = directory
        self._low = {name: is_low(inputs[name]) for name in inputs}
        self._seen = dict.fromkeys(self._low, False)

    def idle(self, name):
        """The level of a line that nobody touches."""
        return int(self._low[name])

    def news(self):
        """``(name, level)`` of what the lines have done since the last call, oldest first."""
        asked = told(self._directory, "inputs")
        found = []
        for name in self._low:
            wanted = asked.get(name, False)
            if wanted != self._seen[name]:
                self._seen[name] = wanted
                steps = wanted if isinstance(wanted, list) else [wanted]
                found += [(name, int(bool(step) != self._low[name])) for step in steps]
        return found
