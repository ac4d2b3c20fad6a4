"""``twinkle new``: an application with its model, its tests and its board, which work as they are."""

import re
from pathlib import Path

import click

from ..failure import EXIT_STATUSES, Failure
from ..screen import show, show_json

TEMPLATE = Path(__file__).parent / "template"
PLACEHOLDER = "NAME"
FILES = {
    "app.py": "NAME.py",
    "model.json": "NAME.json",
    "test_app.py": "test_NAME.py",
    "board.json": "board.json",
    "README.md": "README.md",
}
# A Python module, and a segment of a model's id (DTDL version 2, "Digital Twin Model Identifier").
NAMES = re.compile(r"[A-Za-z](?:[A-Za-z0-9_]{0,62}[A-Za-z0-9])?")


@click.command(epilog=f"\b\nExample: twinkle new kitchen\n\n{EXIT_STATUSES}")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def new(name: str, as_json: bool) -> None:
    """Write an application NAME in a new folder of that name: with its model, its tests and a board file."""
    if not NAMES.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is no name for an application: letters, digits and _, first a letter, last no _"
        )
    folder = Path(name)
    try:
        folder.mkdir()
        for source, target in FILES.items():
            text = (TEMPLATE / source).read_text(encoding="utf-8").replace(PLACEHOLDER, name)
            (folder / target.replace(PLACEHOLDER, name)).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise Failure(f"{folder} exists already; choose another name, or another folder to be in") from None
    except OSError as error:
        raise Failure(f"{error.filename} cannot be written: {error.strerror}") from None
    files = [str(folder / target.replace(PLACEHOLDER, name)) for target in FILES.values()]
    if as_json:
        show_json({"name": name, "files": files})
        return
    for file in files:
        show(f"  {file}")
    show(f"Next: cd {name}, twinkle dev {name}.py, and pytest in another terminal. README.md has the rest.")
