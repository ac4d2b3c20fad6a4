"""``twinkle flash``: the device's files onto a board."""

import sys
import time
from pathlib import Path
from typing import Any

import click

from ..boards import hardware_of, load
from ..failure import EXIT_STATUSES, NOT_FOUND, NOT_ONLINE, USAGE, Failure
from ..paths import FIRMWARE, UMQTT
from ..screen import show
from ..trial import OF_A_PI, OF_A_PICO, try_out
from . import image, pico, raspberry_pi, uf2
from .plan import hashes, make_plan, refuse_downgrade
from .report import Report
from .serial_link import SerialLink, ask_running, find_port
from .target import Target, mounted, over_ssh

APPEARS_S = 20.0  # until a board with a new MicroPython shows its serial port
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def target_options(command):
    """The options that say which Raspberry Pi is meant."""
    for option in (
        click.option("--ssh-config", type=FILE, help="Settings for ssh, in the place of your own."),
        click.option("--ssh", metavar="HOST", help="A Raspberry Pi that runs, through your own ssh."),
        click.option("--root", type=FOLDER, help="A Raspberry Pi's root file system, mounted here."),
    ):
        command = option(command)
    return command


def target_of(root: Path | None, ssh: str | None, ssh_config: Path | None) -> Target:
    """The Raspberry Pi that was named."""
    if (root is None) == (ssh is None):
        raise click.UsageError("name a Raspberry Pi: --root DIR for a mounted card, or --ssh HOST")
    return mounted(root) if root is not None else over_ssh(ssh, config=ssh_config)


@click.command(
    epilog=f"""\b
Example: twinkle flash pico_w
         twinkle flash pico_w --uf2 RPI_PICO_W.uf2
         twinkle flash raspberry_pi --ssh pi@shed
         twinkle flash raspberry_pi_5 --root /media/rootfs

{EXIT_STATUSES}"""
)
@click.argument("board")
@click.option("--port", help="A Pico W's serial port; without it, that of the one board plugged in.")
@target_options
@click.option("--app", type=FILE, help="An application of your own, in the place of the board file's.")
@click.option(
    "--umqtt", type=FILE, default=UMQTT, help="Another umqtt/simple.py than the one that set-up brought."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show what would be done, and do nothing; a Pico W that runs is asked for its release.",
)
@click.option("--downgrade", is_flag=True, help="Replace a newer release, too.")
@click.option(
    "--uf2", "firmware", type=FILE, help="First install this MicroPython on a Pico W in boot mode (BOOTSEL)."
)
@click.option("--drive", type=FOLDER, help="Its drive then; without it, the one that is mounted.")
@click.option("--uninstall", is_flag=True, help="Remove what was installed on a Raspberry Pi.")
@click.option("--purge", is_flag=True, help="With --uninstall: its credentials and state, too.")
@click.option(
    "--wheels",
    type=FOLDER,
    help="A folder of wheels to put along, for a Raspberry Pi whose package index lacks some.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait for the device to be ready.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def flash(board, root, ssh, ssh_config, as_json, **options) -> None:
    """Put the device's files on BOARD, by name or by the path of its board file.

    Only what differs is copied. Credentials and the device's state stay; an interrupted copy is
    repaired by running the same again.
    """
    settings, report = load(board), Report(as_json)
    if not options["uninstall"]:
        _try_out(settings, options["app"])
    if settings["port"] == pico.PORT_MODULE:
        _refuse(board, root=root, ssh=ssh, uninstall=options["uninstall"], wheels=options["wheels"])
        status = _flash_pico(settings, report, options)
    elif settings["port"] == raspberry_pi.PORT_MODULE:
        _refuse(board, port=options["port"], uf2=options["firmware"], drive=options["drive"])
        pi = raspberry_pi.RaspberryPi(target_of(root, ssh, ssh_config))
        status = (
            _uninstall(pi, report, options)
            if options["uninstall"]
            else _install(pi, settings, report, options)
        )
    else:
        raise click.UsageError(f"{board} is this computer: twinkle run")
    report.finish()
    sys.exit(status)


def _try_out(settings: dict[str, Any], app: Path | None) -> None:
    """Failure when somebody's own application cannot start on the interpreter of this board."""
    app = app or image.application(settings)
    if not app.is_relative_to(FIRMWARE):
        pico_w = settings["port"] == pico.PORT_MODULE
        try_out(
            app,
            settings,
            "micropython" if pico_w else "cpython",
            OF_A_PICO if pico_w else OF_A_PI,
            stand_ins=pico_w,
        )


def _refuse(board: str, **given: Any) -> None:
    for name, value in given.items():
        if value:
            raise click.UsageError(f"--{name} is not for {board}")


def _flash_pico(settings: dict[str, Any], report: Report, options: dict[str, Any]) -> int:
    port = options["port"]
    if options["firmware"]:
        _install_micropython(settings, report, options)
        if options["dry_run"]:
            return 0
        port = _await_port(port)
    files = image.build(settings, options["app"], options["umqtt"])
    port, dry_run = find_port(port), options["dry_run"]
    if dry_run and (running := ask_running(port)) is not None:
        report.show_running(port, running, image.release())
        return 0
    with SerialLink(port, restarts=not dry_run) as link:
        board = pico.Pico(link)
        version, release = board.check(settings), board.release()
        refuse_downgrade(image.release(), release, options["downgrade"])
        if board.is_assigned_its_hub():
            files |= image.for_assignment()
        plan = make_plan(hashes(files), board.look())
        report.facts |= {"port": link.port, "micropython": version}
        report.say(f"{link.port}: MicroPython {version}")
        report.show_plan(release, plan, {path: len(content) for path, content in files.items()}, dry_run)
        if dry_run:
            return 0
        with report.bar("copying", sum(len(files[path]) for path in plan.copy)) as bar:
            board.carry_out(plan, files, bar.update)
        said = board.start()
        return 0 if options["no_wait"] else listen_to(said, report)


def _install_micropython(settings: dict[str, Any], report: Report, options: dict[str, Any]) -> None:
    hardware = hardware_of(settings)
    if "uf2" not in hardware:
        raise Failure(f"a {hardware['name']} has no UF2 boot mode", USAGE)
    firmware: Path = options["firmware"]
    content = firmware.read_bytes()
    size = uf2.check(content, hardware)
    place = uf2.find_drive(options["drive"], hardware)
    report.say(f"{place}: {firmware.name}, {size} bytes of flash on a {hardware['name']}")
    if not options["dry_run"]:
        with report.bar("installing MicroPython", len(content)) as bar:
            uf2.copy(content, place, bar.update)


def _await_port(port: str | None) -> str:
    end = time.monotonic() + APPEARS_S
    while True:
        try:
            found = find_port(port, APPEARS_S)
            break
        except Failure:  # which of them it will be is not known until it is plugged in
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)
    if not Path(found).exists():
        raise Failure(f"the board with its new MicroPython did not appear at {found}", NOT_FOUND)
    return found


