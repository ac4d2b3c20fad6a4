"""Stand-in for MicroPython's ``network`` on a Pico W: one station, see ``mock_gpio.radio``; ``air.json`` tells it."""

import bench
import machine
import utime

from mock_gpio.radio import Radio

STA_IF, AP_IF = Radio.STA_IF, Radio.AP_IF
HASTE = 20  # it blocks that much shorter than a real one
LONGEST_NAME = 32  # MICROPY_PY_NETWORK_HOSTNAME_MAX_LEN (extmod/modnetwork.h)

station = None


def country(code):
    """Two letters, or ValueError (extmod/modnetwork.c)."""
    if len(code) != 2:
        raise ValueError
    return code


def hostname(name):
    """The name the board gives itself, or ValueError."""
    if len(name) > LONGEST_NAME:
        raise ValueError
    return name


class WLAN(Radio):
    """The station."""

    def __init__(self, interface):
        global station
        station = self
        super().__init__(utime.ticks_ms, _wait, lambda: bench.told("air"))

    def deinit(self):
        """Take the chip's power, on which an LED hangs."""
        super().deinit()
        machine.Pin.power_off_radio()


def _wait(ms):
    # MicroPython runs timers where it waits for a scan; here they may run in any wait.
    utime.sleep_ms(ms // HASTE)


def passes():
    """Whether packets pass at this moment."""
    return station is not None and station.passes()
