"""``twinkle flash``: the device's files onto a board."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from ..boards import hardware_of, load
from ..failure import EXIT_STATUSES, NOT_FOUND, NOT_ONLINE, Failure
from ..paths import UMQTT
from . import uf2
from .pico import PORT_MODULE, Pico, is_ready, prepare, refuse_downgrade
from .plan import Plan, hashes, make_plan
from .serial_link import SerialLink, find_port

MOST_NAMED = 10  # files; more are only counted, unless the plan is what was asked for
APPEARS_S = 20.0  # until a board with a new MicroPython shows its serial port
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(
    epilog=f"""\b
Example: twinkle flash pico_w
         twinkle flash pico_w --uf2 RPI_PORT_MODULE_W.uf2
         twinkle flash pico_w --dry-run --json

{EXIT_STATUSES}"""
)
@click.argument("board")
@click.option("--port", help="The board's serial port; without it, that of the one board plugged in.")
@click.option("--app", type=FILE, help="An application of your own, in the place of the board file's.")
@click.option(
    "--umqtt", type=FILE, default=UMQTT, help="Another umqtt/simple.py than the one that set-up brought."
)
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--downgrade", is_flag=True, help="Replace a newer release, too.")
@click.option(
    "--uf2", "firmware", type=FILE, help="First install this MicroPython on a board in boot mode (BOOTSEL)."
)
@click.option("--drive", type=FOLDER, help="That board's drive; without it, the one that is mounted.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the device to be ready.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def flash(board, port, app, umqtt, dry_run, downgrade, firmware, drive, no_wait, as_json) -> None:
    """Put the device's files on BOARD, by name or by the path of its board file.

    Only what differs is copied. Credentials and the device's state stay; an interrupted copy is
    repaired by running the same again.
    """
    settings = load(board)
    if settings["port"] != PORT_MODULE:
        raise click.UsageError(f"{board} is not a board that is flashed over a serial line")
    report = Report(as_json)
    if firmware:
        _install(firmware, drive, settings, dry_run, report)
        if dry_run:
            return
        port = _await_port(port)
    files = prepare(settings, app, umqtt)
    port = find_port(port)
    with SerialLink(port) as link:
        pico = Pico(link)
        version, release = pico.check(settings), pico.release()
        refuse_downgrade(release, downgrade)
        plan = make_plan(hashes(files), pico.look())
        report.show_plan(port, version, release, plan, files, dry_run)
        if dry_run:
            report.finish()
            return
        with report.bar("copying", sum(len(files[path]) for path in plan.copy)) as bar:
            pico.carry_out(plan, files, bar.update)
        said = pico.start()
        status = 0 if no_wait else listen_to(said, report)
    report.finish()
    sys.exit(status)


class Report:
    """What the user sees: lines and bars on a terminal, or one JSON document at the end."""

    def __init__(self, as_json: bool):
        self._as_json = as_json
        self.facts: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """A line for a person."""
        if not self._as_json:
            click.echo(text)

    def bar(self, label: str, size: int):
        """A progress bar over ``size`` bytes; click shows none when nobody watches."""
        return click.progressbar(length=size, label=label, file=sys.stderr, show_pos=False)

    def show_plan(
        self, port: str, version: str, release: str | None, plan: Plan, files: dict[str, bytes], dry_run: bool
    ) -> None:
        """What is there, and what will be done."""
        self.facts |= {
            "port": port,
            "micropython": version,
            "release": release,
            "copied": plan.copy,
            "removed": plan.remove,
            "unchanged": len(plan.keep),
        }
        there = f"release {release}" if release else "not flashed yet"
        self.say(f"{port}: MicroPython {version}, {there}")
        for path in plan.copy if len(plan.copy) <= MOST_NAMED or dry_run else ():
            self.say(f"  copy    {path:<40} {len(files[path]):>6} bytes")
        for path in plan.remove:
            self.say(f"  remove  {path}")
        size = sum(len(files[path]) for path in plan.copy)
        self.say(
            f"{len(plan.copy)} to copy ({size} bytes), {len(plan.remove)} to remove, {len(plan.keep)} unchanged"
        )

    def finish(self) -> None:
        """The end."""
        if self._as_json:
            click.echo(json.dumps(self.facts))


def _install(
    firmware: Path, drive: Path | None, settings: dict[str, Any], dry_run: bool, report: Report
) -> None:
    hardware = hardware_of(settings)
    if "uf2" not in hardware:
        raise Failure(f"a {hardware['name']} has no UF2 boot mode")
    content = firmware.read_bytes()
    size = uf2.check(content, hardware)
    place = uf2.find_drive(drive, hardware)
    report.say(f"{place}: {firmware.name}, {size} bytes of flash on a {hardware['name']}")
    if not dry_run:
        with report.bar("installing MicroPython", len(content)) as bar:
            uf2.copy(content, place, bar.update)


def _await_port(port: str | None) -> str:
    end = time.monotonic() + APPEARS_S
    while True:
        try:
            found = find_port(port)
            if Path(found).exists():
                return found
        except Failure:
            if time.monotonic() >= end:
                raise
        if time.monotonic() >= end:
            raise Failure(f"the board with its new MicroPython did not appear at {port}", NOT_FOUND)
        time.sleep(0.2)


def listen_to(said, report: Report) -> int:
    """Pass on what the device says; the exit status."""
    last = ""
    for line in said:
        report.say("  " + line)
        last = line or last
        if is_ready(line):
            report.facts["ready"] = True
            return 0
        if line.startswith("setup: "):
            break
    report.facts |= {"ready": False, "said": last}
    if last.startswith("setup: credentials.json is missing"):
        report.say("The files are in place. Next: twinkle provision, which gives the device its credentials.")
        return 0
    click.echo(
        f"twinkle: the files are in place, but the device is not ready; it said last: {last}", err=True
    )
    return NOT_ONLINE
