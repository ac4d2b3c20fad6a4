"""How a verb fails: one line that says what to do, and an exit status that scripts can use."""

import sys
from http import HTTPStatus

import click

from .screen import show, show_json

DONE = 0
FAILED = 1  # it was tried here and did not succeed
USAGE = 2  # the command line is wrong (click's own), or what it names is malformed: a string, a key, a file
NOT_FOUND = 3  # no such device, file, board or hub
REFUSED = 4  # by the hub or a device: credentials, permission, a conflict, a condition, a rate, a limit
UNREACHABLE = 5  # nobody answers there, or nothing but errors of its own
NOT_ONLINE = 6  # the device is not there, or did not answer in time

# What scripts may build on. --help, the README and docs/azure-sdks.md say the same.
STATUSES = {
    DONE: "done",
    FAILED: "failed",
    USAGE: "wrong usage or malformed input",
    NOT_FOUND: "not found",
    REFUSED: "refused",
    UNREACHABLE: "hub not reachable",
    NOT_ONLINE: "device not online or not answering",
}
EXIT_STATUSES = "Exit status: " + ", ".join(f"{code} {words}" for code, words in STATUSES.items()) + "."


def of_refusal(status: int, otherwise: int = UNREACHABLE) -> int:
    """The exit status for an HTTP status of 400 or more; ``otherwise`` for what went wrong at the other end."""
    if status == HTTPStatus.NOT_FOUND:
        return NOT_FOUND
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return NOT_ONLINE
    refused = status < HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.NOT_IMPLEMENTED
    return REFUSED if refused else otherwise


class Failure(click.ClickException):
    """Ends the command with ``twinkle: TEXT`` on standard error and ``exit_code``."""

    def __init__(self, text: str, exit_code: int = FAILED):
        super().__init__(text)
        self.exit_code = exit_code

    def show(self, file=None) -> None:
        show("twinkle: " + " ".join(self.message.split()), err=True)


def for_scripts() -> bool:
    """Whether this command was asked for JSON, which then is what its errors are, too."""
    return "--json" in sys.argv[1:]


def tell(error: click.ClickException) -> None:
    """Show why the command ended: for people as click does, for scripts as one line of JSON on standard error."""
    if for_scripts():
        text = " ".join(error.format_message().split())
        show_json({"error": text, "status": error.exit_code}, err=True)
    else:
        error.show()


def note(text: str) -> None:
    """Say something in passing, on standard error."""
    if for_scripts():
        show_json({"note": text}, err=True)
    else:
        show("twinkle: " + text, err=True)
