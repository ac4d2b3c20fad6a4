"""The board as an application's handlers see it.

Handlers never touch hardware: what they ask for here becomes actions that the
rim performs, which is why they can be tested without any.
"""

from .errors import BadRequest
from .led import Led


class Board:
    """What handlers are given as their first argument.

    ``led`` is the LED. ``temperature`` (°C) and ``humidity`` (% relative) are the
    last good sample, or None when the last attempt failed: no value is made up.
    ``own_temperature`` (°C) is the board's, None where it has no such sensor;
    ``memory`` the bytes in use. ``utc`` is the time in seconds since 1970, or None
    while it is not known; ``information`` what the board file says of the board.
    """

    def __init__(self, show, report, say, information=None):
        self.led = Led(show)
        self.temperature = self.humidity = self.own_temperature = self.memory = None
        self.utc = None
        self.information = information or {}
        self.rebooting = False
        self._report = report
        self._say = say

    def take(self, reading):
        """Remember a reading; what it lacks is not known any more."""
        self.temperature = reading.get("temperature")
        self.humidity = reading.get("humidity")
        self.own_temperature = reading.get("ownTemperature")
        self.memory = reading.get("memory")

    def report(self, patch):
        """Write members of the reported properties; None deletes a member."""
        self._report(patch)

    def log(self, text):
        """Write a line to the device's log."""
        self._say("info", text)

    def reboot(self):
        """Restart the device once this handler has answered; refused while one is under way."""
        if self.rebooting:
            raise BadRequest("a reboot is already under way", 409)
        self.rebooting = True
