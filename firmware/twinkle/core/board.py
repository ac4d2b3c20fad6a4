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
    """

    def __init__(self, show, report, say):
        self.led = Led(show)
        self.temperature = None
        self.humidity = None
        self.sensor_errors = 0
        self.rebooting = False
        self._report = report
        self._say = say

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
