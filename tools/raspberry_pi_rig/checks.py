"""What the product must show on the computer, by the computer's starts."""

import contextlib
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import gpio
from .hub import LocalHub
from .judge import expect, gate, until
from .machine import Machine, end

LED = 17
FIRST_START_S = 600.0  # making the virtual environment in the slow computer included
START_S = 240.0
LOOKED_AT_S = 20.0  # between two looks at the service while the hub does not see the device
HAS_ENDED = "systemctl is-failed --quiet twinkle.service"  # status 255 is ssh's own
AGAIN_S = 90.0  # a start of the service alone
RESTART_S = 15.0  # from rebootDevice to the computer's restart
SENSOR_S = 90.0
BLINK_S = 1.0
WATCHDOG_S = 120.0  # WatchdogSec=60, and what ending it takes
SHUT_DOWN_S = 100.0
DUTIES = {1: 1.0, 2: 0.5, 3: 0.2}  # brightness of the default application
DUTY_MARGIN = 0.15  # the emulated processor is late for some edges of the software PWM
CONFIGURATION = {"configId": 7, "sendFrequency": "2s"}
LATER_CONFIGURATION = {"configId": 8, "sendFrequency": "10s"}


@dataclass
class World:
    """One card in one computer, and who looks at it."""

    machine: Machine
    hub: LocalHub
    board: str
    other_board: str
    folder: Path
    listing: set[str]
    facts: dict[str, str] = field(default_factory=dict)

    def on(self, script: str, **options) -> str:
        """What a script printed there, in a line."""
        return self.machine.run(script, **options).stdout.strip()

    def connected(self) -> bool:
        """Whether the hub has the device's connection."""
        return self.hub.twin()["connected"]

    def reported(self) -> dict:
        """The device's reported properties."""
        return self.hub.twin()["reported"]

    def last_words(self) -> str:
        """What systemd and the service said last."""
        state = self.on(
            "systemctl show twinkle -p ActiveState -p SubState -p ExecMainStatus --value | tr '\\n' ' '"
        )
        words = self.on("journalctl -b -u twinkle -u twinkle-prepare -n 6 -o cat --no-pager | cut -c 1-300")
        return f"twinkle.service is {state}\n{words}"


def reaches_hub(world: World, limit: float) -> str:
    """Wait for the connection; how long the computer and the service took."""
    begun = asked = time.monotonic()

    def seen() -> bool:
        nonlocal asked
        expect(world.machine.is_on, f"the computer went off; its console is {world.machine.console}")
        if world.connected():
            return True
        if time.monotonic() - asked > LOOKED_AT_S:
            # What has ended for good need not be waited for.
            looked = world.machine.run(HAS_ENDED)
            expect(looked.returncode != 0, world.last_words())
            asked = time.monotonic()
        return False

    until(seen, limit, world.last_words)
    return f"{time.monotonic() - begun:.0f} s after power-on"


# --- the first start


@gate
def first_start(world: World) -> str:
    """The service starts from the shipped files, and the device reaches the hub."""
    took = reaches_hub(world, FIRST_START_S)
    world.facts["first start"] = took
    return took


def start_is_not_held(world: World) -> str:
    """The computer's own start does not wait for what the product prepares at its first start."""
    shown = world.on(
        "systemctl show multi-user.target -p ActiveEnterTimestampMonotonic --value;"
        "systemctl show twinkle -p ExecMainStartTimestampMonotonic --value"
    ).split()
    target, service = (int(number) / 1e6 for number in shown)
    seen = f"multi-user.target after {target:.0f} s, the service after {service:.0f} s"
    expect(0 < target < service, seen)
    return seen


def units_are_sound(world: World) -> None:
    """systemd finds nothing wrong with the units."""
    done = world.machine.run("systemd-analyze verify /etc/systemd/system/twinkle*.service")
    # It also names what it finds in the system's own units.
    said = [line for line in done.stdout.splitlines() if "twinkle" in line]
    expect(done.returncode == 0 and not said, said or done.stdout)


def service_is_confined(world: World) -> str:
    """The service runs as a user of its own, and has told systemd that it is ready."""
    seen = world.on(
        "systemctl show twinkle -p ActiveState -p SubState -p User -p StatusErrno --value | tr '\\n' ' '"
    )
    expect(
        seen.split()[:3] == ["active", "running", "twinkle"]
        or {"active", "running", "twinkle"} <= set(seen.split()),
        seen,
    )
    owner = world.on("ps -o user= -p $(systemctl show twinkle -p MainPID --value)")
    expect(owner == "twinkle", owner)
    return seen


