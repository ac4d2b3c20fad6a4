"""pytest fixtures for whoever writes an application or a port; load them with

    pytest_plugins = ["twinkle_host.mock_gpio.fixtures"]

``raspberry_pi(...)`` makes the Raspberry Pi port itself on gpiozero's mock pins and
on Adafruit's driver at the end of a simulated wire::

    def test_the_fan_starts_when_it_is_warm(raspberry_pi):
        board = raspberry_pi(model="DHT22")
        board.tell(temperature=31.0, humidity=40)
        assert board.port.read_sensor() == (31.0, 40.0)
        board.port.led(0.5)
        board.pin.assert_states([0, 0.5])         # gpiozero's own assertions
        board.pass_time(2.1)                      # virtual seconds: the sensor has rested
"""

import sys

import pytest

from ..paths import FIRMWARE

if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))


class RaspberryPi:
    """One Raspberry Pi on the bench: ``port`` is the real port, ``pin`` the LED's mock pin."""

    def __init__(self, settings):
        from gpiozero.pins.mock import MockFactory, MockPWMPin

        from twinkle.ports.rpi import Port

        from .sensor import DhtSensor
        from .waveform import Bench, Wire

        self._seconds = 1000.0
        self._room = None
        factory = MockFactory(pin_class=MockPWMPin)

        class Simulated(Port):
            """The port with gpiozero's mock factory in the place of a back-end."""

            def pin_factory(self, name):
                return factory

        sensor = DhtSensor(settings["sensor"]["model"], lambda: self._room)
        self._wire = Wire(sensor, lambda: self._seconds)
        self.bench = Bench({4: self._wire})
        self._wire.pass_time(int(self._seconds * 1e6))
        self.port = Simulated(settings, ".")
        self.port.ticks = lambda: int(self._seconds * 1000)
        self.pin = factory.pin(settings["led"]["pin"])

    def tell(self, **room):
        """What the sensor is in: ``temperature``, ``humidity``, ``lag``, ``fault``; see mock_gpio.sensor."""
        self._room = room

    def pass_time(self, seconds):
        """Let virtual time pass."""
        self._seconds += seconds
        self._wire.pass_time(int(self._seconds * 1e6))


@pytest.fixture
def raspberry_pi():
    """A function that makes a RaspberryPi; all of them are closed at the end."""
    made = []

    def make(model="DHT22", led=None, sensor_pin=4, pulseio=False, **more):
        settings = {
            "gpio": "rpigpio",
            "led": led or {"pin": 17, "pwm": True},
            "sensor": {"model": model, "pin": sensor_pin, "pulseio": pulseio},
            **more,
        }
        made.append(RaspberryPi(settings))
        return made[-1]

    import signal

    before = signal.getsignal(signal.SIGTERM)
    yield make
    signal.signal(signal.SIGTERM, before)
    for board in made:
        board.port.close()
        board.bench.remove()
