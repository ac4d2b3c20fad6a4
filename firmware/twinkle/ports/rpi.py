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
from .adafruit import Dht, said
from .contract import RESET_STATUS
from .contract import Port as Contract
from .socket_console import SocketConsole
from .systemd import Service

PACKAGES = {"rpigpio": "RPi.GPIO", "lgpio": "lgpio"}
FACTORIES = {"rpigpio": "RPiGPIOFactory", "lgpio": "LGPIOFactory"}
PWM_HZ = 100
PATIENCE_MS = 60000  # at the start, with pins that cannot be used yet
LOOK_MS = 1000


class Port(Contract):
    """One Raspberry Pi."""

    def __init__(self, settings, directory, wifi=None):
        super().__init__(settings, directory, wifi)
        self.settings = settings
        self._led = None
        self.gpio = self.patiently(self.pin_factory, settings.get("gpio"))
        if "led" in settings:
            self._led = self.patiently(self.open_output, "the LED's", settings["led"])
        self._sensor = Dht(settings["sensor"]) if "sensor" in settings else None
        self._console = SocketConsole(settings["console"]["socket"]) if "console" in settings else None
        self._service = Service(lambda: self.ticks(), lambda ms: self.sleep(ms))
        self.mind_sigterm()

    def mind_sigterm(self):
        """End in good order by it. To be called after Blinka's pulseio is imported, which sets a handler of its own."""
        signal.signal(signal.SIGTERM, self._end)

    def _end(self, *_):
        # systemd ends a service with SIGTERM: hub and pins are left in good order, and a restart that
        # somebody wants is no sign of a program that fails. It ends as by Ctrl-C, also where it is an
        # application's handler that is interrupted, whose SystemExit would be its mistake.
        self.forget_starts()
        raise KeyboardInterrupt

    # --- LED

    def patiently(self, open_it, *arguments):
        """Open what cannot be used yet, perhaps: for a minute in all.

        The device file may not be there when the computer starts, or another program has the pin.
        """
        end = self.ticks() + PATIENCE_MS
        while True:
            try:
                return open_it(*arguments)
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

    def open_output(self, whose, about):
        """gpiozero's device for a pin that is driven; it is off. ``about`` is as a board file's ``led``."""
        import gpiozero

        pin, own = about["pin"], {"active_high": about.get("active") != "low", "pin_factory": self.gpio}
        with refused(whose, pin):
            if about.get("pwm"):
                return gpiozero.PWMOutputDevice(pin, frequency=about.get("frequency", PWM_HZ), **own)
            return gpiozero.DigitalOutputDevice(pin, **own)

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

    def read_sensor(self):
        """One sample through Adafruit's driver, or the last one if the sensor must still rest."""
        return self._sensor.read(self.ticks) if self._sensor else (None, None)

    def resting(self):
        """What is left of the sensor's rest."""
        return self._sensor.left(self.ticks()) if self._sensor else 0

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
        if self._sensor:
            self._sensor.let_go()
        if self.wiring:
            self.wiring.close()  # type: ignore[unreachable]
        if self._led is not None:
            quietly(self._led.close)
        quietly(self.gpio.close)


@contextlib.contextmanager
def refused(whose, pin):
    """SetupError for a pin that gpiozero refuses, HardwareError for one that its back-end cannot have now."""
    import gpiozero

    try:
        yield
    except gpiozero.GPIOZeroError as error:
        raise SetupError(
            "%s pin %s cannot be used (%s)" % (whose, pin, error), "check the board file"
        ) from None
    except Exception as error:
        raise HardwareError(
            "%s pin %s cannot be used now (%s)" % (whose, pin, error),
            "another program may have it (gpioinfo says which)",
        ) from None


def quietly(close):
    """Let go of something. What cannot be is let go of by the end of the process, or made anew."""
    with contextlib.suppress(Exception):
        close()
