"""What a board must offer. The runner uses this and nothing else of it.

A port is any object with the methods of Port. A port may subclass it, to get
the parts that are the same everywhere.
"""

import gc

from ..core.errors import HardwareError
from ..rim import compat


class Port:
    """One board.

    ``settings`` is the content of its board file; ``directory`` is where the
    device keeps its files.
    """

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

    def free_memory(self):
        """Bytes of free heap, or None where that has no meaning."""
        return gc.mem_free() if hasattr(gc, "mem_free") else None


# What a device process ends with to be started again, as after a reset.
RESET_STATUS = 3
