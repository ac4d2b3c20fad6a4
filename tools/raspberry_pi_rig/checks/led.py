"""The LED, by the GPIO block's registers."""

from .. import gpio
from ..judge import expect, until
from .world import World

PIN = 17
BLINK_S = 1.0
EDGE_S = 0.1  # how far the period may be off
DUTIES = {1: 1.0, 2: 0.5, 3: 0.2}  # brightness of the default application
DUTY_MARGIN = 0.12
# The PWM is made by software, and the emulated processor is late for its edges while this computer does
# other things: it is looked at again and again, for so long.
DUTY_S = 90.0
WINDOW_S = 2.0
APPLIED_S = 40.0


def on(world: World) -> None:
    """turnon lights the LED: its line is an output, and high."""
    _shows(world, 1, world.hub.call("turnon"))


def off(world: World) -> None:
    """turnoff puts it out."""
    _shows(world, 0, world.hub.call("turnoff"))


def follows(world: World) -> None:
    """With the other board file the LED's line follows, too."""
    on(world)
    off(world)


def _shows(world: World, level: int, said: str) -> None:
    with gpio.Gpio(world.machine.monitor) as pins:
        function = pins.function(PIN)
        seen = [shown for _, shown in pins.watch(PIN, 1.0)]
    expect(
        function == "output" and set(seen) == {level}, f"{function}, {sum(seen)} of {len(seen)} high; {said}"
    )


def blinks(world: World) -> str:
    """blink moves it with the period that was asked for, lit for half of it."""
    world.hub.call("blink", BLINK_S)
    with gpio.Gpio(world.machine.monitor) as pins:
        seen = pins.watch(PIN, 8 * BLINK_S)
    world.hub.call("turnoff")
    changes = gpio.edges(seen)
    expect(len(changes) >= 10, f"{len(changes)} edges in {8 * BLINK_S:g} s")
    period = 2 * (changes[-1] - changes[0]) / (len(changes) - 1)
    share = gpio.high_share(seen)
    figures = f"period {period:.2f} s, lit for {share:.2f} of it"
    expect(abs(period - BLINK_S) < EDGE_S and abs(share - 0.5) < DUTY_MARGIN, figures)
    return figures


def dims(world: World) -> str:
    """Each brightness is the share of the time for which the line is high."""
    world.hub.call("turnon")
    found = {}
    for brightness in sorted(DUTIES, reverse=True):
        world.hub.patch({"brightness": brightness})
        until(lambda wanted=brightness: _acknowledged(world, wanted), APPLIED_S, world.reported)
        shares = found.setdefault(brightness, [])
        with gpio.Gpio(world.machine.monitor) as pins:

            def is_seen(duty=DUTIES[brightness], pins=pins, shares=shares) -> bool:
                shares.append(gpio.high_share(pins.watch(PIN, WINDOW_S)))
                return abs(shares[-1] - duty) < DUTY_MARGIN

            until(is_seen, DUTY_S, lambda: {number: [*shares] for number, shares in found.items()}, 0)
    return ", ".join(f"{number}: {shares[-1]:.2f} for {DUTIES[number]}" for number, shares in found.items())


def _acknowledged(world: World, brightness: int) -> bool:
    answer = world.reported().get("brightness")
    return isinstance(answer, dict) and answer.get("value") == brightness and answer.get("ac") == 200
