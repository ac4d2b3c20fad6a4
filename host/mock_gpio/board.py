"""A board in a test: what can be done to it, and what can be asked of it, in the same words at all three depths.

The fixtures ``mock_board``, ``raspberry_pi`` and ``pico_w`` make one; see the module ``fixtures``. The depths differ
in what is real. Time is only a number at the first two; a Pico W is a process, whose seconds are seconds.
HubError is ``twinkle_host.hub.core.errors.HubError``.
"""

import logging
import re

ROOM = ("temperature", "humidity", "fault", "lag")  # a Board's words for what its sensor is in
LOGGED = re.compile(r"\d+\.\d+ (debug|info|warning|error) (.*)")  # a line of a device's log
LOGGER = logging.getLogger("twinkle")  # its children are named after devices
LOGGER.addHandler(logging.NullHandler())  # a library's: who does not ask sees nothing


class History(list):
    """What an output has shown: ``(seconds, level)``, oldest first; 0.0 is off and 1.0 is on."""

    @property
    def levels(self):
        """The levels alone."""
        return [level for _, level in self]

    def assert_levels(self, *expected):
        """The levels, in their order."""
        assert tuple(self.levels) == expected, f"it showed {tuple(self.levels)}"

    def assert_levels_and_times(self, *expected):
        """``(seconds since the first change, level)``, exact to a millisecond; where time is only a number."""
        shown = tuple((round(seconds - self[0][0], 3), level) for seconds, level in self)
        assert shown == expected, f"it showed {shown}"


class Told(dict):
    """What a test says of parts with names: ``told[name] = …``. ``heard(name)`` is called then.

    KeyError, with the names that there are, for one that the board file has not.
    """

    def __init__(self, kind, at_first, heard=lambda name: None):
        super().__init__(at_first)
        self._kind, self._heard = kind, heard

    def __setitem__(self, name, value):
        if name not in self:
            raise KeyError(
                f"the board file has no {self._kind} {name}; there are: {', '.join(self) or 'none'}"
            )
        super().__setitem__(name, value)
        self._heard(name)


class Board:
    """A board with an application on it and a hub that it is connected to.

    ``temperature`` (°C) and ``humidity`` (%) are the room's, 21.5 and 40 at first; what a sensor cannot measure is
    refused by the device, not here. ``fault`` is the sensor's: None, "absent", "bit", "cut", "stale", "late" or
    "zeros"; ``lag``: seconds in which it feels 63 % of a change (see the module ``sensor``).

    ``outputs`` are what the board has switched, a History for each by its name; the LED's is ``"led"``.
    ``inputs["door"] = True`` makes an input of the board file active, and ``False`` lets go of it. A sensor with a name
    is in the same room, but for what ``rooms["attic"] = {"temperature": 33.5}`` says; ``fault`` and ``lag`` may stand
    there, too.
    ``restarts``: how often the device has restarted itself since it has had power.
    """

    temperature, humidity, fault, lag = 21.5, 40.0, None, 0
    restarts = 0

    # --- the service's part

    def desired(self, patch):
        """Change the desired properties by this dict; None as a value removes a member (a merge patch, RFC 7396).

        HubError when the hub refuses it.
        """
        raise NotImplementedError

    @property
    def reported(self):
        """The reported properties, without the hub's own members ($version and $metadata)."""
        raise NotImplementedError

    def call(self, name, payload=None):
        """Call a direct method: a result with ``status`` and ``payload``.

        HubError when the device is not there, or has not answered within 30 seconds.
        """
        raise NotImplementedError

    @property
    def telemetry(self):
        """The bodies of the messages that the hub has got from it so far, oldest first."""
        raise NotImplementedError

    # --- what is seen of it

    @property
    def outputs(self):
        """What has been shown, by name: ``board.outputs["led"].levels``."""
        raise NotImplementedError

    @property
    def inputs(self):
        """Which inputs are active, by name."""
        raise NotImplementedError

    @property
    def rooms(self):
        """What is different around sensors with names, by name."""
        raise NotImplementedError

    def _room(self, sensor=None):
        if sensor is None:
            return {name: getattr(self, name) for name in ROOM}
        return {"temperature": self.temperature, "humidity": self.humidity, **self.rooms[sensor]}

    @property
    def log(self):
        """The lines of its log so far: seconds since it started, level, text. pytest has them, too, as captured log."""
        raise NotImplementedError

    # --- what happens to it

    def run(self, seconds=1.0):
        """Let so many seconds pass."""
        raise NotImplementedError

    def until(self, condition, limit=60.0):
        """Let time pass until ``condition()`` holds. AssertionError, with the log, when it does not within ``limit``
        seconds (a Pico W gets more: it is a process on a computer that may be busy)."""
        raise NotImplementedError

    def unplug(self):
        """Take the network away."""
        raise NotImplementedError

    def plug(self):
        """Give the network back."""
        raise NotImplementedError

    def power_off(self):
        """Cut the power: nothing is said to anybody. What is on its flash stays."""
        raise NotImplementedError

    def power_on(self):
        """Start it, with what is on its flash and a fresh application."""
        raise NotImplementedError


def note(device_id, line):
    """Pass a line of a device's log on to ``logging``; what is none, such as a traceback, as a warning."""
    found = LOGGED.fullmatch(line)
    level = found[1].upper() if found else "WARNING"
    LOGGER.getChild(device_id).log(getattr(logging, level), "%s", line)
