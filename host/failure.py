"""How a verb fails: one line that says what to do, and an exit status that scripts can use."""

import sys

import click

from .screen import show, show_json

FAILED = 1  # the operation was tried and did not succeed
USAGE = 2  # the command line is wrong (click's own)
NOT_FOUND = 3  # no such device, file or board
REFUSED = 4  # credentials or permission
UNREACHABLE = 5  # nobody answers there
NOT_ONLINE = 6  # the device is not there, or did not answer in time

EXIT_STATUSES = """\b
Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused,
5 hub not reachable, 6 device not online or not answering."""


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
