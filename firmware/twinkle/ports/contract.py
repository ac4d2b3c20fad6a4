"""What a board must offer. The runner uses this and nothing else of it.

A port is any object with the methods of Port. A port may subclass it, to get
the parts that are the same everywhere.
"""

from ..core.errors import HardwareError
from ..rim import compat


class Port:
    """One board.

    ``settings`` is the content of its board file; ``directory`` is where the
    device keeps its files. ``longest_wait`` is how many milliseconds the loop may go
    without calling feed().
    """

    longest_wait = 1000

    def __init__(self, settings, directory):
        self.settings = settings
        self.directory = directory
        self._ticks = compat.Ticks()

    def ticks(self):
        """Milliseconds since the port was made; never wraps, never goes back."""
        return self._ticks.now()

    def utc(self):
        """Seconds since 1970, UTC, or None while the time is not known."""
        return compat.utc()

    def random(self):
        """A number from 0.0 up to 1.0."""
        return compat.random()

    def led(self, level):
        """Show ``level``, 0.0 (dark) to 1.0. Returns at once."""
        raise HardwareError("this board has no LED")

    def read_sensor(self):
        """``(temperature in °C, relative humidity in %)`` of one new sample.

        Blocks 300 ms at most. Raises HardwareError when the sensor did not answer or
        its checksum was wrong. ``(None, None)`` on a board without a sensor.
        """
        return None, None

    def sleep(self, ms):
        """Wait ``ms`` milliseconds while there is no connection to listen to."""
        compat.sleep(ms)

    def feed(self):
        """Tell the watchdog that there was progress."""

    def reset(self, reason):
        """Restart the device. Does not return."""
        raise SystemExit(RESET_STATUS)

    def own_temperature(self):
        """The board's own temperature in °C, or None where it has no such sensor."""
        return

    def memory(self):
        """Bytes of memory the program uses."""
        return compat.memory()


# What a device process ends with to be started again, as after a reset.
RESET_STATUS = 3
