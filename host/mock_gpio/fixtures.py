"""pytest fixtures for whoever writes an application or a port, at three depths; load them with

    pytest_plugins = ["twinkle_host.mock_gpio.fixtures"]

``mock_board(app)``: the application on a board in memory, with a hub and a virtual clock::

    def test_it_blinks(mock_board):
        board = mock_board("apps.environment")
        assert board.call("blink", 2).status == 200
        board.run(3)                                       # virtual seconds
        board.led.assert_levels_and_times((0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0))
        board.temperature = 31.0                           # or board.fault = "absent"
        board.run(60)
        assert board.telemetry[-1]["temp"] == 31.0

``raspberry_pi(...)``: the Raspberry Pi port itself on gpiozero's mock pins and on
Adafruit's driver at the end of a simulated wire::

    def test_a_warm_room(raspberry_pi):
        board = raspberry_pi(model="DHT22")
        board.tell(temperature=31.0, humidity=40)
        assert board.port.read_sensor() == (31.0, 40.0)
        board.port.led(0.5)
        board.pin.assert_states([0, 0.5])                  # gpiozero's own assertions
        board.pass_time(2.1)                               # the sensor has rested

``pico_w(app)``: the Pico W port itself, a real process under MicroPython on stand-ins
for ``machine``, ``network``, ``dht`` and ``ntptime``, with a real hub over TLS::

    def test_a_pico(pico_w):
        device = pico_w("apps.environment", led={"pin": 16, "pwm": True})
        device.wait_for(" ready")                          # a line of its log
        (device.folder / "sensor.json").write_text('{"temperature": 31, "humidity": 40}')
        (device.folder / "air.json").write_text('{"wifi": "gone"}')
        assert device.leds()[-1] == 0.0                    # what the pin has shown
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


@pytest.fixture
def mock_board():
    """A function that makes a mock board with an application on it, connected to a hub in memory.

    See the module's text; the board is a ``mock_gpio.world.Board``.
    """
    from .world import World

    worlds = []

    def make(app, interpreter="cpython", **config):
        world = World(interpreter)
        worlds.append(world)
        board = world.add("mock-board", app, config or None)
        world.until(lambda: board.state == "ready")
        return board

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def pico_w(tmp_path):
    """A function that starts a Pico W under MicroPython, on stand-ins for its modules, with a local hub.

    Answers a ``mock_gpio.process.DeviceProcess`` with ``hub`` (a LiveHub) and ``id``;
    ``apps`` are folders in which it looks for applications.
    """
    from ..hub.live import LiveHub
    from .process import PICO_MODULES, DeviceProcess

    with LiveHub(tmp_path / "hub") as hub:
        started = []

        def start(app="apps.environment", apps=(), **board):
            device_id = f"pico-{len(started)}"
            text = f"{hub.add(device_id)};Port={hub.info['mqttPort']}"
            with open(hub.info["caFile"], "rb") as file:
                process = DeviceProcess(
                    *("micropython", tmp_path / device_id, text, file.read(), {"app": app, **board}),
                    base="pico_w",
                    wifi={"ssid": "home", "password": "not a real password"},
                    before=[PICO_MODULES],
                    apps=apps,
                )
            process.hub, process.id = hub, device_id
            started.append(process.start())
            return process

        yield start
        for process in started:
            process.stop()
