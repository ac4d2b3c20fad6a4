"""``twinkle provision``: credentials onto a device."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from ..boards import hardware_of, load
from ..failure import EXIT_STATUSES, REFUSED, USAGE, Failure
from ..flash import image, pico, raspberry_pi
from ..flash.command import listen_to, start_pi, target_of, target_options
from ..flash.plan import hashes
from ..flash.report import Report
from ..flash.serial_link import SerialLink, find_port
from ..flash.target import Entry, Target
from ..screen import plain, show
from .credentials import Credentials, check

CONNECTION = "TWINKLE_DEVICE_CONNECTION_STRING"
KEY = "TWINKLE_DEVICE_KEY"
PASSWORD = "TWINKLE_WIFI_PASSWORD"
ON_LABEL = ("device", "board", "model", "hub", "console")


@click.command(
    epilog=f"""\b
Example: twinkle provision pico_w --wifi workshop
         twinkle provision pico_w --id-scope 0ne00ABCDEF --registration-id shed-7 --wifi workshop
         twinkle provision raspberry_pi --root /media/rootfs

What is secret is asked for without being shown, or taken from {CONNECTION}, {KEY} and {PASSWORD}.

{EXIT_STATUSES}"""
)
@click.argument("board")
@click.option("--port", help="A Pico W's serial port; without it, that of the one board plugged in.")
@target_options
@click.option("--id-scope", help="Of the provisioning service, for a device whose hub is assigned to it.")
@click.option("--registration-id", help="The device's id there.")
@click.option(
    "--x509",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Directory with the device's certificate and key, in the place of a shared key.",
)
@click.option(
    "--ca-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of the authorities to trust, PEM or DER; without it, Azure's, or that of the local hub.",
)
@click.option("--wifi", help="The Wi-Fi network to join.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the device to be ready.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def provision(
    board, port, root, ssh, ssh_config, id_scope, registration_id, x509, ca_file, wifi, no_wait, as_json
) -> None:
    """Give a device on BOARD its credentials, once they have been found to be well-formed."""
    settings, report = load(board), Report(as_json)
    serial = settings["port"] == pico.PORT_MODULE
    if not serial and (settings["port"] != raspberry_pi.PORT_MODULE or port):
        raise click.UsageError(
            f"{board} is not provisioned over a serial line" if port else f"{board}: twinkle run"
        )
    target = None if serial else target_of(root, ssh, ssh_config)
    connection = _connection_string(id_scope, registration_id, x509 is not None)
    credentials = check(connection, ca_file, x509, wifi)  # before anything else is asked
    if wifi:
        password = secret(PASSWORD, f"Password of the network {wifi} (empty if it is open)", "")
        credentials = check(connection, ca_file, x509, wifi, password)
    for warning in credentials.warnings():
        show(f"twinkle: note: {warning}", err=True)
    report.facts |= {
        "device": credentials.device,
        "board": hardware_of(settings)["name"],
        "model": image.model_id(settings),
        "hub": credentials.host,
    }
    status = (
        _give_to_pico(credentials, settings, port, report, no_wait)
        if serial
        else _give_to_pi(credentials, target, report, no_wait)
    )
    for line in label({name: report.facts[name] for name in ON_LABEL}):
        report.say(line)
    report.finish()
    sys.exit(status)


def _give_to_pico(
    credentials: Credentials, settings: dict[str, Any], port: str | None, report: Report, no_wait: bool
) -> int:
    if credentials.ssid is None:
        show("twinkle: note: no Wi-Fi network; wifi set on the console gives the device one", err=True)
    with SerialLink(find_port(port)) as link:
        report.facts["console"] = f"twinkle console --port {link.port}"
        board = pico.Pico(link)
        # An application of one's own may be there, with a model of its own.
        report.facts["model"] = board.model_id() or report.facts["model"]
        files = {name: content for name, (content, _) in credentials.files().items()}
        if "IdScope" in credentials.parts:
            files |= _for_assignment(settings, board.look())
        for name, content in files.items():
            link.write("/" + name, content)
        said = board.start()
        return 0 if no_wait else listen_to(said, report)


def _for_assignment(settings: dict[str, Any], there: dict[str, str]) -> dict[str, bytes]:
    """What a flashed board lacks to be assigned its hub. Failure when that must be of another release.

    ``there``: the hashes of what lies on the board, by path.
    """
    wanted = image.for_assignment()
    own = {path for path in there if path.startswith("twinkle/") and path.endswith(".mpy")}
    if own >= set(wanted) or not own:
        return {}  # the release that is there has it, or twinkle flash brings it
    files = hashes(image.build(settings) | wanted)
    if any(path in files and files[path] != there[path] for path in own):
        raise Failure(
            "the board lacks what has it ask for its hub, and its files are not of this release; "
            f"twinkle flash {settings['name']} first",
            REFUSED,
        )
    return wanted


def _give_to_pi(credentials: Credentials, target: Target, report: Report, no_wait: bool) -> int:
    if credentials.ssid is not None:
        raise Failure("a Raspberry Pi's Wi-Fi is the system's business: raspi-config, or nmcli", USAGE)
    report.facts["console"] = f"sudo {raspberry_pi.CONSOLE}"
    folder = raspberry_pi.SETTINGS
    target.put({f"{folder}/{name}": Entry(*file) for name, file in credentials.files().items()})
    pi = raspberry_pi.RaspberryPi(target)
    if pi.release is None:
        report.say("The credentials are in place. Next: twinkle flash, which installs the device.")
    elif target.is_running:
        return start_pi(pi, report, no_wait)
    return 0


def label(facts: dict[str, str | None]) -> list[str]:
    """What to stick on the device: no secret is on it."""
    lines = [plain(f"{name:<8} {value or '-'}") for name, value in facts.items()]
    width = max(map(len, lines))
    rule = "+" + "-" * (width + 2) + "+"
    return [rule, *(f"| {line:<{width}} |" for line in lines), rule]


def _connection_string(id_scope: str | None, registration_id: str | None, certified: bool) -> str:
    if bool(id_scope) != bool(registration_id):
        raise click.UsageError("--id-scope and --registration-id go together")
    if not id_scope:
        return secret(CONNECTION, "The device's connection string")
    proof = "x509=true" if certified else "SharedAccessKey=" + secret(KEY, "The device's key")
    return f"IdScope={id_scope};RegistrationId={registration_id};{proof}"


def secret(variable: str, question: str, default: str | None = None) -> str:
    """What the environment's ``variable`` holds, or what is typed without being shown."""
    value = os.environ.get(variable)
    if value is not None:
        return value
    if not sys.stdin.isatty():
        raise Failure(f"there is no terminal to ask on; set {variable}", USAGE)
    return click.prompt(question, hide_input=True, default=default, show_default=False)
