"""``twinkle page``: the way into the page of the local hub, once more."""

import json
import urllib.error
import urllib.request
import webbrowser
from pathlib import Path

import click

from ...failure import EXIT_STATUSES, NOT_FOUND, UNREACHABLE, Failure
from ...known_hubs import known
from ...screen import show, show_json

ANSWER_S = 10


@click.command(epilog=f"\b\nExample: twinkle page --open\n\n{EXIT_STATUSES}")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The hub's directory; without it, the hub that runs.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in this computer's browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
def page(state: Path | None, opens: bool, as_json: bool) -> None:
    """Print a new address of the local hub's page, which opens it once, in one browser."""
    failure = Failure("no local hub is known here; start one with twinkle hub", NOT_FOUND)
    for directory in [state] if state else known():
        try:
            address = _address(directory)
            break
        except Failure as error:
            failure = error
    else:
        raise failure
    if as_json:
        show_json({"address": address})
    else:
        show(address)
    if opens:
        webbrowser.open(address)


def _address(directory: Path) -> str:
    """A new address of the page of the hub in this directory; Failure when there is none, or it shows no page."""
    try:
        info = json.loads((directory / "hub.json").read_text())
    except (OSError, ValueError):
        raise Failure("no local hub is known here; start one with twinkle hub", NOT_FOUND) from None
    if "pageUrl" not in info:
        raise Failure("the hub was started with --no-page", NOT_FOUND)
    asked = urllib.request.Request(f"{info['pageUrl']}api/address", method="POST")
    asked.add_header("Authorization", f"Bearer {info['pageKey']}")
    try:
        with urllib.request.urlopen(asked, timeout=ANSWER_S) as answer:
            return json.load(answer)["address"]
    except urllib.error.HTTPError as error:
        raise Failure(
            f"{info['pageUrl']} is not this hub's page (it answered {error.code})", NOT_FOUND
        ) from None
    except OSError:
        raise Failure(
            f"the hub's page at {info['pageUrl']} does not answer; is the hub running?", UNREACHABLE
        ) from None
