"""The service and systemd, and new releases of it over ssh."""

import subprocess
import time

from ..judge import expect, gate, until
from . import device
from .world import World

AGAIN_S = 180.0  # a start of the service alone
WATCHDOG_S = 180.0  # WatchdogSec=60, and what ending it takes
BOARD_FILE = "/etc/twinkle/board.json"
NO_SUCH = "no-such-backend"


def start_is_not_held(world: World) -> None:
    """The computer's own start does not wait for what the product prepares at its first start."""
    # A target comes after what it wants, and a oneshot has started only once it has ended.
    after = world.show("multi-user.target", "After")["After"].split()
    held = [
        unit for unit in after if unit.startswith("twinkle") and world.show(unit, "Type")["Type"] == "oneshot"
    ]
    expect(not held, f"multi-user.target waits for {', '.join(held)}")


def units_are_sound(world: World) -> None:
    """systemd finds nothing wrong with the units."""
    done = world.machine.run("systemd-analyze verify /etc/systemd/system/twinkle*.service")
    # It also names what it finds in the system's own units.
    said = [line for line in done.stdout.splitlines() if "twinkle" in line]
    expect(done.returncode == 0 and not said, said or done.stdout)


def runs_as_its_user(world: World) -> None:
    """The service runs as a user of its own, and systemd knows that it is ready."""
    shown = world.show("twinkle", "ActiveState", "SubState", "MainPID")
    owner = world.on(f"ps -o user= -p {shown['MainPID']}")
    expect(
        (shown["ActiveState"], shown["SubState"], owner) == ("active", "running", "twinkle"), (shown, owner)
    )


def stops_in_order(world: World) -> str:
    """systemctl stop ends it in good order, with status 0."""
    begun = time.monotonic()
    world.on("systemctl stop twinkle")
    took = time.monotonic() - begun
    shown = world.show("twinkle", "Result", "ExecMainStatus")
    expect(shown == {"Result": "success", "ExecMainStatus": "0"}, shown)
    return f"{took:.1f} s"


@gate
def starts_again(world: World) -> str:
    """It starts again, reaches the hub, and has its configuration."""
    begun = time.monotonic()
    world.on("systemctl start twinkle")
    until(world.connected, AGAIN_S, world.last_words)
    took = f"{time.monotonic() - begun:.0f} s"
    device.configuration_kept(world)
    return took


def watchdog_ends_a_hang(world: World) -> str:
    """A process that is stopped is ended by systemd's watchdog, and started again."""
    before = world.show("twinkle", "NRestarts")
    begun = time.monotonic()
    world.on("kill -STOP $(systemctl show twinkle -p MainPID --value)")
    until(lambda: world.show("twinkle", "NRestarts") != before, WATCHDOG_S, world.last_words, 5)
    took = time.monotonic() - begun
    log = world.on("journalctl -b -u twinkle --no-pager -o cat")
    expect("Watchdog timeout" in log, log[-400:])
    return f"after {took:.0f} s"


@gate
def comes_back(world: World) -> str:
    """It comes back to the hub by itself."""
    begun = time.monotonic()
    until(
        lambda: world.show("twinkle", "ActiveState")["ActiveState"] == "active", AGAIN_S, world.last_words, 2
    )
    until(world.connected, AGAIN_S, world.last_words)
    return f"{time.monotonic() - begun:.0f} s"


def wanted_restarts_are_no_crashes(world: World) -> str:
    """Four restarts in a row that somebody asked for do not end in safe mode."""
    begun = time.monotonic()
    world.machine.run("for i in 1 2 3 4; do systemctl restart twinkle; done", limit=4 * AGAIN_S)
    took = time.monotonic() - begun
    until(world.connected, AGAIN_S, world.last_words)
    log = world.on("journalctl -b -u twinkle -n 40 --no-pager -o cat")
    expect("safeMode" not in world.reported() and "safe mode" not in log, log[-400:])
    return f"within {took:.0f} s"


def flash_names_what_is_dead(world: World) -> str:
    """flash over ssh of a device that does not start ends with an error, which says what the device said."""
    world.on(f'sed -i.kept \'s/"gpio": .*/"gpio": "{NO_SUCH}",/\' {BOARD_FILE}')
    done = _flash(world, world.other_board)
    world.on(f"mv {BOARD_FILE}.kept {BOARD_FILE}")
    said = (done.stdout + done.stderr)[-600:]
    expect(done.returncode not in (0, 2) and NO_SUCH in said, f"status {done.returncode}: {said}")
    return f"status {done.returncode}: {said.splitlines()[-1]}"


def upgrade_to_other_board(world: World) -> str:
    """flash over ssh, with the other board file, ends with 0 once the device is ready, and the hub has it."""
    return _flash_well(world, world.other_board)


def upgrade_back(world: World) -> str:
    """flash of the first board file brings that back; configuration and credentials were kept."""
    took = _flash_well(world, world.board)
    device.configuration_kept(world)
    return took


def _flash(world: World, board: str) -> subprocess.CompletedProcess:
    settings = str(world.machine.ssh_config)
    return world.hub.twinkle("flash", board, "--ssh", "pi", "--ssh-config", settings)


def _flash_well(world: World, board: str) -> str:
    begun = time.monotonic()
    done = _flash(world, board)
    took = time.monotonic() - begun
    said = (done.stdout + done.stderr)[-600:]
    expect(done.returncode == 0, f"status {done.returncode}: {said}")
    state = world.show("twinkle", "ActiveState")["ActiveState"]
    name = world.on("grep -m 1 '\"name\"' /etc/twinkle/board.json")
    expect(
        state == "active" and f'"{board}"' in name,
        f"flash ended with 0, and then: {state}, {name}; it said {said}",
    )
    until(world.connected, 20, world.last_words)
    return f"{took:.0f} s"
