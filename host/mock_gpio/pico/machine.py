"""Stand-in for an RP2040's ``machine``, over the real one of MicroPython's Unix port.

``PinBase`` and ``Signal`` are MicroPython's own. The watchdog is the kernel's alarm
clock: a program that does not feed it is killed. ``reset`` ends the process at once,
with no clean-up, and whoever started it starts it again.
"""

import array
import json
import sys
import time

import bench
import ffi
import micropython
import utime
from umachine import *  # noqa: F403
from umachine import PinBase

PWRON_RESET, WDT_RESET = 1, 3
RESET_STATUS = 3  # what whoever started the process starts it again for
GPIOS = tuple(range(23)) + (26, 27, 28)  # noqa: RUF005 (MicroPython has no * here)


class _Registers:
    """The watchdog's scratch registers: they live until the power goes, which is when whoever runs it says so."""

    def __getitem__(self, address):
        return bench.told("scratch").get(str(address), 0)

    def __setitem__(self, address, value):
        registers = bench.told("scratch")
        registers[str(address)] = value
        bench.leave("scratch.json", json.dumps(registers))


mem32 = _Registers()
_libc = ffi.open("libc.so.6")
_setitimer = _libc.func("i", "setitimer", "iPP")
_exit = _libc.func("v", "_exit", "i")
_cause = bench.take("cause")


class RTC:
    """The clock (ports/rp2/machine_rtc.c): the day of the week and the last number are not looked at."""

    def datetime(self, now):
        """Set it."""
        year, month, day, _, hour, minute, second, _ = now
        # The Unix port's mktime() takes local time. The calendar's years, begun on 1 March.
        year, month = (year - 1, month + 12) if month < 3 else (year, month)
        days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719469
        time.set_clock(days * 86400 + hour * 3600 + minute * 60 + second)


class Pin(PinBase):
    """A GPIO, or the "LED" on the radio chip.

    The latter goes out with the chip's power, and what it is set to then reaches it only if that is something new: the
    chip is told nothing of what was set before (ports/rp2/machine_pin_cyw43.c, machine_pin_ext_set).
    """

    IN, OUT = 0, 1
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_FALLING, IRQ_RISING = 4, 8
    on_radio = []
    listening = {}  # by number: a pin with an interrupt

    def __init__(self, number, mode=-1, pull=-1, value=None):
        if number != "LED" and number not in GPIOS:
            raise ValueError("invalid pin")
        self.number = number
        self._level = None
        if number == "LED":
            self.on_radio.append(self)
        self._handler = None
        if mode != -1:
            self.init(mode, pull, value)

    def init(self, mode, pull=-1, value=None):
        """Make it an input, or an output that begins with this level; it is connected to nothing else then."""
        PWM.disconnect(self.number)
        if mode == self.IN:
            self._level = bench.told("inputs").get(str(self.number), 1 if pull == self.PULL_UP else 0)
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Read or set the level."""
        if level is None:
            if self.number in self.listening and not in_interrupt:
                run_interrupts()
            return self._level or 0
        level = 1 if level else 0
        if self.number != "LED" or level != self._level:
            bench.record(self.number, level)
        self._level = level
        return None

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, hard=False):
        """Call ``handler(pin)`` at an edge (ports/rp2/machine_pin.c): hard, it runs at once and may not allocate.

        What such a handler raises is printed, and it is called no more (shared/runtime/mpirq.c).
        """
        if self.number == "LED":
            raise ValueError("expecting a regular GPIO Pin")
        self._handler, self._hard = handler, hard
        if handler is None:
            self.listening.pop(self.number, None)
        else:
            self.listening[self.number] = self

    def edge(self, level):
        """The line goes to this level."""
        global in_interrupt
        if level == self._level:
            return
        self._level = level
        in_interrupt = True
        try:
            if self._hard:
                micropython.heap_lock()
            self._handler(self)
        except Exception as error:
            self._handler = None
            sys.print_exception(error)
        finally:
            if self._hard:
                micropython.heap_unlock()
            in_interrupt = False

    @classmethod
    def power_off_radio(cls):
        """What hangs on it is dark."""
        for pin in cls.on_radio:
            bench.record(pin.number, 0)


class PWM:
    """Pulse-width modulation of a GPIO (ports/rp2/machine_pwm.c).

    There are 16 channels for 30 pins, so that a pin and the one 16 above have the same duty, and two in a slice,
    which have the same frequency. A duty counts from the next period on (RP2040 data sheet, 4.5.2.3), and deinit()
    stops a slice wherever it is: here the one that was set last has not come to count then, and the pin was high.
    A soft reset stops all slices in the same way (ports/rp2/main.c). What disconnects a pin is its own init().
    """

    _pins = {}  # by channel: the numbers of the pins that it drives
    _duties = {}  # by channel: the last two
    frequencies = {}  # by slice

    def __init__(self, pin):
        if pin.number == "LED":
            raise ValueError("expecting a regular GPIO Pin")
        self._channel = pin.number % 16
        self._pins.setdefault(self._channel, set()).add(pin.number)
        self._duties[self._channel] = 0, 0

    @classmethod
    def disconnect(cls, number):
        """The pin has another use."""
        if number != "LED":
            cls._pins.get(number % 16, set()).discard(number)

    def freq(self, hertz):
        """The frequency, at 125 MHz: a divider below 256, and 65,535 steps or fewer."""
        if hertz < 8:
            raise ValueError("freq too small")
        if hertz > 125000000:
            raise ValueError("freq too large")
        self.frequencies[self._channel // 2] = hertz

    def duty_u16(self, duty):
        """The share of the time it is high, in 65536ths."""
        self._duties[self._channel] = self._duties[self._channel][1], duty
        for number in sorted(self._pins[self._channel]):
            bench.record(number, round(duty / 65535, 3))

    def deinit(self):
        """Stop the slice; the pins of both its channels keep the level they have."""
        first = self._channel & ~1
        for channel in (first, first + 1):
            for number in sorted(self._pins.get(channel, ())):
                bench.record(number, 1 if any(self._duties[channel]) else 0)


class ADC:
    """The converter's temperature channel."""

    CORE_TEMP = 4

    def __init__(self, channel):
        if channel != self.CORE_TEMP:
            raise ValueError("invalid channel")

    def read_u16(self):
        """The voltage, 65535 for 3.3 V."""
        warm = bench.told("sensor").get("ownTemperature", 27.0)
        return round((0.706 - (warm - 27) * 0.001721) / 3.3 * 65535)


