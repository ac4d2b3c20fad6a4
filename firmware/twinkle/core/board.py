"""The board as an application's handlers see it: LED, readings, restart.

Handlers never touch hardware: what they ask for here becomes actions that the runtime
performs, which is why they can be tested without any.
"""

from . import actions
from .errors import BadRequest

SHORTEST_BLINK_S = 0.1
LONGEST_BLINK_S = 3600


class Led:
    """One LED. ``level`` is the light now, 0.0 to 1.0; ``dims``: whether it can show what lies between."""

    dims = True

    def __init__(self, context):
        self._context = context
        self.level = 0.0
        self.brightness = 1.0
        self.period = None
        self._due = None

    def on(self):
        """Light it, at the set brightness."""
        self.period = self._due = None
        self._light(self.brightness)

    def off(self):
        """Put it out."""
        self.period = self._due = None
        self._light(0.0)

    def dim(self, brightness):
        """Set the brightness (0.0 to 1.0) used whenever it is lit, now included.

        BadRequest for one that this LED cannot show.
        """
        brightness = min(1.0, max(0.0, brightness))
        if 0 < brightness < 1 and not self.dims:
            raise BadRequest("this LED cannot be dimmed")
        self.brightness = brightness
        if self.level:
            self._light(self.brightness)

    def blink(self, period):
        """Blink: half of ``period`` (seconds) lit, half dark, until on() or off()."""
        if isinstance(period, bool) or not isinstance(period, (int, float)):
            raise BadRequest("the blink interval must be a number of seconds")
        if not SHORTEST_BLINK_S <= period <= LONGEST_BLINK_S:
            raise BadRequest(
                "the blink interval must be %s to %d seconds" % (SHORTEST_BLINK_S, LONGEST_BLINK_S)
            )
        self.period = period
        self._due = None
        self._light(self.brightness)

    def step(self, now):
        """Blink on, if it is time."""
        if self.period is None:
            return
        if self._due is None:
            self._due = now + int(self.period * 500)
        elif self._due <= now:
            self._light(0.0 if self.level else self.brightness)
            # From the due time, not from now: a late step must not slow the blinking
            # down. After a long stall the missed blinks are left out.
            self._due = max(self._due + int(self.period * 500), now)

    def due(self):
        """When the next blink is due (milliseconds), or None."""
        return self._due

    def _light(self, level):
        if level != self.level:
            self.level = level
            self._context.act(actions.led(level))


class Board:
    """What handlers are given as their first argument.

    ``led`` is the LED. ``temperature`` (°C) and ``humidity`` (% relative) are the
    last good sample, or None when the last attempt failed: no value is made up.
    ``own_temperature`` (°C) is the board's, None where it has no such sensor;
    ``memory`` the bytes in use. ``utc`` is the time in seconds since 1970, or None
    while it is not known; ``information`` what the board file says of the board.
    """

    def __init__(self, context, information=None):
        self.led = Led(context)
        self.temperature = self.humidity = self.own_temperature = self.memory = None
        self.information = information or {}
        self.rebooting = False
        self._context = context

    @property
    def utc(self):
        """Seconds since 1970, UTC, or None while the time is not known."""
        return self._context.utc

    def take(self, reading):
        """Remember a reading; what it lacks is not known any more."""
        self.temperature = reading.get("temperature")
        self.humidity = reading.get("humidity")
        self.own_temperature = reading.get("ownTemperature")
        self.memory = reading.get("memory")

    def report(self, patch):
        """Write members of the reported properties; None deletes a member."""
        self._context.report("app", patch)

    def log(self, text):
        """Write a line to the device's log."""
        self._context.say("info", str(text))

    def reboot(self):
        """Restart the device once this handler has answered; refused while one is under way."""
        if self.rebooting:
            raise BadRequest("a reboot is already under way", 409)
        self.rebooting = True
