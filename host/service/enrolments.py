"""``enrolments``: who may be provisioned by the local hub's stand-in for DPS."""

from urllib.parse import quote

import click

from ..device_certificate import make_certificate, thumbprint_of
from .hub import Hub
from .sidedoor import call
from .verbs import DIRECTORY, FILE, example, on_hub

ELSEWHERE = "keep enrolments with the Device Provisioning Service"


def path(name: str) -> str:
    """An enrolment's place behind the side door."""
    return "enrolments/" + quote(name, safe="")


@click.group()
def enrolments() -> None:
    """Enrolments of the local hub's provisioning service.

    On Azure they are kept with the Device Provisioning Service itself.
    """


@enrolments.command("add", epilog=example("twinkle enrolments add shed-7"))
@on_hub
@click.argument("name")
@click.option(
    "--group", is_flag=True, help="NAME is a group; its devices' keys are derived from the group's."
)
@click.option("--authority", metavar="NAME", help="The group's devices have certificates of this authority.")
@click.option(
    "--x509", metavar="DIR", type=DIRECTORY, help="Make it a key and a certificate, in this directory."
)
@click.option("--certificate", type=FILE, help="Its own certificate (PEM).")
@click.option("--gateway", metavar="NAME", help="Name or address to dial instead of the hub's own name.")
@click.option("--device-id", metavar="ID", help="Device id to assign instead of the registration id.")
def add(hub: Hub, say, name: str, group: bool, gateway, device_id, authority, x509, certificate) -> None:
    """Enrol the registration id NAME and print its connection string for twinkle run.

    It is a secret if it holds a key.
    """
    if group and gateway:
        raise click.UsageError("--gateway is for a connection string, and a group has none")
    own = thumbprint_of(certificate) if certificate else make_certificate(x509, name) if x509 else None
    body = {"group": group, "deviceId": device_id, "thumbprint": own, "authority": authority}
    made = call(hub, "PUT", path(name), body, ELSEWHERE)
    key = made["keys"][0] if made["keys"] else None
    result = {"name": name, "group": group, "idScope": made["idScope"], "primaryKey": key}
    if group:
        say(result, f"id scope {made['idScope']}" + (f", group key {key}" if key else ""))
        return
    text = hub.registration_connection_string(made["idScope"], name, key, gateway)
    say({**result, "connectionString": text}, text)


@enrolments.command("list", epilog=example("twinkle enrolments list"))
@on_hub
def list_enrolments(hub: Hub, say) -> None:
    """List the enrolments, a line each."""
    known = call(hub, "GET", "enrolments", None, ELSEWHERE)
    lines = [f"{e['name']:<32} {'group' if e['group'] else 'individual'}" for e in known]
    say(known, *lines or ["no enrolments"])


@enrolments.command("remove", epilog=example("twinkle enrolments remove shed-7"))
@on_hub
@click.argument("name")
def remove(hub: Hub, say, name: str) -> None:
    """Remove the enrolment NAME; devices keep their identities."""
    call(hub, "DELETE", path(name), None, ELSEWHERE)
    say({"name": name, "removed": True}, f"removed {name}")
