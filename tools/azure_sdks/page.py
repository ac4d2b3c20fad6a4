"""The table as data, and as the part of docs/azure-sdks.md that is written from it."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from .notes import NOTES
from .rows import WORKS, Row

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, DATA = DOCS / "azure-sdks.md", DOCS / "azure-sdks.json"
BEGIN, END = "<!-- from here on written by tools/sdks -->", "<!-- to here -->"

Packages = dict[str, dict[str, Any]]


def written(packages: Packages) -> str:
    """The data, a method a line, so that a change is a line."""

    def lines(members: dict[str, Any], depth: int) -> str:
        if depth == 4 or not isinstance(members, dict):
            return json.dumps(members, ensure_ascii=False)
        margin = " " * (depth + 1)
        inner = (f"{margin}{json.dumps(name)}: {lines(value, depth + 1)}" for name, value in members.items())
        return "{\n" + ",\n".join(inner) + "\n" + " " * depth + "}"

    return lines(packages, 0) + "\n"


def known() -> Packages:
    """What the last run found."""
    found: Packages = json.loads(DATA.read_text())
    return found


def methods(packages: Packages) -> dict[tuple[str, str, str], Row]:
    """Every row, by package, class and method."""
    return {
        (package, kind, name): row
        for package, about in packages.items()
        for kind, rows in about["classes"].items()
        for name, row in rows.items()
    }


def words(row: Row) -> str:
    """What a row says, in a cell."""
    said = row["outcome"]
    if "status" in row:
        said += f": {row['status']}"
    text = row.get("words", "").replace("|", "\\|").replace("<", "&lt;")
    return f"{said}{' ' if 'status' in row else ': '}{text}" if text else said


def render(packages: Packages) -> str:
    """A section for each package; methods that came to the same share a line."""
    every = list(methods(packages).values())
    working = sum(row["outcome"] == WORKS for row in every)
    lines = [f"{len(every)} methods and properties were tried: {working} work.", ""]
    for package, about in packages.items():
        lines += [f"### {package} {about['version']}", "", "| Class | Methods | |", "|---|---|---|"]
        for kind, rows in about["classes"].items():
            alike: dict[str, list[str]] = defaultdict(list)
            for name, row in rows.items():
                note = NOTES.get(name)
                alike[words(row) + (f" ({note})" if note else "")].append(f"`{name}`")
            # What works comes first, and then what most methods came to.
            order = sorted(alike.items(), key=lambda item: (item[0] != WORKS, -len(item[1]), item[0]))
            lines += [f"| {kind} | {', '.join(sorted(names))} | {said} |" for said, names in order]
        lines.append("")
    return "\n".join(lines)


def placed(text: str, packages: Packages) -> str:
    """The page with its table; ValueError when the marks of its place are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE.name} has no place for the table, between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{render(packages)}\n{END}{after}"
