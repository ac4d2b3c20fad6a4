"""Configuration, sensor and console of the device."""

import json
import time

from ..judge import expect, until
from ..machine import end
from .world import World

CONFIGURATION = {"configId": 7, "sendFrequency": "2s"}
LATER_CONFIGURATION = {"configId": 8, "sendFrequency": "10s"}
APPLIED_S = 40.0
SENSOR_S = 90.0  # of failed readings, until the sensor counts as failing
HEARD_S = 12.0
FORWARDED_S = 90.0


def configuration_applied(world: World) -> None:
    """A configuration is applied, and reported."""
    configure(world, CONFIGURATION)


def configure(world: World, configuration: dict) -> None:
    """Ask for a configuration, and wait until it is reported."""
    world.hub.patch(configuration)
    has(world, configuration)


def has(world: World, configuration: dict) -> None:
    """Wait until the device reports this configuration."""

    def applied() -> bool:
        reported = world.reported()
        return all(reported.get(name) == value for name, value in configuration.items())

    until(applied, APPLIED_S, world.reported)


def configuration_kept(world: World) -> None:
    """Its configuration outlived the restart."""
    has(world, CONFIGURATION)
    _stored(world, CONFIGURATION)


def configuration_survived_the_cut(world: World) -> None:
    """The configuration that was reported before the power was cut is the one that holds."""
    has(world, LATER_CONFIGURATION)
    _stored(world, LATER_CONFIGURATION)


def _stored(world: World, configuration: dict) -> None:
    # What is reported is the hub's memory; what holds is in the device's.
    kept = world.on("grep -rhs configId /var/lib/twinkle")
    expect(f'"configId": {configuration["configId"]}' in kept, kept[:400] or "nothing is stored")


def sensor_absent(world: World) -> str:
    """A sensor that is not there is reported as failing, with the reason."""
    until(lambda: _sensor(world).get("status") == "failing", SENSOR_S, world.reported)
    expect(_sensor(world).get("reason"), _sensor(world))
    return json.dumps(_sensor(world))


def _sensor(world: World) -> dict:
    return world.reported().get("sensor") or {}


def nothing_made_up(world: World) -> None:
    """No temperature and no humidity is sent for it, although a message is due every two seconds."""
    heard = world.hub.heard(HEARD_S)
    expect(not heard, heard[:3])
    expect(world.connected(), world.last_words())


def console_answers(world: World) -> str:
    """The console answers at its socket."""
    local, line = world.machine.forward("/run/twinkle/console")
    try:
        until(local.exists, FORWARDED_S, lambda: "ssh did not bring the socket")
        begun = time.monotonic()
        done = world.hub.twinkle("console", "--socket", str(local), "-c", "status")
        took = time.monotonic() - begun
    finally:
        end(line)
    said = (done.stdout + done.stderr).splitlines()
    expect(done.returncode == 0 and said[-1:] == ["ok"], said)
    return f"{took:.1f} s: {said[0]}"