# --- the LED, by the registers


def led_on(world: World) -> None:
    """turnon lights the LED: its line is an output, and high."""
    _led_shows(world, 1, world.hub.call("turnon"))


def led_off(world: World) -> None:
    """turnoff puts it out."""
    _led_shows(world, 0, world.hub.call("turnoff"))


def _led_shows(world: World, level: int, said: str) -> None:
    with gpio.Gpio(world.machine.monitor) as pins:
        function, seen = pins.function(LED), [shown for _, shown in pins.watch(LED, 1.0)]
    expect(
        function == "output" and set(seen) == {level}, f"{function}, {sum(seen)} of {len(seen)} high; {said}"
    )


def led_blinks(world: World) -> str:
    """blink moves it with the period that was asked for, and half of it lit."""
    world.hub.call("blink", BLINK_S)
    with gpio.Gpio(world.machine.monitor) as pins:
        seen = pins.watch(LED, 8 * BLINK_S)
    changes = gpio.edges(seen)
    expect(len(changes) >= 10, f"{len(changes)} edges in {8 * BLINK_S:g} s")
    period = 2 * (changes[-1] - changes[0]) / (len(changes) - 1)
    share = gpio.high_share(seen)
    world.hub.call("turnoff")
    figures = f"period {period:.2f} s, lit {share:.2f}"
    world.facts["blink"] = figures
    expect(abs(period - BLINK_S) < 0.1 and abs(share - 0.5) < DUTY_MARGIN, figures)
    return figures


def led_dims(world: World) -> str:
    """Each brightness is the share of the time in which the line is high."""
    world.hub.call("turnon")
    found = {}
    for brightness, duty in (*DUTIES.items(), (1, 1.0)):
        world.hub.patch({"brightness": brightness})
        until(lambda b=brightness: _acknowledged(world, b), 40, world.reported)
        with gpio.Gpio(world.machine.monitor) as pins:
            found[brightness] = (duty, gpio.high_share(pins.watch(LED, 4.0)))
    figures = ", ".join(f"{brightness}: {seen:.2f} for {duty}" for brightness, (duty, seen) in found.items())
    world.facts["brightness"] = figures
    expect(all(abs(seen - duty) < DUTY_MARGIN for duty, seen in found.values()), figures)
    return figures


def _acknowledged(world: World, brightness: int) -> bool:
    answer = world.reported().get("brightness", {})
    return answer.get("value") == brightness and answer.get("ac") == 200


# --- sensor, configuration, console


def configuration_applied(world: World) -> None:
    """A configuration is applied, and reported."""
    _configure(world, CONFIGURATION)


def _configure(world: World, configuration: dict) -> None:
    world.hub.patch(configuration)
    until(lambda: _has(world, configuration), 40, world.reported)


def _has(world: World, configuration: dict) -> bool:
    reported = world.reported()
    return all(reported.get(name) == value for name, value in configuration.items() if name == "configId")


def sensor_absent(world: World) -> str:
    """A sensor that is not there is reported as failing, with the reason."""
    until(lambda: world.reported().get("sensor", {}).get("status") == "failing", SENSOR_S, world.reported)
    return str(world.reported()["sensor"])


def nothing_made_up(world: World) -> str:
    """No temperature and no humidity is sent for it, at a message every two seconds."""
    heard = world.hub.heard(12)
    expect(not heard, heard[:3])
    reported = json.dumps(world.reported())
    expect('"temp"' not in reported and '"humid"' not in reported, reported)
    return f"{len(heard)} messages in 12 s"


def console_answers(world: World) -> str:
    """The console answers at its socket."""
    local, line = world.machine.forward("/run/twinkle/console")
    try:
        until(local.exists, 60, lambda: "ssh did not bring the socket")
        begun = time.monotonic()
        done = world.hub.twinkle("console", "--socket", str(local), "-c", "status")
        took = time.monotonic() - begun
    finally:
        end(line)
    said = " | ".join((done.stdout + done.stderr).splitlines()[:3])
    expect(
        done.returncode == 0 and (done.stdout + done.stderr).strip().endswith("ok"),
        said,
    )
    return f"{took:.1f} s: {said}"


# --- the service and systemd


