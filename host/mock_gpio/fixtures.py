"""pytest fixtures for whoever writes an application, at three depths; pytest loads them by itself.

Each is a function that makes a board with an application on it, connected to a hub, and answers a
``mock_gpio.board.Board``: the words are the same at all three.

====================  ===========================================  ====================  ==============
Fixture               What is real                                 Interpreter           Time
====================  ===========================================  ====================  ==============
``mock_board``        the device's core and the hub's              either                a number
``raspberry_pi``      and the port, gpiozero, the sensor's driver  CPython               a number
``pico_w``            and the runtime, TLS, the wire: a process    MicroPython           seconds
====================  ===========================================  ====================  ==============

An example, which is true at each depth::

    import pytest

    @pytest.fixture(params=["mock_board", "raspberry_pi", "pico_w"])
    def board(request):
        return request.getfixturevalue(request.param)("apps.environment")

    def test_a_warm_room(board):
        board.desired({"configId": 2, "sendFrequency": "1s"})
        board.until(lambda: board.reported.get("configId") == 2)
        board.temperature = 31.0
        board.until(lambda: board.telemetry[-1:] == [{"temp": 31.0, "humid": 40.0}])
        assert board.call("turnon").status == 200
        board.until(lambda: board.outputs["led"].levels == [1.0])
        assert any("applied configuration 2" in line for line in board.log)

``make(app, board=NAME, **members)``: ``app`` is a file of your own, such as ``app.py``, or a module such as
``apps.environment``; without it, what the board file names. ``board`` is a board file's path, or the name of one that
comes with Twinkle, and ``members``, such as ``inputs={"door": {"pin": 20}}``, stand in the place of its own. Files are
looked for beside the test and in the folders above it, up to pytest's own root. Each board has a fresh application, as
after each start.
``mock_board(app, interpreter="micropython")`` runs on MicroPython. What the device logs is in pytest's captured log.

For authors of ports, ``raspberry_pi_port(...)`` is the Raspberry Pi's port alone, on gpiozero's mock pins and on
Adafruit's driver at the end of a simulated wire::

    def test_a_port(raspberry_pi_port):
        board = raspberry_pi_port(model="DHT22")
        board.tell(temperature=31.0, humidity=40)
        assert board.port.read_sensor() == (31.0, 40.0)
        board.port.led(0.5)
        board.pin.assert_states([0, 0.5])                  # gpiozero's own assertions
        board.pass_time(2.1)                               # the sensor has rested
"""

import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from ..paths import FIRMWARE

if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))


class Applications:
    """Finds the applications and board files that tests name, for as long as a test lasts."""

    def __init__(self, request, stack):
        self._test, self._root, self._stack = request.path, request.config.rootpath, stack

    def settings(self, board, app, members):
        """The content of a board file, checked; its application is ``app``, if that is given."""
        from ..boards import load
        from ..trial import refuse_lacking

        path = self._path(board, "board file") if str(board).endswith(".json") else board
        settings = {**load(str(path)), **members}
        if app is not None:
            module = not isinstance(app, os.PathLike) and not app.endswith(".py")
            settings["app"] = app if module else str(self._path(app, "application"))
        if settings["app"].endswith(".py"):
            refuse_lacking(Path(settings["app"]), settings)
        return settings

    def load(self, app):
        """The module's name, for this process."""
        from ..application import findable

        return self._stack.enter_context(findable(Path(app))) if app.endswith(".py") else app

    def lay_out(self, app, folder):
        """The module's name, and the folder with the program that finds it: ``folder``, or the device's own."""
        from ..application import lay_out

        return (lay_out(Path(app), folder), folder) if app.endswith(".py") else (app, FIRMWARE)

    def _path(self, name, what):
        folders = [folder for folder in self._test.parents if folder.is_relative_to(self._root)]
        for folder in folders or [self._test.parent]:
            if (folder / name).is_file():
                return folder / name
        raise FileNotFoundError(f"no {what} {name} beside {self._test} or above it, up to {self._root}")


