"""What a person is shown: a line as it is read, whatever the hub or device that it came from has put into it.

Control characters move the cursor, change colours, titles and the keyboard's meaning; others turn the direction of
what follows, or begin a line of their own. Each is shown as JSON would escape it, so JSON stays JSON.
"""

import json
import re
from typing import Any

import click

# C0, delete and C1; what sets directions (Unicode Standard Annex 9, table 4); separators of lines and paragraphs;
# the byte order mark; halves of surrogate pairs, which no terminal can be sent.
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    """``text`` as one line that every terminal shows as it is."""
    return UNSHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Words(str):
    """A line whose parts have colours: ``Words(("kitchen ", "cyan"), ("connected", None))``."""

    def __new__(cls, *parts: tuple[str, str | None]) -> "Words":
        made = super().__new__(cls, "".join(text for text, _ in parts))
        made.parts = parts
        return made

    parts: tuple[tuple[str, str | None], ...]


def show(text: str, err: bool = False) -> None:
    """Print one line, on standard error if ``err``; the colours of Words on a terminal only."""
    if isinstance(text, Words):
        text = "".join(
            click.style(plain(part), fg=colour) if colour else plain(part) for part, colour in text.parts
        )
        click.echo(text, err=err)
    else:
        click.echo(plain(text), err=err)


def show_json(value: Any, indent: int | None = None, err: bool = False) -> None:
    """Print a value as JSON, in ASCII; on one line unless it is indented; on standard error if ``err``."""
    click.echo(json.dumps(value, indent=indent), err=err)
