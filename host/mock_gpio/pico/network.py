"""Stand-in for MicroPython's ``network`` on a Pico W: one station, told by ``air.json``."""

import bench
import utime

STA_IF, AP_IF = 0, 1
JOIN_MS = 100
DOWN, JOINING, GOT_IP, FAILED, NOT_THERE, WRONG_PASSWORD = 0, 1, 3, -1, -2, -3

station = None


def country(code):
    """Two letters, or ValueError."""
    if len(code) != 2:
        raise ValueError
    return code


def hostname(name):
    """The name the board gives itself."""
    return name


class WLAN:
    """The station."""

    PM_NONE = 0
    IF_STA, IF_AP = STA_IF, AP_IF

    def __init__(self, interface):
        global station
        station = self
        self._active = False
        self._since = None

    def active(self, on=None):
        """Power the radio up or down."""
        if on is None:
            return self._active
        self._active = on
        if not on:
            self._since = None
        return None

    def config(self, **settings):
        """Power management, which must be off."""
        if settings != {"pm": self.PM_NONE}:
            raise ValueError("unknown config param")

    def connect(self, ssid, password):
        """Begin to join."""
        if not self._active:
            raise OSError(1)
        self._since = utime.ticks_ms()

    def disconnect(self):
        """Leave."""
        self._since = None

    def scan(self):
        """What is in reach."""
        if not self._active:
            raise OSError(1)
        heard = bench.told("air").get("networks", [["home", -55], ["", -60], ["next door", -80]])
        return [(name.encode(), b"\0" * 6, 1, signal, 5, 0) for name, signal in heard]

    def status(self, what=None):
        """The driver's status code, or the signal's strength."""
        if what == "rssi":
            return -55
        air = bench.wifi()
        if self._since is None:
            return DOWN
        if utime.ticks_diff(utime.ticks_ms(), self._since) < JOIN_MS:
            return JOINING
        return {"gone": NOT_THERE, "refused": WRONG_PASSWORD}.get(air, GOT_IP)

    def isconnected(self):
        """What the driver believes."""
        return self.status() == GOT_IP


def passes():
    """Whether packets pass at this moment."""
    return station is not None and station.isconnected() and bench.wifi() == "there"