def stops_in_order(world: World) -> str:
    """systemctl stop ends it in good order: status 0, its LED's line let go."""
    begun = time.monotonic()
    seen = world.on(
        "systemctl stop twinkle; systemctl show twinkle -p Result -p ExecMainStatus --value | tr '\\n' ' '"
    )
    expect(seen.split() == ["success", "0"] or sorted(seen.split()) == ["0", "success"], seen)
    return f"{time.monotonic() - begun:.1f} s"


@gate
def starts_again(world: World) -> str:
    """It starts again, reaches the hub, and has its configuration."""
    begun = time.monotonic()
    world.machine.run("systemctl start twinkle")
    until(world.connected, AGAIN_S, world.last_words)
    took = f"{time.monotonic() - begun:.0f} s"
    until(lambda: _has(world, CONFIGURATION), 20, world.reported)
    return took


def watchdog_ends_a_hang(world: World) -> str:
    """A process that is stopped is ended by systemd's watchdog and started again."""
    before = world.on("systemctl show twinkle -p NRestarts --value")
    begun = time.monotonic()
    world.machine.run("kill -STOP $(systemctl show twinkle -p MainPID --value)")
    until(
        lambda: world.on("systemctl show twinkle -p NRestarts --value") != before,
        WATCHDOG_S,
        world.last_words,
        3,
    )
    took = time.monotonic() - begun
    log = world.on("journalctl -b -u twinkle --no-pager -o cat")
    expect("Watchdog timeout" in log, log[-400:])
    return f"restarted after {took:.0f} s"


@gate
def comes_back(world: World) -> str:
    """It comes back to the hub by itself."""
    begun = time.monotonic()
    until(
        lambda: world.on("systemctl show twinkle -p ActiveState --value") == "active",
        AGAIN_S,
        world.last_words,
        2,
    )
    until(world.connected, AGAIN_S, world.last_words)
    return f"{time.monotonic() - begun:.0f} s"


def upgrade_to_other_board(world: World) -> str:
    """flash over ssh, with the other board file, ends with 0 once the device is ready, and the hub has it."""
    return _flash_over_ssh(world, world.other_board)


def other_board_lights(world: World) -> None:
    """With the other board file the LED's line follows, too."""
    led_on(world)
    led_off(world)


def upgrade_back(world: World) -> str:
    """flash of the first board file again brings that back; configuration and credentials were kept."""
    took = _flash_over_ssh(world, world.board)
    until(lambda: _has(world, CONFIGURATION), 20, world.reported)
    return took


def _flash_over_ssh(world: World, board: str) -> str:
    begun = time.monotonic()
    done = world.hub.twinkle(
        "flash", board, "--ssh", "pi", "--ssh-config", str(world.machine.ssh_config), limit=600
    )
    took = time.monotonic() - begun
    said = (done.stdout + done.stderr)[-600:]
    expect(done.returncode == 0, f"status {done.returncode}: {said}")
    seen = world.on(
        "systemctl show twinkle -p ActiveState --value; grep -m 1 '\"name\"' /etc/twinkle/board.json"
    )
    expect(
        seen.split()[0] == "active" and f'"{board}"' in seen,
        f"flash ended with 0, and then: {seen}; it said {said}",
    )
    until(world.connected, 20, world.last_words)
    return f"{took:.0f} s"


# --- restarts of the computer


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
    world.machine.hang_up()
    begun = time.monotonic()
    said = world.hub.call("rebootDevice")
    called = time.monotonic()
    off = world.machine.wait_off(SHUT_DOWN_S)
    took = time.monotonic() - called
    if not off:
        reported = world.reported()
        words = world.last_words()
        world.machine.run("sync; systemctl reboot --force", limit=60)
        world.machine.wait_off(60)
        expect(
            False,
            f"no restart within {SHUT_DOWN_S:g} s ({said}); reported {reported.get('lastError')}; {words}",
        )
    expect(took < RESTART_S, f"{took:.0f} s ({begun - called:.0f} s for the answer); {said}")
    return f"{took:.1f} s"


@gate
def comes_up(world: World) -> str:
    """The computer comes up again and the device reaches the hub."""
    took = reaches_hub(world, START_S)
    world.facts["start"] = took
    return took


def configuration_kept(world: World) -> None:
    """The configuration outlived the restart, and it was not applied a second time."""
    until(lambda: _has(world, CONFIGURATION), 20, world.reported)


def restart_reported(world: World) -> str:
    """The time of the restart is reported."""
    reported = world.reported()
    expect(reported.get("rebootTime"), reported)
    return str(reported["rebootTime"])


