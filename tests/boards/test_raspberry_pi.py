"""The Raspberry Pi port on gpiozero's mock pins and Adafruit's own decoder; fixtures of twinkle_host.mock_gpio."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import lgpio
import pytest
from driver import Driver
from support import ROOT

from twinkle import App
from twinkle.core.errors import HardwareError, SetupError
from twinkle.ports import adafruit
from twinkle.ports.adafruit import Dht
from twinkle.ports.rpi import Port
from twinkle_host.mock_gpio.raspberry import Port as Process
from twinkle_host.mock_gpio.waveform import Wire
from twinkle_host.waiting import PATIENCE_S

AS_A_PI = {"BLINKA_FORCEBOARD": "RASPBERRY_PI_4B", "BLINKA_FORCECHIP": "BCM2XXX"}


@pytest.mark.parametrize(
    ("model", "room", "seen"),
    [
        ("DHT22", (23.4, 51.2), (23.4, 51.2)),
        ("DHT22", (-7.5, 99.9), (-7.5, 99.9)),
        ("DHT22", (-40.0, 0.0), (-40.0, 0.0)),
        ("DHT22", (80.0, 100.0), (80.0, 100.0)),
        ("DHT22", (0.04, 50.04), (0.0, 50.0)),
        ("DHT11", (23.4, 51.2), (23.4, 51)),
        ("DHT11", (0.0, 20.0), (0.0, 20)),
        ("DHT11", (50.0, 90.0), (50.0, 90)),
        ("DHT11", (-5.3, 60.0), (-5.3, 60)),
    ],
)
def test_the_drivers_decoder_reads_what_the_sensor_sends(raspberry_pi_port, model, room, seen):
    board = raspberry_pi_port(model=model)
    board.tell(temperature=room[0], humidity=room[1])
    assert board.port.read_sensor() == seen


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("absent", "DHT sensor not found"),
        ("bit", "Checksum did not validate"),
        ("cut", "full buffer was not returned"),
        ("late", "DHT sensor not found"),
    ],
)
def test_a_bad_frame_is_a_hardware_error_that_names_pin_and_cause(raspberry_pi_port, fault, words):
    board = raspberry_pi_port()
    board.tell(temperature=20, humidity=50, fault=fault)
    with pytest.raises(HardwareError, match=f"DHT22 on GPIO 4: .*{words}"):
        board.port.read_sensor()
    board.pass_time(2.1)
    if fault != "late":
        board.tell(temperature=21, humidity=50)
    assert board.port.read_sensor()[1] == 50


def test_a_stale_frame_is_a_good_frame_of_before(raspberry_pi_port):
    board = raspberry_pi_port()
    board.tell(temperature=20, humidity=50)
    first = board.port.read_sensor()
    board.tell(temperature=30, humidity=60, fault="stale")
    board.pass_time(2.1)
    assert board.port.read_sensor() == first


def test_a_slow_sensor_follows_the_room_by_and_by(raspberry_pi_port):
    board = raspberry_pi_port()
    board.tell(temperature=20, humidity=50, lag=10)
    seen = []
    for temperature in (20, 30, 30, 30):
        board.tell(temperature=temperature, humidity=50, lag=10)
        board.pass_time(5)
        seen.append(board.port.read_sensor()[0])
    assert seen[0] == 20 and 23.5 < seen[1] < 24.5 < seen[2] < seen[3] < 30


def test_a_line_on_which_nothing_more_comes_is_looked_at_seldom(raspberry_pi_port, monkeypatch):
    """The driver looks for a quarter of a second: each microsecond of that takes seconds, or minutes if others work."""
    looks, level = [], Wire.level
    monkeypatch.setattr(Wire, "level", lambda self: looks.append(1) or level(self))
    board = raspberry_pi_port()
    board.tell(temperature=23.4, humidity=51.2)
    assert board.port.read_sensor() == (23.4, 51.2)
    assert len(looks) < 20_000


def test_the_sensor_is_not_asked_again_before_it_has_rested(raspberry_pi_port):
    board = raspberry_pi_port()
    board.tell(temperature=20, humidity=50)
    first = board.port.read_sensor()
    board.tell(temperature=30, humidity=50)
    board.pass_time(1.9)
    assert board.port.read_sensor() == first
    board.pass_time(0.2)
    assert board.port.read_sensor()[0] == 30


def test_the_led_is_dimmed_by_pwm_and_each_change_is_in_the_pins_history(raspberry_pi_port):
    board = raspberry_pi_port()
    for level in (1.0, 0.5, 0.2, 0.0):
        board.port.led(level)
    board.pin.assert_states([0, 1.0, 0.5, 0.2, 0])


def test_an_led_without_pwm_is_lit_by_any_level(raspberry_pi_port):
    board = raspberry_pi_port(led={"pin": 27})
    for level in (0.2, 0.0, 1.0):
        board.port.led(level)
    board.pin.assert_states([0, 1, 0, 1])


def test_an_led_between_supply_and_pin_is_lit_by_low(raspberry_pi_port):
    board = raspberry_pi_port(led={"pin": 27, "active": "low"})
    board.port.led(1.0)
    board.port.led(0.0)
    board.pin.assert_states([0, 1, 0, 1])


def test_closing_releases_led_and_line_and_may_be_done_twice(raspberry_pi_port):
    board = raspberry_pi_port()
    board.tell(temperature=20, humidity=50)
    board.port.read_sensor()
    board.port.led(1.0)
    board.port.close()
    board.port.close()
    assert board.pin.function == "input"


def test_a_board_file_may_name_neither_sensor_nor_led(raspberry_pi_port, tmp_path):
    """In virtual time, and as the process that ``twinkle run --mock`` starts."""
    for port in (
        raspberry_pi_port(settings={"gpio": "lgpio"}).port,
        Process({"gpio": "lgpio"}, str(tmp_path)),
    ):
        assert port.read_sensor() == (None, None)
        with pytest.raises(HardwareError, match="this board has no LED"):
            port.led(1.0)
        port.close()


# --- what is missing or not allowed


def test_a_back_end_that_is_not_named_is_asked_for():
    with pytest.raises(
        SetupError, match="the board file's gpio is None: name the back-end: rpigpio or lgpio"
    ):
        Port({"led": {"pin": 17}}, "")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "RPi", None)
    with pytest.raises(
        SetupError, match=r"the Python package RPi\.GPIO is missing: install it: pip install RPi"
    ):
        Port({"gpio": "rpigpio", "led": {"pin": 17}}, "")


def test_a_computer_that_is_no_raspberry_pi_is_named_so():
    """Real lgpio; gpiozero asks the device tree what it runs on."""
    with pytest.raises(
        SetupError, match=r"lgpio finds no Raspberry Pi here .*: check that this is the board"
    ):
        Port({"gpio": "lgpio", "led": {"pin": 17}}, "")


class Patient(Port):
    """The port in virtual time."""

    now = 0

    def ticks(self):
        return self.now

    def sleep(self, ms):
        self.now += ms


def test_pins_that_cannot_be_used_yet_are_waited_for_a_minute(monkeypatch):
    """Real lgpio, which finds no chip; what passes by itself is no fault of the settings."""
    monkeypatch.setattr("gpiozero.pins.local.LocalPiFactory._get_revision", lambda self: 0xA02082)
    begun = []

    class Counted(Patient):
        def pin_factory(self, name):
            begun.append(self.now)
            return super().pin_factory(name)

    with pytest.raises(HardwareError, match=r"GPIO cannot be used through lgpio \(.*gpiochip.*group gpio"):
        Counted({"gpio": "lgpio", "led": {"pin": 17}}, "")
    assert begun == list(range(0, 60001, 1000))


def test_a_pin_that_another_program_holds_is_waited_for(monkeypatch):
    from gpiozero.pins.mock import MockFactory, MockPin

    class Busy(MockPin):
        """lgpio.gpio_claim_output answers "GPIO busy" (lgpio.py, _u2i) for a line in use."""

        def output_with_state(self, state):
            if Shared.now < 5000:
                raise lgpio.error("GPIO busy")
            super().output_with_state(state)

    class Shared(Patient):
        def pin_factory(self, name):
            return MockFactory(pin_class=Busy)

        def sleep(self, ms):
            Shared.now += ms

    before = signal.getsignal(signal.SIGTERM)
    port = Shared({"gpio": "lgpio", "led": {"pin": 17}}, "")
    assert Shared.now == 5000
    port.close()
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        # array("H").append() of a pulse of 65,536 us, and what PulseIn.popleft() says of one that is lost.
        (OverflowError("unsigned short is greater than maximum"), r"OverflowError \(unsigned short"),
        (IndexError("pop from empty list"), r"IndexError \(pop from empty list"),
        (lgpio.error("GPIO busy"), r"error \('GPIO busy"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_whatever_the_sensors_library_raises_is_a_failed_reading(
    raspberry_pi_port, monkeypatch, error, words
):
    board = raspberry_pi_port()  # whichever test is the first, it decides as what Blinka is imported
    import adafruit_dht

    board.tell(temperature=20, humidity=50)

    def measure(self):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(adafruit_dht.DHTBase, "measure", measure)
        with pytest.raises(HardwareError, match=f"DHT22 on GPIO 4: .*{words}"):
            board.port.read_sensor()
    board.pass_time(2.1)
    assert board.port.read_sensor() == (20, 50)


def test_a_helper_of_the_sensors_library_that_has_ended_is_not_waited_for_for_ever(
    raspberry_pi_port, monkeypatch
):
    """Real PulseIn and message queue: popleft() and len() wait for an answer without a limit (_wait_receive_msg)."""
    raspberry_pi_port()
    import adafruit_dht
    from adafruit_blinka.microcontroller.bcm283x.pulseio import PulseIn as pulseio

    helper = Path(__file__).parent / "silent_helper.py"

    def popen(command):
        return subprocess.Popen([sys.executable, helper, command[command.index("--queue") + 1]])

    class Patient(pulseio.PulseIn):
        """Python starts more slowly than that helper does."""

        def _wait_receive_msg(self, timeout=0, type=2):
            return super()._wait_receive_msg(PATIENCE_S if timeout else 0, type)

    monkeypatch.setattr(pulseio, "subprocess", SimpleNamespace(Popen=popen))
    monkeypatch.setattr(adafruit_dht, "PulseIn", Patient, raising=False)
    monkeypatch.setattr(adafruit, "READ_S", 2)
    monkeypatch.setitem(sys.modules, "pulseio", pulseio)
    before = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    board = raspberry_pi_port(pulseio=True)
    with pytest.raises(HardwareError, match=r"DHT22 on GPIO 4: .*(no answer for 2 s|Signaled while waiting)"):
        board.port.read_sensor()
    assert board.port._sensor._sensor is None, "its queue is given back"
    after = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    assert after[0] == before[0] and after[1][0] <= before[1][0]


def test_an_led_that_cannot_be_lit_is_a_hardware_error(raspberry_pi_port, monkeypatch):
    board = raspberry_pi_port()

    def refuse(state):
        raise lgpio.error("no permission to update GPIO")

    monkeypatch.setattr(board.pin, "_set_state", refuse)
    monkeypatch.setattr(type(board.pin), "state", property(lambda pin: 0, lambda pin, value: refuse(value)))
    with pytest.raises(HardwareError, match=r"the LED on GPIO 17: error \('no permission"):
        board.port.led(1.0)


@pytest.mark.parametrize("board", ["raspberry_pi", "raspberry_pi_5"])
def test_on_a_pi_every_library_is_there_and_a_signal_ends_the_program_well(board, tmp_path):
    """Real Blinka as on a Pi, whose pulseio takes SIGTERM for itself when it is imported."""
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "ended_by_a_signal.py", ROOT / "boards" / f"{board}.json"],
        cwd=tmp_path,  # in which lgpio makes a named pipe
        env={**os.environ, "PYTHONPATH": str(ROOT / "firmware"), **AS_A_PI},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "ready\n"), done


def test_a_package_that_blinka_needs_and_does_not_name_is_named(monkeypatch):
    for name in [
        name for name in sys.modules if name.split(".")[0] in ("board", "adafruit_dht", "digitalio")
    ]:
        monkeypatch.delitem(sys.modules, name)
    lacking = RuntimeError("The platform library 'gpiod' was not found.")
    lacking.__cause__ = ModuleNotFoundError("No module named 'gpiod'", name="gpiod")

    class Finder:
        """Blinka makes a RuntimeError of it (adafruit_blinka/importing.py, raise_for_missing_platform_dependency)."""

        def find_spec(self, name, path=None, target=None):
            if name == "board":
                raise lacking

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(SetupError, match="the Python module gpiod is missing: install what"):
        Dht({"model": "DHT22", "pin": 4})


def test_pulseio_is_not_left_out_in_silence(raspberry_pi_port):
    with pytest.raises(SetupError, match=r"cannot be read through pulseio .* pulseio to false"):
        raspberry_pi_port(pulseio=True)


def test_a_pin_that_is_none_of_the_board_is_named(raspberry_pi_port):
    with pytest.raises(SetupError, match="the sensor's pin 99 is none of this board"):
        raspberry_pi_port(sensor_pin=99)


# --- systemd


def test_systemd_is_told_when_it_is_ready_and_that_it_lives(raspberry_pi_port, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # a socket's path is short (unix(7))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("notify")
        systemd.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", "notify")
        monkeypatch.setenv("WATCHDOG_USEC", "10000000")
        board = raspberry_pi_port()
        board.port.ready()
        assert systemd.recv(100) == b"READY=1"
        for seconds in (1.1, 1.1):
            board.pass_time(seconds)
            for _ in range(5):
                board.port.feed()
            assert systemd.recv(100) == b"WATCHDOG=1"
        systemd.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemd.recv(100)


def systemctl(tmp_path, monkeypatch, script):
    """A systemctl that notes how it was called and then runs ``script``."""
    file = tmp_path / "systemctl"
    file.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n{script}\n')
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_a_reboot_goes_through_systemd_if_the_board_file_says_so(raspberry_pi_port, monkeypatch, tmp_path):
    systemctl(tmp_path, monkeypatch, "exit 0")
    board = raspberry_pi_port(reset={"by": "systemd"})
    monkeypatch.setattr(board.port, "sleep", lambda ms: board.pass_time(ms / 1000))
    with pytest.raises(HardwareError, match="was asked to restart the computer, and did not"):
        board.port.reset("a test")
    assert (tmp_path / "called").read_text() == "--no-ask-password reboot\n"


def test_systemd_is_not_told_that_the_service_stops_when_it_is_to_be_ended(
    raspberry_pi_port, monkeypatch, tmp_path
):
    """After STOPPING=1 systemd sends no SIGTERM, and the restart waits for TimeoutStopSec (service_notify_message)."""
    systemctl(tmp_path, monkeypatch, 'echo "to ${NOTIFY_SOCKET:-nobody}" >> $0.told')
    monkeypatch.chdir(tmp_path)  # a socket's path is short (unix(7))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("notify")
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "notify")
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        board = raspberry_pi_port(reset={"by": "systemd"})
        told = []

        def sleep(ms):
            board.pass_time(ms / 1000)
            with contextlib.suppress(BlockingIOError):
                told.append(systemd.recv(100))

        monkeypatch.setattr(board.port, "sleep", sleep)
        with pytest.raises(HardwareError):
            board.port.reset("a test")
    assert set(told) == {b"WATCHDOG=1"} and len(told) >= 58
    assert (tmp_path / "systemctl.told").read_text() == "to nobody\n"


def test_a_cure_restarts_the_program_and_not_the_computer(raspberry_pi_port, monkeypatch, tmp_path):
    systemctl(tmp_path, monkeypatch, "exit 0")
    with pytest.raises(SystemExit) as end:
        raspberry_pi_port(reset={"by": "systemd"}).port.reset(
            "no connection to the hub for hours", wanted=False
        )
    assert end.value.code == 3 and not (tmp_path / "called").exists()


def test_restarts_by_hand_are_no_crash_loop(raspberry_pi_port, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    for _ in range(6):
        board = raspberry_pi_port()
        assert board.port.count_start() == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    # A program that is killed, or ends by itself, has its starts counted.
    assert [raspberry_pi_port().port.count_start() for _ in range(3)] == [1, 2, 3]


def test_a_handler_at_work_does_not_take_the_end_of_the_program_for_its_own_mistake(raspberry_pi_port):
    raspberry_pi_port()
    app = App()
    app.method("slow")(lambda board, payload: signal.raise_signal(signal.SIGTERM))
    device = Driver(app)
    with pytest.raises(KeyboardInterrupt):
        device.call("slow")


def test_a_reboot_that_is_not_allowed_names_the_permission(raspberry_pi_port, monkeypatch, tmp_path):
    systemctl(tmp_path, monkeypatch, "echo 'Access denied' >&2; exit 1")
    board = raspberry_pi_port(reset={"by": "systemd"})
    with pytest.raises(HardwareError, match=r"refused .*Access denied.*org\.freedesktop\.login1\.reboot"):
        board.port.reset("a test")


def test_without_that_only_the_program_starts_again(raspberry_pi_port):
    with pytest.raises(SystemExit) as end:
        raspberry_pi_port().port.reset("a test")
    assert end.value.code == 3
