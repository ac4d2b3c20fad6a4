"""The Raspberry Pi Pico W, through MicroPython's own modules.

Board file: ``led`` {"pin": "LED" or a number, "pwm": bool, "active": "high" or
"low"}, ``sensor`` {"model", "pin"}, ``hold`` {"pin"} (connected to ground at the
start: no program), ``wifi`` {"country", "hostname"}, ``clock`` {"server"},
``watchdog`` (milliseconds). The LED on the board hangs on the radio chip and cannot
be dimmed.
"""

import binascii
import select
import sys
import time

import dht
import machine
import micropython
import network
import ntptime

from ..core.errors import HardwareError
from .contract import Port as Contract
from .dht_facts import Rest, model_of, sample
from .wifi import Wifi

PWM_HZ = 1000
LONGEST_BURST = 1024  # characters taken in one turn
PIECE = 64  # bytes: USB's transmit buffer takes that many at once, and blocks for what it does not
NTP_S = 1  # longest wait for an answer
NTP_RETRY_MS = 15000
SPARED = 7  # times as long as a try took: until the next, since nothing goes on meanwhile
NTP_UNSURE_MS = 600000  # a hub that is not reached may be a clock that is wrong
NTP_AGAIN_MS = 86400000  # the crystal drifts by two or three seconds a day
UTC_BEGINS = 1704067200  # 2024-01-01: utc() takes an earlier time for none
# What ntptime makes of the time 0, which comes with a kiss-o'-death, and of others that cannot be (RFC 5905).
NTP_ERA = 2085978496
MONTH_S = 2592000  # a clock with which the hub's certificate is good is not wrong by more
LONGEST_WATCHDOG_MS = 8388  # of the RP2040; cannot be stopped once it runs
# For what blocks. lwIP asks each of two name servers four times, with longer and longer waits: 14 seconds in all.
LIMIT_S = 30
# A register of the watchdog that survives its resets and is zero at power-up (RP2040 data sheet,
# 4.7.6). The boot ROM uses the upper four, nobody this one and the three after it.
SCRATCH = 0x4005800C
COUNTS = 0x7457696E  # what is added to the number of starts, so that rubbish is none


def measuring(about):
    """A function that takes one sample of a board file's DHT sensor, through MicroPython's driver."""
    model, pin = model_of(about), about["pin"]
    driver = getattr(dht, model)(machine.Pin(pin))

    def measure():
        try:
            driver.measure()
        except Exception as error:
            # The driver raises a plain Exception for a wrong checksum, and for nothing else.
            text = "does not answer" if isinstance(error, OSError) else "sent a wrong checksum"
            raise HardwareError("the %s on pin %s %s" % (model, pin, text), "check its wiring") from None
        return sample(model, driver.buf)

    return measure


