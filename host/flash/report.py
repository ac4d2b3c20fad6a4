"""What the user of a command sees: lines and bars on a terminal, or one JSON document at the end."""

import sys
from typing import Any

import click

from ..screen import show, show_json
from .plan import Plan

MOST_NAMED = 10  # files; more are only counted, unless the plan is what was asked for


class Report:
    """``facts`` is the document."""

    def __init__(self, as_json: bool):
        self._as_json = as_json
        self.facts: dict[str, Any] = {}

    def say(self, text: str) -> None:
        """A line for a person."""
        if not self._as_json:
            show(text)

    def bar(self, label: str, size: int):
        """A progress bar over ``size`` bytes, on a terminal."""
        hidden = self._as_json or not size or not sys.stderr.isatty()
        return click.progressbar(length=size, label=label, file=sys.stderr, show_pos=False, hidden=hidden)

    def show_plan(self, release: str | None, plan: Plan, sizes: dict[str, int], dry_run: bool) -> None:
        """What is there, and what will be done."""
        self.facts |= {
            "release": release,
            "copied": plan.copy,
            "removed": plan.remove,
            "unchanged": len(plan.keep),
        }
        self.say(f"release {release} is there" if release else "nothing is there yet")
        for path in plan.copy if len(plan.copy) <= MOST_NAMED or dry_run else ():
            self.say(f"  copy    {path:<40} {sizes[path]:>6} bytes")
        for path in plan.remove:
            self.say(f"  remove  {path}")
        size = sum(sizes[path] for path in plan.copy)
        counts = f"{len(plan.copy)} to copy ({size} bytes), {len(plan.remove)} to remove, {len(plan.keep)} unchanged"
        self.say(counts)

    def show_running(self, port: str, version: dict[str, Any], release: str) -> None:
        """What can be said of a board without stopping the device on it. ``version``: what that says of itself."""
        there = version.get("twinkle")
        self.facts |= {"port": port, "running": True, "release": there, "new": release}
        self.say(
            f"{port}: release {there or 'unknown'} runs there and goes on running; this one is {release}"
        )
        self.say(
            "which files differ is seen at the board's prompt alone: type hold on the console, and the same again; "
            "twinkle flash does both, and starts the board again"
        )

    def finish(self) -> None:
        """The end."""
        if self._as_json:
            show_json(self.facts)
