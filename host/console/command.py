"""``twinkle console``: the technician's console."""

import sys
from pathlib import Path

import click

from ..failure import EXIT_STATUSES, USAGE, Failure
from ..flash.command import FILE
from ..flash.serial_link import find_port
from ..flash.target import over_ssh
from ..paths import device_folder, state_home
from ..screen import show, show_json
from .dialogue import Dialogue, asks_for_json
from .line import Line, SerialLine, SocketLine, SshLine
from .session import Record, Session


@click.command(
    epilog=f"""\b
Example: twinkle console
         twinkle console -c status
         twinkle console --device desk -c "led blink 2"
         twinkle console --ssh pi@shed -c status
         twinkle console -c "call blink 2" --json

{EXIT_STATUSES}"""
)
@click.option("--port", help="A Pico W's serial port; without it, that of the one board plugged in.")
@click.option(
    "--socket", type=click.Path(path_type=Path), help="The console of a device that runs on this computer."
)
@click.option("--device", help="The same, by the id of a device that twinkle run has started.")
@click.option("--ssh", metavar="HOST", help="A Raspberry Pi that runs, through your own ssh.")
@click.option("--ssh-config", type=FILE, help="Settings for ssh, in the place of your own.")
@click.option("-c", "--command", "question", help="Ask this one thing and leave.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for its answer.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Where a session is recorded.")
@click.option("--json", "as_json", is_flag=True, help="With -c: print the device's own JSON.")
def console(port, socket, device, ssh, ssh_config, question, timeout, log, as_json) -> None:
    """Talk to a device over its serial line, or over the socket of its service."""
    if sum(option is not None for option in (port, socket, device, ssh)) > 1:
        raise click.UsageError("name one of --port, --socket, --device and --ssh")
    if device is not None:
        socket = device_folder(device) / "console"

    def open_line() -> Line:
        if ssh is not None:
            return SshLine(over_ssh(ssh, ssh_config), ssh)
        return SocketLine(socket) if socket is not None else SerialLine(place)

    place = "" if socket is not None or ssh is not None else find_port(port)
    line = open_line()
    if question is None:
        if not sys.stdin.isatty():
            raise Failure("there is no terminal to type on; ask with -c", USAGE)
        name = (device or Path(line.name).name).replace("/", "_")
        Session(line, open_line, Record(log or state_home() / "console" / f"{name}.log")).run()
        return
    try:
        answer = Dialogue(line).ask(question, timeout)
    finally:
        line.close()
    if as_json or asks_for_json(question):
        show_json(answer.document)
    else:
        for text in answer.lines():
            show(text)
        show(answer.last_line(), err=not answer.ok)
    sys.exit(answer.exit_code)