class WDT:
    """Kills the process unless it is fed in time."""

    def __init__(self, id=0, timeout=5000):
        if not 1 <= timeout <= 8388:
            raise ValueError("timeout exceeds 8388")
        self._timeout = timeout
        bench.leave("cause", "watchdog")
        self.feed()

    def feed(self):
        """Wind it up again; or end, when that was asked for."""
        if bench.take("stop") is not None:
            _alarm(0)
            bench.take("cause")
            raise SystemExit(0)
        _alarm(self._timeout)


class Timer:
    """Calls back every ``period`` milliseconds, as far as somebody lets it: see run_timers()."""

    running = []

    def __init__(self, id=-1, period=1000, callback=None):
        # timers.json {"times": how many times as fast as they should they are}
        self._period, self._callback = period // bench.told("timers").get("times", 1), callback
        self._due = utime.ticks_add(utime.ticks_ms(), period)
        self.running.append(self)

    def deinit(self):
        """Stop."""
        if self in self.running:
            self.running.remove(self)

    def tick(self):
        """Call back if it is time."""
        if utime.ticks_diff(utime.ticks_ms(), self._due) >= 0:
            self._due = utime.ticks_add(self._due, self._period)
            self._callback(self)


in_interrupt = False


def run_interrupts():
    """What has happened on the pins since the last time, at one moment: on a busy computer no switch bounces longer."""
    time.moment = utime.ticks_ms()
    try:
        for name, level in bench.switches.news() if bench.switches else ():
            number = bench.inputs[name]["pin"]
            if number in Pin.listening:
                Pin.listening[number].edge(level)
    finally:
        time.moment = None


def run_timers():
    """What MicroPython does while it waits for the network."""
    run_interrupts()
    for timer in tuple(Timer.running):
        timer.tick()


def _alarm(ms):
    # struct itimerval: the interval, then the time until the signal that ends the process.
    timer = array.array("l", (0, 0, ms // 1000, ms % 1000 * 1000))
    if _setitimer(0, timer, None):
        raise OSError("no alarm clock")


def reset():
    """Restart the board, at once."""
    bench.leave("cause", "reset")
    _exit(RESET_STATUS)


def reset_cause():
    """An RP2040 resets through its watchdog."""
    return PWRON_RESET if _cause is None else WDT_RESET


def unique_id():
    """The flash chip's serial number."""
    return b"\xe6\x61\x64\x08\x43\x1f\x2a\x2b"