def listen_to(said, report: Report) -> int:
    """Pass on what a device says while it starts; the exit status."""
    last = ""
    for line in said:
        report.say("  " + line)
        last = line or last
        if pico.is_ready(line):
            report.facts["ready"] = True
            return 0
        if line.startswith("setup: "):
            break
    report.facts |= {"ready": False, "said": last}
    if last.startswith("setup: credentials.json is missing"):
        report.say("The files are in place. Next: twinkle provision, which gives the device its credentials.")
        return 0
    show(f"twinkle: the files are in place, but the device is not ready; it said last: {last}", err=True)
    return NOT_ONLINE


def _install(
    pi: raspberry_pi.RaspberryPi, settings: dict[str, Any], report: Report, options: dict[str, Any]
) -> int:
    refuse_downgrade(image.release(), pi.release, options["downgrade"])
    sources, settings = image.sources(settings, options["app"])
    wheels = raspberry_pi.wheels_in(options["wheels"]) if options["wheels"] else []
    wanted = raspberry_pi.tree(sources, options["umqtt"], wheels)
    plan = pi.plan(wanted)
    report.show_plan(
        pi.release, plan, {path: len(entry.content) for path, entry in wanted.items()}, options["dry_run"]
    )
    if options["dry_run"]:
        return 0
    note = pi.install(wanted, settings, plan)
    report.facts["note"] = note
    if note:
        report.say(note)
    if pi.target.read(f"{raspberry_pi.SETTINGS}/credentials.json") is None:
        report.say("The files are in place. Next: twinkle provision, which gives the device its credentials.")
    elif pi.target.is_running:
        return start_pi(pi, report, options["no_wait"])
    else:
        report.say(
            "The device starts with the computer; the first time it needs the network, for its Python packages."
        )
    return 0


def start_pi(pi: raspberry_pi.RaspberryPi, report: Report, no_wait: bool) -> int:
    """Start the service of a computer that runs; the exit status, which is 0 when the device is ready."""
    if no_wait:
        pi.start()
        report.say("the start is being prepared there; journalctl --follow --unit 'twinkle*' shows it")
        return 0
    report.say("preparing the start: the first time this brings Python packages, which takes minutes")
    return listen_to(pi.start_and_listen(), report)


def _uninstall(pi: raspberry_pi.RaspberryPi, report: Report, options: dict[str, Any]) -> int:
    if pi.release is None and not options["purge"]:
        raise Failure("nothing is installed there", NOT_FOUND)
    removed = pi.uninstall(options["purge"])
    report.facts["removed"] = removed
    report.say(f"removed {len(removed)} files")
    if not options["purge"]:
        report.say(f"kept: credentials in {raspberry_pi.SETTINGS}, state in {raspberry_pi.STATE}")
    return 0
