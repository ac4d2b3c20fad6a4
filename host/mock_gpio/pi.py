"""A Raspberry Pi on the bench, in virtual time: its port itself, on gpiozero's mock pins and Adafruit's driver."""

import functools

from gpiozero.pins.mock import MockFactory, MockPWMPin

from twinkle.ports.rpi import Port
from twinkle.ports.rpi_wiring import Wiring

from ..boards import NAMED
from .sensor import DhtSensor
from .waveform import Bench, Wire
from .world import BoardInMemory

START_S = 1000.0  # what a virtual clock of the bench shows at first
HEADER = range(28)  # GPIO numbers that a Raspberry Pi has on its header


class RaspberryPi:
    """``port`` is the real port, ``pin`` the LED's mock pin, ``bench`` what the sensor hangs on."""

    def __init__(self, settings):
        self._seconds = START_S
        self.room = lambda: self._told
        self._told = None
        factory = MockFactory(pin_class=MockPWMPin)

        class Simulated(Port):
            """The port with gpiozero's mock factory in the place of a back-end."""

            def pin_factory(self, name):
                return factory

        wires = {}
        if "sensor" in settings:
            sensor = settings["sensor"]
            wire = Wire(DhtSensor(sensor["model"], lambda: self.room()), lambda: self._seconds)
            # A pin that there is none of is for the port to refuse.
            wires[sensor["pin"] if sensor["pin"] in HEADER else 4] = wire
        self.room_of = lambda name: None  # of a sensor with a name
        for name, about in settings.get("sensors", {}).items():
            if about["model"] != "own":
                told = functools.partial(self._told_of, name)
                wires[about["pin"]] = Wire(DhtSensor(about["model"], told), lambda: self._seconds)
        self.bench = Bench(wires)
        self.pass_time(0)
        self.port = Simulated(settings, ".")
        self.port.ticks = lambda: int(self._seconds * 1000)
        self.pin = factory.pin(settings["led"]["pin"]) if "led" in settings else None
        self._settings = settings
        self.wire()
        self.pins = {}  # of outputs and inputs, by their names
        for part in ("outputs", "inputs"):
            for name, about in settings.get(part, {}).items():
                self.pins[name] = factory.pin(about["pin"])

    def _told_of(self, name):
        return self.room_of(name)

    def wire(self):
        """Wire what the board file names, again if that is done, as the program does when it starts."""
        if self.port.wiring:
            self.port.wiring.close()
        if any(self._settings.get(part) for part in NAMED):
            self.port.wiring = Wiring(self.port, self._settings, lambda: self._seconds)

    def tell(self, **room):
        """What the sensor is in: ``temperature``, ``humidity``, ``lag``, ``fault``; see mock_gpio.sensor."""
        self._told = room

    def pass_time(self, seconds):
        """Let virtual time pass."""
        self.set_time(self._seconds + seconds)

    def set_time(self, seconds):
        """Let virtual time be this."""
        self._seconds = seconds
        self.bench.pass_time(int(seconds * 1e6))

    def close(self):
        """Take it off the bench."""
        self.port.close()
        self.bench.remove()


class RaspberryPiBoard(BoardInMemory):
    """A board in memory whose LED and sensor are those of a RaspberryPi; ``port`` and ``pin`` as there."""

    def __init__(self, pi, *arguments):
        super().__init__(*arguments)
        self._pi = pi
        self.port, self.pin, self.pins = pi.port, pi.pin, pi.pins
        pi.room = pi.room_of = self._room

    def power_on(self):
        self._now()
        self._pi.wire()
        super().power_on()

    def _now(self):
        self._pi.set_time(START_S + self.world.clock.seconds)
        return self.port

    def _led(self, level):
        super()._led(level)
        self._now().led(level)

    def _measure(self):
        return self._now().read_sensor()

    def drive(self, name, level):
        self._now().wiring.drive(name, level)

    def _shown(self, name, level):
        # What its pin shows.
        level = float(self.pins[name].state)
        super()._shown(name, 1.0 - level if self._outputs[name].get("active") == "low" else level)

    def _moved(self, name):
        self._now()
        (self.pins[name].drive_high if self._line(name) else self.pins[name].drive_low)()

    def look(self):
        edges, lost = self._now().wiring.look()
        # Their moments are the port's, whose time began earlier.
        return [(name, level, at - int(START_S * 1000)) for name, level, at in edges], lost

    def measure(self, name):
        return self._now().wiring.measure(name)
