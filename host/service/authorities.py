"""``authorities``: whose certificates the local hub takes from devices."""

from pathlib import Path
from urllib.parse import quote

import click

from ..device_certificate import read_certificate
from .hub import Hub
from .sidedoor import call
from .verbs import FILE, example, on_hub

ELSEWHERE = "upload and verify authorities in the portal, or with: az iot hub certificate create"


def path(name: str) -> str:
    """An authority's place behind the side door."""
    return "authorities/" + quote(name, safe="")


@click.group()
def authorities() -> None:
    """Certificate authorities that may vouch for devices of the local hub."""


@authorities.command("add", epilog=example("twinkle authorities add factory ca.pem"))
@on_hub
@click.argument("name")
@click.argument("file", type=FILE)
def add(hub: Hub, say, name: str, file: Path) -> None:
    """Trust the authority whose certificate (PEM) is FILE, under NAME."""
    call(hub, "PUT", path(name), {"certificate": read_certificate(file)}, ELSEWHERE)
    say({"name": name}, f"added {name}")


@authorities.command("list", epilog=example("twinkle authorities list"))
@on_hub
def list_authorities(hub: Hub, say) -> None:
    """List the authorities' names."""
    known = call(hub, "GET", "authorities", None, ELSEWHERE)
    say(known, *known or ["no authorities"])


@authorities.command("remove", epilog=example("twinkle authorities remove factory"))
@on_hub
@click.argument("name")
def remove(hub: Hub, say, name: str) -> None:
    """Trust the authority NAME no longer; live connections stay."""
    call(hub, "DELETE", path(name), None, ELSEWHERE)
    say({"name": name, "removed": True}, f"removed {name}")
