"""A DHT sensor through adafruit_dht."""

import contextlib
import signal

from ..core.errors import HardwareError, SetupError
from .dht_facts import Rest, model_of, sample

READ_S = 5  # longest wait for the sensor's library


class Dht(Rest):
    """A board file's DHT sensor: ``about`` is {"model", "pin", "pulseio"}. SetupError says what is missing for it."""

    def __init__(self, about):
        super().__init__()
        self._model = model_of(about)
        self._about = about
        self._bytes = []  # that it has sent
        self._sensor = None
        self._make = self._load()

    def read(self, ticks):
        """One sample, or the last one if it must still rest; ``ticks()`` is the time (milliseconds)."""
        return self.sample(ticks, self._measure)

    def let_go(self):
        """Let go of its line."""
        sensor, self._sensor = self._sensor, None
        if sensor is not None:
            # What cannot be let go of is made anew.
            with contextlib.suppress(Exception):
                sensor.exit()

    def _load(self):
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
        pulseio = self._about.get("pulseio", False)
        if pulseio:
            try:
                import pulseio as _  # noqa: F401 (the driver leaves it out silently)
            except (ImportError, NotImplementedError) as error:
                raise SetupError(
                    "the sensor cannot be read through pulseio (%s)" % error,
                    "install libgpiod, or set the sensor's pulseio to false in the board file",
                ) from None
        pin = getattr(board, "D%s" % self._about["pin"], None)
        if pin is None:
            raise SetupError(
                "the sensor's pin %s is none of this board" % self._about["pin"],
                "use a GPIO number in the board file",
            )
        driver = getattr(adafruit_dht, self._model)
        if not hasattr(driver, "_pulses_to_binary"):
            raise SetupError("this adafruit-circuitpython-dht is not known", "install 4.0.12 of it")
        return lambda: self._keep_bytes(driver(pin, use_pulseio=pulseio))

    def _keep_bytes(self, sensor):
        # Its own decoder keeps less of them than there is in them (adafruit_dht 4.0, measure()).
        decode = sensor._pulses_to_binary

        def keep(pulses, start, stop):
            self._bytes.append(decode(pulses, start, stop))
            return self._bytes[-1]

        sensor._pulses_to_binary = keep
        return sensor

    def _measure(self):
        self._bytes, why = [], "no answer"
        try:
            # Without pulseio the driver takes the time itself, and no more than 400 ms.
            with limited(READ_S) if self._about.get("pulseio") else contextlib.nullcontext():
                # A new driver after each error: it keeps no half-read line, and no two seconds' silence.
                self._sensor = self._sensor or self._make()
                self._sensor.measure()
        except Exception as error:
            # RuntimeError is documented; OverflowError (a pulse of 65,536 us and more), IndexError (a pulse
            # that its helper has lost) and OSError come from below it. Whatever comes is a failed reading.
            self.let_go()
            why = said(error)
        # To the driver a humidity of over 100 % is an error, too, and the temperature beside it may be good.
        if len(self._bytes) < 5 or sum(self._bytes[:4]) & 255 != self._bytes[4]:
            raise HardwareError("the %s on GPIO %s: %s" % (self._model, self._about["pin"], why))
        return sample(self._model, self._bytes)


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
