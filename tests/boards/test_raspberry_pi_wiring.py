"""Named outputs, inputs and sensors on the Raspberry Pi's port: gpiozero's mock pins, and what the real ones raise."""

import signal
import sys

import lgpio
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from twinkle.core.errors import HardwareError, SetupError
from twinkle.ports.adafruit import Dht
from twinkle.ports.rpi import Port
from twinkle.ports.rpi_wiring import Wiring

FAN, LAMP = {"pin": 5, "pwm": True, "frequency": 50}, {"pin": 6, "active": "low"}


class BusyPin(MockPWMPin):
    """A pin that another program holds until Patient.now is 5000.

    LGPIOPin claims a line as an input when it is made, and lgpio.gpio_claim_input answers "GPIO busy" for one in use
    (gpiozero, pins/lgpio.py; lgpio.py, _u2i).
    """

    def __init__(self, factory, info):
        if Patient.now < 5000 and info.name == "GPIO20":
            raise lgpio.error("GPIO busy")
        super().__init__(factory, info)


class Patient(Port):
    """The port in virtual time, on pins of gpiozero's mock factory."""

    now = 0
    pin_class = MockPWMPin

    def ticks(self):
        return Patient.now

    def sleep(self, ms):
        Patient.now += ms

    def pin_factory(self, name):
        return MockFactory(pin_class=self.pin_class)


@pytest.fixture
def wire():
    """A function that wires parts to a port, and gives both."""
    made, before = [], signal.getsignal(signal.SIGTERM)
    Patient.now = 0

    def make(pin_class=MockPWMPin, **parts):
        Patient.pin_class = pin_class
        port = Patient({"gpio": "lgpio"}, "")
        made.append(port)
        port.wiring = Wiring(port, parts)
        return port, port.wiring

    yield make
    for port in made:
        port.close()
    signal.signal(signal.SIGTERM, before)


def test_outputs_are_off_from_the_first_moment_to_the_last(wire):
    port, wiring = wire(outputs={"fan": FAN, "lamp": LAMP})
    fan, lamp = port.gpio.pin(5), port.gpio.pin(6)
    wiring.drive("fan", 0.25)
    wiring.drive("lamp", 0.25)
    assert (fan.state, fan.frequency, lamp.state) == (0.25, 50, 0)
    port.close()
    fan.assert_states([0, 0.25, 0])
    lamp.assert_states([0, 1, 0, 1])
    assert len(fan.states) == 3
    assert lamp.function == "input"


@pytest.mark.parametrize("part", [{"outputs": {"x": {"pin": 20}}}, {"inputs": {"x": {"pin": 20}}}])
def test_a_pin_that_another_program_holds_is_waited_for_a_minute(wire, part):
    wire(BusyPin, **part)
    assert Patient.now == 5000
    Patient.now = -100000
    with pytest.raises(
        HardwareError, match=r"put x's pin 20 cannot be used now \('GPIO busy'\): another program"
    ):
        wire(BusyPin, **part)
    assert Patient.now == -40000


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"outputs": {"x": {"pin": 99}}}, "the output x's pin 99 cannot be used .*99.* is not a valid pin"),
        ({"inputs": {"x": {"pin": 99}}}, "the input x's pin 99 cannot be used .*99.* is not a valid pin"),
        ({"inputs": {"x": {"pin": 3, "pull": "down"}}}, "the input x's pin 3 cannot be used .*pull"),
        (
            {"outputs": {"x": {"pin": 5}}, "inputs": {"y": {"pin": 5}}},
            r"the input y's pin 5 cannot be used \(pin GPIO5 is already in use",
        ),
    ],
)
def test_a_pin_that_gpiozero_refuses_is_a_mistake_of_the_board_file(wire, part, words):
    with pytest.raises(SetupError, match=words):
        wire(**part)


def test_an_output_that_cannot_be_driven_and_a_line_that_cannot_be_read_are_hardware_errors(
    wire, monkeypatch
):
    _, wiring = wire(outputs={"fan": FAN}, inputs={"door": {"pin": 20}})

    def refuse(*_):
        raise lgpio.error("no permission to update GPIO")

    for name in ("_set_state", "_get_state"):
        monkeypatch.setattr(MockPWMPin, name, refuse)
    with pytest.raises(HardwareError, match=r"GPIO 5: error \('no permission"):
        wiring.drive("fan", 1.0)
    with pytest.raises(HardwareError, match=r"the input door on GPIO 20: error \('no permission"):
        wiring.look()
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("about", "idle"),
    [({}, 1), ({"pull": "down"}, 0), ({"pull": "none", "active": "low"}, 0), ({"active": "high"}, 1)],
)
def test_a_line_is_told_as_it_is_whatever_counts_as_active(wire, about, idle):
    port, wiring = wire(inputs={"door": {"pin": 20, **about}})
    assert [edge[:2] for edge in wiring.look()[0]] == [("door", idle)]
    pin = port.gpio.pin(20)
    (pin.drive_low if idle else pin.drive_high)()
    (pin.drive_high if idle else pin.drive_low)()
    assert [edge[:2] for edge in wiring.look()[0]] == [("door", 1 - idle), ("door", idle)]


def test_an_edge_has_the_moment_at_which_it_came_and_not_that_at_which_it_is_told(wire):
    seconds = [100.0]
    port, _ = wire()
    port.wiring = wiring = Wiring(port, {"inputs": {"door": {"pin": 20}}}, lambda: seconds[0])
    wiring.look()
    for after in (1.0, 0.5):
        seconds[0] += after
        pin = port.gpio.pin(20)
        (pin.drive_low if pin.state else pin.drive_high)()
    seconds[0] += 2.0
    Patient.now = 3500  # it was 0 at 100 s
    assert wiring.look() == ([("door", 0, 1000), ("door", 1, 1500)], 0)


def test_of_edges_in_a_storm_the_newest_are_kept_and_the_others_counted(wire):
    port, wiring = wire(inputs={"door": {"pin": 20}})
    wiring.look()
    pin = port.gpio.pin(20)
    for _ in range(50):
        pin.drive_low()
        pin.drive_high()
    edges, lost = wiring.look()
    assert (len(edges), lost, edges[-1][1]) == (32, 68, 1)
    assert wiring.look() == ([], 0)


def test_a_sensors_library_that_minds_signals_does_not_have_the_last_word(wire, monkeypatch):
    """Blinka's pulseio sets a handler of SIGTERM when it is imported, which ends the process with status 1."""
    monkeypatch.setattr(Dht, "_load", lambda self: signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)))
    monkeypatch.setattr(Dht, "let_go", lambda self: None)
    wire(sensors={"attic": {"model": "DHT22", "pin": 12}})
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_an_application_on_a_pi_is_told_of_its_door_once(raspberry_pi):
    board = raspberry_pi(
        app="device/twin_apps/wired.py",
        outputs={"fan": FAN, "lamp": LAMP},
        inputs={"door": {"pin": 20}},
        sensors={"attic": {"model": "DHT22", "pin": 12}},
    )
    board.rooms["attic"] = {"temperature": 33.5, "humidity": 20.0}
    board.run(4)
    for level in (0, 1, 0):
        board.pins["door"].drive_high() if level else board.pins["door"].drive_low()
        board.run(0.003)
    board.run(1)
    assert board.reported["door"]["open"] is True and board.pins["lamp"].state == 0
    assert board.call("fan", 0.25).payload == 0.25 and board.pins["fan"].state == 0.25
    assert [body for body in board.telemetry if "door" in body] == [{"door": True}]
    assert {"attic": 33.5} in board.telemetry
