"""The Raspberry Pi port on gpiozero's mock pins and Adafruit's own decoder; fixtures of twinkle_host.mock_gpio."""

import os
import socket
import sys

import pytest

from twinkle.core.errors import HardwareError, SetupError
from twinkle.ports.rpi import Port
from twinkle_host.waiting import PATIENCE_S

pytest_plugins = ["twinkle_host.mock_gpio.fixtures"]


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
    ],
)
def test_the_drivers_decoder_reads_what_the_sensor_sends(raspberry_pi, model, room, seen):
    board = raspberry_pi(model=model)
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
def test_a_bad_frame_is_a_hardware_error_that_names_pin_and_cause(raspberry_pi, fault, words):
    board = raspberry_pi()
    board.tell(temperature=20, humidity=50, fault=fault)
    with pytest.raises(HardwareError, match=f"DHT22 on GPIO 4: .*{words}"):
        board.port.read_sensor()
    board.pass_time(2.1)
    if fault != "late":
        board.tell(temperature=21, humidity=50)
    assert board.port.read_sensor()[1] == 50


def test_a_stale_frame_is_a_good_frame_of_before(raspberry_pi):
    board = raspberry_pi()
    board.tell(temperature=20, humidity=50)
    first = board.port.read_sensor()
    board.tell(temperature=30, humidity=60, fault="stale")
    board.pass_time(2.1)
    assert board.port.read_sensor() == first


def test_a_slow_sensor_follows_the_room_by_and_by(raspberry_pi):
    board = raspberry_pi()
    board.tell(temperature=20, humidity=50, lag=10)
    seen = []
    for temperature in (20, 30, 30, 30):
        board.tell(temperature=temperature, humidity=50, lag=10)
        board.pass_time(5)
        seen.append(board.port.read_sensor()[0])
    assert seen[0] == 20 and 23.5 < seen[1] < 24.5 < seen[2] < seen[3] < 30


def test_the_sensor_is_not_asked_again_before_it_has_rested(raspberry_pi):
    board = raspberry_pi()
    board.tell(temperature=20, humidity=50)
    first = board.port.read_sensor()
    board.tell(temperature=30, humidity=50)
    board.pass_time(1.9)
    assert board.port.read_sensor() == first
    board.pass_time(0.2)
    assert board.port.read_sensor()[0] == 30


def test_the_led_is_dimmed_by_pwm_and_each_change_is_in_the_pins_history(raspberry_pi):
    board = raspberry_pi()
    for level in (1.0, 0.5, 0.2, 0.0):
        board.port.led(level)
    board.pin.assert_states([0, 1.0, 0.5, 0.2, 0])


def test_an_led_without_pwm_is_lit_by_any_level(raspberry_pi):
    board = raspberry_pi(led={"pin": 27})
    for level in (0.2, 0.0, 1.0):
        board.port.led(level)
    board.pin.assert_states([0, 1, 0, 1])


def test_an_led_between_supply_and_pin_is_lit_by_low(raspberry_pi):
    board = raspberry_pi(led={"pin": 27, "active": "low"})
    board.port.led(1.0)
    board.port.led(0.0)
    board.pin.assert_states([0, 1, 0, 1])


def test_closing_releases_led_and_line_and_may_be_done_twice(raspberry_pi):
    board = raspberry_pi()
    board.tell(temperature=20, humidity=50)
    board.port.read_sensor()
    board.port.led(1.0)
    board.port.close()
    board.port.close()
    assert board.pin.function == "input"


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


def test_a_computer_without_gpio_is_named_with_the_group():
    """Real lgpio, on a computer that has no GPIO chip for it."""
    with pytest.raises(SetupError, match=r"GPIO cannot be used through lgpio .* group gpio"):
        Port({"gpio": "lgpio", "led": {"pin": 17}}, "")


def test_pulseio_is_not_left_out_in_silence(raspberry_pi):
    with pytest.raises(SetupError, match=r"cannot be read through pulseio .* pulseio to false"):
        raspberry_pi(pulseio=True)


def test_a_pin_that_is_none_of_the_board_is_named(raspberry_pi):
    with pytest.raises(SetupError, match="the sensor's pin 99 is none of this board"):
        raspberry_pi(sensor_pin=99)


# --- systemd


def test_systemd_is_told_when_it_is_ready_and_that_it_lives(raspberry_pi, monkeypatch, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "10000000")
        board = raspberry_pi()
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


def test_a_reboot_goes_through_systemd_if_the_board_file_says_so(raspberry_pi, monkeypatch, tmp_path):
    systemctl(tmp_path, monkeypatch, "exit 0")
    board = raspberry_pi(reset={"by": "systemd"})
    monkeypatch.setattr(board.port, "sleep", lambda ms: None)
    with pytest.raises(HardwareError, match="was asked to restart the computer, and did not"):
        board.port.reset("a test")
    assert (tmp_path / "called").read_text() == "reboot\n"


def test_a_reboot_that_is_not_allowed_names_the_permission(raspberry_pi, monkeypatch, tmp_path):
    systemctl(tmp_path, monkeypatch, "echo 'Access denied' >&2; exit 1")
    board = raspberry_pi(reset={"by": "systemd"})
    with pytest.raises(HardwareError, match=r"refused .*Access denied.*org\.freedesktop\.login1\.reboot"):
        board.port.reset("a test")


def test_without_that_only_the_program_starts_again(raspberry_pi):
    with pytest.raises(SystemExit) as end:
        raspberry_pi().port.reset("a test")
    assert end.value.code == 3