@pytest.fixture
def _applications(request):
    from .board import LOGGER

    LOGGER.setLevel(logging.DEBUG)
    with contextlib.ExitStack() as stack:
        yield Applications(request, stack)


@pytest.fixture
def _worlds():
    """Worlds that end with the test."""
    made = []
    yield made
    for world in made:
        world.close()


@pytest.fixture
def mock_board(_applications, _worlds, tmp_path):
    """A function that makes a board in memory; see the module's text."""

    def make(app=None, interpreter="cpython", board="desktop", **members):
        settings = _applications.settings(board, app, members)
        app, places = settings["app"], []
        if interpreter == "micropython":
            _need_micropython()
            app, place = _applications.lay_out(app, tmp_path / f"app-{len(_worlds)}")
            places = [place]
        else:
            app = _applications.load(app)
        return _connected(_worlds, app, settings, interpreter, places)

    return make


@pytest.fixture
def raspberry_pi(_applications, _worlds, raspberry_pi_port):
    """A function that makes a board on a Raspberry Pi's own port; see the module's text.

    The board has ``port`` and the LED's mock ``pin``, too (``mock_gpio.pi``).
    """

    def make(app=None, board="raspberry_pi", **members):
        from .pi import RaspberryPiBoard

        settings = _applications.settings(board, app, members)
        pi = raspberry_pi_port(settings=settings)
        app = _applications.load(settings["app"])
        return _connected(_worlds, app, settings, kind=lambda *given: RaspberryPiBoard(pi, *given))

    return make


@pytest.fixture
def raspberry_pi_port():
    """A function that makes a Raspberry Pi's port: see the module's text, and ``mock_gpio.pi``.

    ``settings``: a board file's content, in the place of one made of the others; ``more`` are further members.
    """
    made = []

    def make(model="DHT22", led=None, sensor_pin=4, pulseio=False, settings=None, **more):
        from .pi import RaspberryPi

        sensor = {"model": model, "pin": sensor_pin, "pulseio": pulseio}
        own = {"gpio": "rpigpio", "led": led or {"pin": 17, "pwm": True}, "sensor": sensor, **more}
        if settings is not None:
            # This computer has no pulseio, so the driver times the edges itself.
            own = {**settings}
            if "sensor" in settings:
                own["sensor"] = {**settings["sensor"], "pulseio": False}
            sensors = settings.get("sensors", {})
            own["sensors"] = {name: {**about, "pulseio": False} for name, about in sensors.items()}
            own.pop("console", None)  # the service's own, in a folder that only systemd makes
        made.append(RaspberryPi(own))
        return made[-1]

    before = signal.getsignal(signal.SIGTERM)
    yield make
    signal.signal(signal.SIGTERM, before)
    for pi in made:
        pi.close()


def _need_micropython():
    from ..paths import MICROPYTHON

    if not MICROPYTHON.exists():
        pytest.skip("MicroPython is not on this computer; twinkle doctor says how to get it")


def _connected(worlds, app, settings, interpreter="cpython", places=(), **more):
    from ..boards import NAMED
    from .world import World

    parts = {name: settings[name] for name in NAMED if settings.get(name)}
    world = World(interpreter, places=places)
    worlds.append(world)
    board = world.add("mock-board", app, parts=parts, **more)
    world.until(lambda: board.state == "ready")
    return board


@pytest.fixture
def pico_w(_applications, tmp_path):
    """A function that starts a board on a Pico W's own port under MicroPython, with a local hub; see the module's text.

    The board is a ``mock_gpio.pico_w.PicoBoard``.
    """
    from ..hub.live import LiveHub
    from ..run import mocked
    from .pico_w import PicoBoard

    with contextlib.ExitStack() as stack:
        hubs = []

        def make(app=None, board="pico_w", **members):
            _need_micropython()
            settings = mocked(_applications.settings(board, app, members))
            if not hubs:
                hubs.append(stack.enter_context(LiveHub(tmp_path / "hub")))
            name = f"pico-{len(list(tmp_path.glob('pico-*')))}"
            board = PicoBoard(hubs[0], tmp_path / name, name, settings)
            stack.callback(board.close)
            board.power_on()
            return board.started()

        yield make
