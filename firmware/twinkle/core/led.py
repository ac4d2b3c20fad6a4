"""The LED as the application sees it: on, off, dimmed, blinking.

It holds what the LED should show and says so when that changes; the rim's port
lights the real one.
"""

from .errors import BadRequest

SHORTEST_BLINK_S = 0.1
LONGEST_BLINK_S = 3600


class Led:
    """One LED. ``level`` is the light now, 0.0 to 1.0; ``dims``: whether it can show what lies between."""

    dims = True

    def __init__(self, show):
        self._show = show
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
            self._show(level)
