"""``tools/bench``: measures, compares, and writes the page."""

import resource
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console

from twinkle_host.paths import ROOT

from . import (
    costs,
    event_readers,
    first_message,
    fleet,
    footprint,
    goals,
    hub_load,
    idle,
    outages,
    page,
    page_cost,
    redeploy,
    round_trips,
    twin_cost,
    versions,
    wear,
)

FIGURES = {
    "P1": ("direct methods", round_trips),
    "P2": ("processor and memory", costs),
    "P3": ("start", first_message),
    "P4": ("heap and files of a Pico W", footprint),
    "P5": ("idleness", idle),
    "P6": ("wear of the flash", wear),
    "P7": ("outages of the hub", outages),
    "P8": ("load on the hub", hub_load),
    "P9": ("size of the twin", twin_cost),
    "P10": ("an edit", redeploy),
    "P11": ("events to readers", event_readers),
    "P12": ("the hub's page", page_cost),
    "P13": ("many devices at once", fleet),
}


class Bench(NamedTuple):
    """What a figure is given: a folder of its own making, and how to say what is going on."""

    quick: bool
    folder: Path
    say: object


@click.command(
    epilog="\b\nExample: ./tools/bench --quick\n"
    "Exit status: 0 everything was measured, 1 something could not be, 2 wrong usage."
)
@click.option("--quick", is_flag=True, help="A short form: fewer samples, ends within five minutes.")
@click.option("--only", metavar="P1,P3", help=f"These figures alone, of {', '.join(FIGURES)}.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "docs",
    help="Where performance.md and performance.json are written; docs unless told otherwise.",
)
def main(quick: bool, only: str | None, output: Path) -> None:
    """Run the benchmark: our device and hub beside their peers, on this computer, in one run."""
    wanted = [name.strip().upper() for name in only.split(",")] if only else list(FIGURES)
    unknown = [name for name in wanted if name not in FIGURES]
    if unknown:
        raise click.UsageError(f"there is no figure {unknown[0]}; there are {', '.join(FIGURES)}")
    allow_many_files()
    console = Console(stderr=True, highlight=False)
    # First, since it also tells how busy the computer was before.
    found = versions.collect()
    measurements, failed = [], False
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in (name for name in FIGURES if name in wanted):
            failed |= not measure(name, quick, Path(folder), console, measurements)
    absent = goals.unmeasured(wanted, measurements)
    about = {name: (title, module.ABOUT) for name, (title, module) in FIGURES.items() if name in wanted}
    command = shlex.join(
        ["./tools/bench", *(["--quick"] if quick else []), *(["--only", only] if only else [])]
    )
    text = page.render(measurements, absent, about, found, command)
    path = page.write(output, text, page.document(measurements, absent, found, command))
    console.print(f"written: {path}", soft_wrap=True)
    sys.exit(1 if failed or absent else 0)


def measure(name: str, quick: bool, folder: Path, console: Console, measurements: list) -> bool:
    """Measure one figure; whether that was possible."""
    title, module = FIGURES[name]
    begun = time.monotonic()
    with console.status(f"{name} {title}") as status:
        say = lambda text: status.update(f"{name} {title}: {text}")  # noqa: E731
        try:
            measurements += module.measure(Bench(quick, folder, say))
        # Whatever goes wrong in one figure, the others are still worth having.
        except Exception as error:
            text = " ".join(str(error).split()) or "no reason is known"
            console.print(
                f"bench: {name} could not be measured: {type(error).__name__}: {text}", soft_wrap=True
            )
            return False
    console.print(f"{name} {title}: {time.monotonic() - begun:.0f} s")
    return True


def allow_many_files() -> None:
    """As many open files as this user may have: a thousand devices need two thousand sockets."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main(prog_name="tools/bench")
