"""The Raspberry Pi, through gpiozero and adafruit_dht.

Board file: ``gpio`` names gpiozero's back-end: ``lgpio`` (every Pi) or ``rpigpio``
(Pi 1 to 4, through RPi.GPIO); ``led`` {"pin": GPIO number, "pwm": bool, "active"}, ``sensor``
{"model", "pin", "pulseio": bool}, ``console`` {"socket": path}, ``reset`` {"by": "systemd"}
to restart the computer, and not only this program, when somebody asks for a restart.
As a service: see systemd.py.
"""

import contextlib
import signal
import sys

from ..core.errors import HardwareError, SetupError
from .contract import RESET_STATUS
from .contract import Port as Contract
from .dht_facts import Rest, model_of, sample
from .socket_console import SocketConsole
from .systemd import Service

PACKAGES = {"rpigpio": "RPi.GPIO", "lgpio": "lgpio"}
FACTORIES = {"rpigpio": "RPiGPIOFactory", "lgpio": "LGPIOFactory"}
PWM_HZ = 100
PATIENCE_MS = 60000  # at the start, with pins that cannot be used yet
LOOK_MS = 1000
READ_S = 5  # longest wait for the sensor's library


class Port(Contract):
    """One Raspberry Pi."""

    def __init__(self, settings, directory, wifi=None):
        super().__init__(settings, directory, wifi)
        self.settings = settings
        self._led = self._sensor = None
        self._bytes = []  # that the sensor has sent
        self._rest = Rest()
        self._factory = self._patiently(self.pin_factory, settings.get("gpio"))
        if "led" in settings:
            self._led = self._patiently(self._open_led, settings["led"])
        if "sensor" in settings:
            self._model = model_of(settings["sensor"])
            self._load_sensor()
        self._console = SocketConsole(settings["console"]["socket"]) if "console" in settings else None
        self._service = Service(lambda: self.ticks(), lambda ms: self.sleep(ms))
        # Last: importing Blinka's pulseio sets a handler of its own, which ends with status 1.
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_):
        # systemd ends a service with SIGTERM: hub and pins are left in good order, and a restart that
        # somebody wants is no sign of a program that fails.
        self.forget_starts()
        sys.exit(0)

    # --- LED

    def _patiently(self, open_it, what):
        # The device file may not be there yet when the computer starts, or another program has the pin.
        end = self.ticks() + PATIENCE_MS
        while True:
            try:
                return open_it(what)
            except HardwareError:
                if self.ticks() >= end:
                    raise
            self.sleep(LOOK_MS)

    def pin_factory(self, name):
        """gpiozero's factory for the back-end that the board file names; there is no other to fall back to."""
        if name not in FACTORIES:
            known = " or ".join(FACTORIES)
            raise SetupError("the board file's gpio is %s" % name, "name the back-end: %s" % known)
        try:
            module = __import__("gpiozero.pins." + name, fromlist=["pins"])
            return getattr(module, FACTORIES[name])()
        except ImportError as error:
            missing = "gpiozero" if error.name == "gpiozero" else PACKAGES[name]
            raise SetupError(
                "the Python package %s is missing" % missing, "install it: pip install %s" % missing
            ) from None
        except RuntimeError as error:
            # gpiozero's PinUnknownPi is one, too.
            raise SetupError(
                "%s finds no Raspberry Pi here (%s)" % (PACKAGES[name], error),
                "check that this is the board of the board file",
            ) from None
        except Exception as error:
            # lgpio has an error of its own for a chip that is not there or not allowed.
            raise HardwareError(
                "GPIO cannot be used through %s (%s)" % (name, error),
                "check that /dev/gpiochip0 is there and that the user is in the group gpio",
            ) from None

    def _open_led(self, led):
        import gpiozero

        high = led.get("active") != "low"
        try:
            if led.get("pwm"):
                return gpiozero.PWMLED(
                    led["pin"], active_high=high, frequency=PWM_HZ, pin_factory=self._factory
                )
            return gpiozero.LED(led["pin"], active_high=high, pin_factory=self._factory)
        except gpiozero.GPIOZeroError as error:
            raise SetupError(
                "the LED's pin %s cannot be used (%s)" % (led["pin"], error), "check the board file"
            ) from None
        except Exception as error:
            raise HardwareError(
                "the LED's pin %s cannot be used now (%s)" % (led["pin"], error),
                "another program may have it (gpioinfo says which)",
            ) from None

    def led(self, level):
        """Light the LED; one without PWM is lit by every level above 0."""
        if self._led is None:
            super().led(level)
            return
        try:
            self._led.value = level if self.settings["led"].get("pwm") else int(level > 0)
        except Exception as error:
            raise HardwareError(
                "the LED on GPIO %s: %s" % (self.settings["led"]["pin"], said(error))
            ) from None

    # --- sensor

    def _load_sensor(self):
        try:
            import adafruit_dht
            import board
        except (ImportError, NotImplementedError, RuntimeError) as error:
            # Blinka makes a RuntimeError of the lack of a package that it does not declare.
            missing = error if isinstance(error, ImportError) else error.__cause__
            if isinstance(missing, ImportError):
                raise SetupError(
                    "the Python module %s is missing" % missing.name,
                    "install what adafruit-circuitpython-dht needs, and gpiod",
                ) from None
            raise SetupError("the DHT library does not know this computer (%s)" % error) from None
        pulseio = self.settings["sensor"].get("pulseio", False)
        if pulseio:
            try:
                import pulseio as _  # noqa: F401 (the driver leaves it out silently)
            except (ImportError, NotImplementedError) as error:
                raise SetupError(
                    "the sensor cannot be read through pulseio (%s)" % error,
                    "install libgpiod, or set the sensor's pulseio to false in the board file",
                ) from None
        pin = getattr(board, "D%s" % self.settings["sensor"]["pin"], None)
        if pin is None:
            raise SetupError(
                "the sensor's pin %s is none of this board" % self.settings["sensor"]["pin"],
                "use a GPIO number in the board file",
            )
        driver = getattr(adafruit_dht, self._model)
        if not hasattr(driver, "_pulses_to_binary"):
            raise SetupError("this adafruit-circuitpython-dht is not known", "install 4.0.12 of it")
        self._make_sensor = lambda: self._keep_bytes(driver(pin, use_pulseio=pulseio))

    def _keep_bytes(self, sensor):
        # Its own decoder keeps less of them than there is in them (adafruit_dht 4.0, measure()).
        decode = sensor._pulses_to_binary

        def keep(pulses, start, stop):
            self._bytes.append(decode(pulses, start, stop))
            return self._bytes[-1]

        sensor._pulses_to_binary = keep
        return sensor

    def read_sensor(self):
        """One sample through Adafruit's driver, or the last one if the sensor must still rest."""
        if "sensor" not in self.settings:
            return None, None
        return self._rest.sample(self.ticks, self._measure)

    def resting(self):
        """What is left of the sensor's rest."""
        return self._rest.left(self.ticks())

    def _measure(self):
        self._bytes, why = [], "no answer"
        try:
            # Without pulseio the driver takes the time itself, and no more than 400 ms.
            with limited(READ_S) if self.settings["sensor"].get("pulseio") else contextlib.nullcontext():
                # A new driver after each error: it keeps no half-read line, and no two seconds' silence.
                self._sensor = self._sensor or self._make_sensor()
                self._sensor.measure()
        except Exception as error:
            # RuntimeError is documented; OverflowError (a pulse of 65,536 us and more), IndexError (a pulse
            # that its helper has lost) and OSError come from below it. Whatever comes is a failed reading.
            self._release_sensor()
            why = said(error)
        # To the driver a humidity of over 100 % is an error, too, and the temperature beside it may be good.
        if len(self._bytes) < 5 or sum(self._bytes[:4]) & 255 != self._bytes[4]:
            raise HardwareError("the %s on GPIO %s: %s" % (self._model, self.settings["sensor"]["pin"], why))
        return sample(self._model, self._bytes)

    def _release_sensor(self):
        sensor, self._sensor = self._sensor, None
        if sensor is not None:
            _quietly(sensor.exit)

    def own_temperature(self):
        """The processor's, from the kernel's first thermal zone; None without one."""
        try:
            with open("/sys/class/thermal/thermal_zone0/temp") as file:
                return round(int(file.read()) / 1000, 1)
        except (OSError, ValueError):
            return None

    # --- the technician

    def typed(self):
        """From the socket."""
        return self._console.typed() if self._console else b""

    def show(self, data):
        """To the socket."""
        return self._console.show(data) if self._console else len(data)

    # --- the computer

    def unique_id(self):
        """The serial number in the device tree; None on another computer."""
        try:
            with open("/sys/firmware/devicetree/base/serial-number") as file:
                return file.read().rstrip("\0\n") or None
        except OSError:
            return None

    def count_start(self):
        """In the service's runtime directory; always 1 without one."""
        return self._service.count_start()

    def stuck(self):
        """As faulthandler has it in the service's runtime directory."""
        return self._service.stuck()

    def forget_starts(self):
        """Begin to count anew."""
        self._service.forget_starts()

    def ready(self):
        """Tell systemd."""
        self._service.ready()

    def feed(self):
        """Feed systemd's watchdog."""
        self._service.feed()

    def reset(self, reason, wanted=True):
        """Restart the computer through systemd, or the program alone, as the board file says.

        As a cure the program alone: other programs may run on this computer.
        """
        if not wanted or self.settings.get("reset", {}).get("by") != "systemd":
            sys.exit(RESET_STATUS)
        self._service.reboot()

    def close(self):
        """Release the LED's pin and the sensor's line, and close the console."""
        if self._console:
            self._console.close()
        self._release_sensor()
        if self._led is not None:
            _quietly(self._led.close)
        _quietly(self._factory.close)


@contextlib.contextmanager
def limited(seconds):
    """TimeoutError for what takes longer: Blinka's PulseIn waits for ever for a helper that has ended."""

    def end(*_):
        raise TimeoutError("no answer for %d s" % seconds)

    before = signal.signal(signal.SIGALRM, end)
    left = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *left)
        signal.signal(signal.SIGALRM, before)


def said(error):
    """What a library's error says, with its kind where that is not plain from the text."""
    return str(error) if isinstance(error, RuntimeError) else "%s (%s)" % (type(error).__name__, error)


def _quietly(close):
    # What cannot be let go of is let go of by the end of the process, or made anew.
    with contextlib.suppress(Exception):
        close()