def configured_before_the_cut(world: World) -> None:
    """Another configuration is reported as applied; then the power is cut at once."""
    _configure(world, LATER_CONFIGURATION)
    world.machine.cut_power()


# --- a start with a wrong clock


@gate
def wrong_clock_named(world: World) -> str:
    """With a clock that is years behind, the service starts and says that the certificate is not valid at its time."""
    pattern = "not valid at this device's time|set the clock"

    def named() -> str:
        expect(world.machine.is_on, "the computer went off")
        done = world.machine.run(
            f'journalctl -b -u twinkle --no-pager -o cat | grep -m 1 -E "{pattern}"; date', limit=60
        )
        return done.stdout if re.search(pattern, done.stdout) else ""

    said = until(named, START_S, world.last_words, 3)
    expect(not world.connected(), "the device is connected all the same")
    return " | ".join(said.split("\n")[:2])


@gate
def clock_set(world: World) -> str:
    """Once the clock is right, the device reaches the hub by itself."""
    begun = time.monotonic()
    world.machine.run(f"date -u -s @{int(time.time())}")
    until(world.connected, 150, world.last_words)
    return f"{time.monotonic() - begun:.0f} s"


def configuration_survived_the_cut(world: World) -> None:
    """The configuration that was reported before the power was cut is the one that holds."""
    until(lambda: _has(world, LATER_CONFIGURATION), 20, world.reported)
    state = world.on("cat /var/lib/twinkle/*.json | head -c 2000")
    expect('"configId": 8' in state or '"configId":8' in state or "8" in state, state)


# --- uninstalling


def uninstalls(world: World) -> None:
    """flash --uninstall --purge over ssh ends with 0, and the service is gone."""
    done = world.hub.twinkle(
        *("flash", world.board, "--uninstall", "--purge", "--ssh", "pi"),
        *("--ssh-config", str(world.machine.ssh_config)),
    )
    expect(done.returncode == 0, (done.stdout + done.stderr)[-400:])
    left = world.on("systemctl list-unit-files --no-legend 'twinkle*'; pgrep -af twinkle/firmware")
    expect(not left, left)


def tree_as_before(world: World) -> str:
    """The file system lists what it listed before the installation, no more and no less."""
    after = set(world.on(f"cd / && {LISTING}").splitlines())
    gone, new = sorted(world.listing - after), sorted(after - world.listing)
    expect(after and not gone and not new, f"left behind: {new[:12]}; gone: {gone[:12]}")
    return f"{len(after)} entries"


# Where a product could leave something; what a system's own first start makes is not looked at.
LISTING = (
    "find etc opt usr/local home root srv var/lib var/spool var/cache var/tmp tmp -xdev \\( "
    "-path var/lib/systemd -o -path 'tmp/systemd-private-*' -o -path 'var/tmp/systemd-private-*' "
    "-o -path var/lib/private -o -name .ssh \\) -prune -o -printf '%y %m %U:%G %p\\n'"
)

FIRST_START = (
    *(first_start, start_is_not_held, units_are_sound, service_is_confined),
    *(led_on, led_off, led_blinks, led_dims),
    *(configuration_applied, sensor_absent, nothing_made_up, console_answers),
    *(stops_in_order, starts_again, watchdog_ends_a_hang, comes_back),
    *(upgrade_to_other_board, other_board_lights, upgrade_back),
    reboots,
)
SECOND_START = (comes_up, configuration_kept, restart_reported, reboots_with_somebody)
THIRD_START = (comes_up, configuration_kept, restart_reported, configured_before_the_cut)
WRONG_CLOCK = (
    *(wrong_clock_named, clock_set, configuration_survived_the_cut),
    *(uninstalls, tree_as_before),
)
# What follows one start, whether the computer knows the time then, and what ends it.
STARTS = ((FIRST_START, True), (SECOND_START, True), (THIRD_START, True), (WRONG_CLOCK, False))


def judge_all(world: World, judge) -> None:
    """Every start of the computer, and its checks; what follows a start that failed is not tried."""
    for checks, knows_time in STARTS:
        with contextlib.suppress(FileNotFoundError):
            world.machine.console.rename(world.machine.console.with_suffix(".before.log"))
        world.machine.start(knows_time)
        goes_on = judge.chapter(world, checks)
        world.machine.cut_power()
        if not goes_on:
            break
