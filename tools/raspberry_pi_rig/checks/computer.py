"""Starts and restarts of the computer, with and without the right time."""

import re
import time

from ..judge import expect, gate, until
from ..machine import end
from . import device
from .world import World

START_S = 480.0
LOOKED_AT_S = 20.0  # between two looks at the service while the hub does not see the device
HAS_ENDED = "systemctl is-failed --quiet twinkle.service"  # status 255 is ssh's own
RESTART_S = 15.0  # from rebootDevice to the computer's restart
SHUT_DOWN_S = 100.0
CLOCK_S = 150.0  # until a device that has waited for its clock tries again
CLOCK = "not valid at this device's time|set the clock"
# For the record: what took part.
VERSIONS = {
    "kernel": "uname -r",
    "systemd": "systemctl --version | awk 'NR == 1 {print $2}'",
    "python": "/opt/twinkle/venv/bin/python --version",
    "gpio": "cd /opt/twinkle/venv/lib/python3*/site-packages && ls -d gpiozero-* lgpio-* [Aa]dafruit_[Bb]linka-* |"
    " sed 's/.dist-info//; s/-/ /' | paste -sd , | sed 's/,/, /g'",
}


@gate
def first_start(world: World) -> str:
    """The service starts from the shipped files, and the device reaches the hub."""
    took = _reaches_hub(world)
    for name, script in VERSIONS.items():
        world.facts[name] = world.on(script)
    return took


@gate
def comes_up(world: World) -> str:
    """The computer comes up again, and the device reaches the hub."""
    return _reaches_hub(world)


def _reaches_hub(world: World) -> str:
    begun = asked = time.monotonic()

    def seen() -> bool:
        nonlocal asked
        _stays_on(world)
        if world.connected():
            return True
        if time.monotonic() - asked > LOOKED_AT_S:
            # What has ended for good need not be waited for.
            expect(world.machine.run(HAS_ENDED).returncode != 0, world.last_words())
            asked = time.monotonic()
        return False

    until(seen, START_S, world.last_words)
    return f"{time.monotonic() - begun:.0f} s from power-on to the hub"


def _stays_on(world: World) -> None:
    expect(world.machine.is_on, "the computer went off; see its console")
    if world.machine.start_again_if_lost():
        world.steps.say("      the emulator lost the network adapter; the computer is started again")


def reboots(world: World) -> str:
    """rebootDevice restarts the computer within 15 s while nobody is logged in."""
    return _reboot(world)


def reboots_with_somebody(world: World) -> str:
    """rebootDevice restarts the computer within 15 s while somebody is logged in."""
    person = world.machine.log_in("pi")
    try:
        expect("here" in person.stdout.readline(), "nobody could log in")
        return _reboot(world)
    finally:
        end(person)


def _reboot(world: World) -> str:
    # polkit starts when it is first asked, and D-Bus gives the question 25 s: not much in the slow computer.
    world.on("systemctl start polkit")
    world.machine.hang_up()
    said = world.hub.call("rebootDevice")
    took = world.machine.wait_off(SHUT_DOWN_S)
    if took is None:
        seen = f"reported {world.reported()}; {world.last_words()}"
        # What follows needs a restart, whoever makes it.
        world.machine.run("sync; systemctl reboot --force")
        expect(world.machine.wait_off(SHUT_DOWN_S) is not None, "the computer cannot be restarted at all")
        expect(False, f"no restart within {SHUT_DOWN_S:g} s ({said}); {seen}")
    expect(took < RESTART_S, f"{took:.0f} s; {said}")
    return f"{took:.1f} s"


def restart_reported(world: World) -> str:
    """The moment of the restart is reported."""
    until(lambda: world.reported().get("rebootTime"), 20, world.reported)
    return world.reported()["rebootTime"]


def power_is_cut(world: World) -> None:
    """Another configuration is reported as applied; the power is cut at that moment."""
    # What the system keeps of the time is lost as well: the next start has nothing to go by.
    world.on("systemctl stop systemd-timesyncd; rm -f /var/lib/systemd/timesync/clock; sync")
    device.configure(world, device.LATER_CONFIGURATION)
    world.machine.cut_power()


@gate
def wrong_clock_named(world: World) -> str:
    """With a clock that is behind, the device says that the certificate is not valid at its time."""

    def named() -> str:
        _stays_on(world)
        seen = world.on(f'date -u; journalctl -b -u twinkle --no-pager -o cat | grep -m 1 -E "{CLOCK}"')
        return seen if re.search(CLOCK, seen) else ""

    said = until(named, START_S, world.last_words, 5)
    expect(not world.connected(), "the device is connected all the same")
    return " | ".join(said.splitlines())


@gate
def clock_set(world: World) -> str:
    """Once the clock is right, the device reaches the hub by itself."""
    begun = time.monotonic()
    world.on(f"date -u -s @{int(time.time())}")
    until(world.connected, CLOCK_S, world.last_words)
    return f"{time.monotonic() - begun:.0f} s"