class Port(Contract):
    """One Pico W."""

    log_on_console = True

    def __init__(self, settings, directory, wifi=None):
        super().__init__(settings, directory, wifi)
        own, led = settings.get("wifi", {}), settings.get("led") or {}
        powered = self._powered if led.get("pin") == "LED" else self.feed
        self._wifi = Wifi(network, powered, own.get("country"), own.get("hostname"))
        self._unanswered = self._clock_due = 0  # look-ups of the time server in a row; when to ask it
        if wifi and wifi["ssid"]:
            self.join(wifi["ssid"], wifi["password"])
        self._led = self._pwm = self._watchdog = None
        self._shown = 0  # the level of an LED that hangs on the radio, and goes out with it
        self._lit = led.get("active") != "low"
        if led:
            self._led = machine.Pin(led["pin"], machine.Pin.OUT)
            if led.get("pwm"):
                self._pwm = machine.PWM(self._led)
                self._pwm.freq(PWM_HZ)
            self.led(0.0)
        self._measure = "sensor" in settings and measuring(settings["sensor"])
        self._rest = Rest()
        self._watchdog_ms = settings.get("watchdog")
        ntptime.host = settings.get("clock", {}).get("server") or ntptime.host
        ntptime.timeout = NTP_S
        self._keys = select.poll()
        self._keys.register(sys.stdin, select.POLLIN)
        self._screen = select.poll()
        self._screen.register(sys.stdout, select.POLLOUT)

    def led(self, level):
        """Light the LED; one without PWM is lit by every level above 0."""
        if not self._led:
            super().led(level)
        elif self._pwm:
            duty = level if self._lit else 1.0 - level
            self._pwm.duty_u16(int(duty * 65535))
        else:
            self._shown = bool(level) == self._lit
            self._led.value(self._shown)

    def _powered(self):
        self.feed()
        if self._shown:
            self._led.value(0)  # type: ignore[union-attr]  # what it is set to already does not reach the chip
            self._led.value(1)  # type: ignore[union-attr]

    def read_sensor(self):
        """One sample through MicroPython's dht driver, or the last one if the sensor must still rest."""
        return self._rest.sample(self.ticks, self._measure) if self._measure else (None, None)

    def resting(self):
        """What is left of the sensor's rest."""
        return self._rest.left(self.ticks())

    def own_temperature(self):
        """The RP2040's own sensor (data sheet, 4.9.5)."""
        volts = machine.ADC(machine.ADC.CORE_TEMP).read_u16() * 3.3 / 65535
        return round(27 - (volts - 0.706) / 0.001721, 1)

    def network(self, unanswered):
        """Look after Wi-Fi and clock."""
        now = self.ticks()
        missing = self._wifi.step(now, max(unanswered, self._unanswered))
        if missing:
            self._unanswered = 0
            return missing
        if now >= self._clock_due:
            self._no_time = self._set_clock(UTC_BEGINS, NTP_ERA)
            if self._no_time and self.utc() is None:
                # Without the time the hub is not tried, so a radio that is deaf shows here: by OSError(-2), which
                # is a look-up's whatever the cause (MicroPython, modlwip.c).
                self._unanswered = self._unanswered + 1 if "(-2)" in self._no_time else 0
        return None if self.utc() else self._no_time

    def keep_time(self):
        """Ask again once a day. The hub has taken the clock for right, so it is not wrong by much."""
        utc = self.utc()
        if self.ticks() >= self._clock_due + NTP_AGAIN_MS:
            return self._set_clock(utc - MONTH_S, utc + MONTH_S)
        return None

    def _set_clock(self, earliest, latest):
        # Why it could not be set, as a text.
        begun = self.ticks()
        try:
            seconds = self.limited(ntptime.time)
            if not earliest < seconds < latest:
                raise ValueError(seconds)
            now = time.gmtime(seconds)
            machine.RTC().datetime(now[:3] + (0,) + now[3:6] + (0,))  # the day of the week does not matter
        except Exception as error:
            # OSError from the socket, others from what is no answer. The time that is set stays.
            return "no time from %s (%s)" % (ntptime.host, error)
        finally:
            now = self.ticks()
            wait = NTP_UNSURE_MS if self.utc() else max(NTP_RETRY_MS, SPARED * (now - begun))
            self._clock_due = now + wait

    def look_up(self, host, port):
        """With a budget of its own: without a name server it takes longer than the watchdog waits."""
        return self.limited(super().look_up, host, port)

    def limited(self, function, *arguments):
        """A timer feeds the watchdog meanwhile, but not for ever, and stands for one that does not run yet."""
        left = LIMIT_S

        def feed(timer):
            nonlocal left
            left -= 1
            if left > 0:
                self.feed()
            elif not self._watchdog:
                machine.reset()

        timer = machine.Timer(-1, period=1000, callback=feed)
        self.enter(arguments and arguments[0])
        try:
            return function(*arguments)
        finally:
            timer.deinit()
            self.enter(None)
            self.feed()

    def join(self, ssid, password, wait=None):
        """Leave the network, if any, and join this one."""
        self._clock_due = 0  # it may have another name server
        self._wifi.join(ssid, password, self.ticks, wait)

    def scan(self):
        """What the radio hears."""
        return self.limited(self._wifi.scan)

    def signal(self):
        """What the radio says."""
        return self._wifi.signal()

    def typed(self):
        """From USB serial."""
        found = bytearray()
        while len(found) < LONGEST_BURST and self._keys.poll(0):
            byte = sys.stdin.buffer.read(1)
            if not byte:
                self._keys.unregister(sys.stdin)  # nobody can type any more
                break
            found.extend(byte)
        return found

    def show(self, data):
        """To USB serial."""
        if not self._screen.poll(0):
            return 0
        return sys.stdout.buffer.write(data[:PIECE])

    def hold(self):
        """Leave a file that boot() finds."""
        try:
            open(self.directory + "/hold", "w").close()
        except OSError as error:
            raise HardwareError("flash: %s" % error, "is it full?") from None

    @staticmethod
    def held(settings):
        """Whether the board file's hold pin is connected to ground."""
        pin = settings.get("hold", {}).get("pin")
        return pin is not None and not machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP).value()

    def unique_id(self):
        """The flash chip's serial number."""
        return binascii.hexlify(machine.unique_id()).decode()

    def count_start(self):
        """In a register that the watchdog leaves alone."""
        starts = machine.mem32[SCRATCH] - COUNTS
        starts = starts + 1 if 0 <= starts < 1000 else 1
        machine.mem32[SCRATCH] = COUNTS + starts
        return starts

    def forget_starts(self):
        """Begin to count anew."""
        machine.mem32[SCRATCH] = COUNTS

    def enter(self, handler):
        """In the registers beside that one: three of them, for twelve letters of the name."""
        letters = int.from_bytes((handler or "").rpartition(" ")[2].encode(), "little")
        for at in (4, 8, 12):
            machine.mem32[SCRATCH + at] = letters & 0xFFFFFFFF
            letters >>= 32

    def stuck(self):
        """What is left in them; they are zero at power-up."""
        found = b""
        for at in (4, 8, 12):
            found += machine.mem32[SCRATCH + at].to_bytes(4, "little")
        self.enter(None)
        return repr(found.rstrip(b"\0"))[2:-1]  # the last letter may be half of one

    def started_by(self):
        """Power, or the watchdog, which a wanted reset uses too."""
        return "power" if machine.reset_cause() == machine.PWRON_RESET else "a reset or the watchdog"

    def ready(self):
        """From now on the watchdog waits to be fed, and Ctrl-C is a key like others."""
        micropython.kbd_intr(-1)
        if self._watchdog_ms:
            self._watchdog = machine.WDT(timeout=min(self._watchdog_ms, LONGEST_WATCHDOG_MS))
            self.longest_wait = min(self.longest_wait, self._watchdog_ms // 3)

    def feed(self):
        """Feed it."""
        if self._watchdog:
            self._watchdog.feed()

    def reset(self, reason, wanted=True):
        """Restart the board."""
        machine.reset()

    def close(self):
        """Put out what is lit, and let Ctrl-C interrupt again."""
        micropython.kbd_intr(3)
        if self.wiring:
            self.wiring.close()  # type: ignore[unreachable]
        if self._led:
            # By the pin itself: PWM that ends leaves what it showed at that moment.
            self._led.init(machine.Pin.OUT, value=1 - self._lit)
