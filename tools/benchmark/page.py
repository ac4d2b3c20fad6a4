"""The page and the JSON file that the benchmark writes."""

import json
from pathlib import Path

from .goals import Goal, Measurement, goal_of, verdict
from .samples import Summary

NAME = "performance"
HEADER = "| | Figure | Ours | Peers | Compared | Goal | |"


def number(value: float) -> str:
    """Three figures that mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def figure(summary: Summary | None) -> str:
    """A Summary for a cell of the table."""
    if summary is None:
        return ""
    text = number(summary.median)
    if summary.p99 is not None:
        text += f" (p99 {number(summary.p99)})"
    elif summary.count > 1:
        text += f" ({number(summary.least)} to {number(summary.most)})"
    return f"{text} {summary.unit}"


def row(measurement: Measurement) -> str:
    """A line of the table."""
    goal, value = goal_of(measurement), measurement.value
    peers = "<br>".join(f"{name}: {figure(summary)}" for name, summary in measurement.peers.items())
    cells = [measurement.figure, measurement.name, figure(measurement.ours), peers]
    if goal is None:
        cells += ["" if value is None else number(value), "", ""]
    elif value is None:
        cells += ["", goal.text, "**not measured**"]
    else:
        word = verdict(goal, value)
        cells += [f"{number(value)} {goal.unit}", goal.text, word if word == "met" else f"**{word}**"]
    return "| " + " | ".join(cells) + " |"


def render(
    measurements: list[Measurement],
    absent: list[Goal],
    about: dict[str, tuple[str, str]],
    versions: dict[str, str],
    command: str,
) -> str:
    """The page. ``about``: of each figure its title and a paragraph; ``absent``: goals without a measurement."""
    absent_rows = [Measurement(goal.figure, goal.name, None) for goal in absent]
    rows = sorted([*measurements, *absent_rows], key=lambda m: list(about).index(m.figure))
    held = [(goal_of(m), m) for m in measurements if goal_of(m) and m.value is not None]
    missed = sum(verdict(goal, m.value) == "missed" for goal, m in held)
    lines = [
        "# Performance",
        "",
        f"Made by `{command}`, which measures everything on one computer in one run, side by side.",
        "Peers are unmodified, as their package indexes have them. Medians; KB is 1,000 bytes.",
        "Times change with what else the computer does: near its goal, a figure may change sides from run to run.",
        "",
        f"{len(held)} goals were measured: {len(held) - missed} met, {missed} missed."
        + (f" {len(absent)} could not be measured." if absent else ""),
        "",
        HEADER,
        "|---|---|---|---|---|---|---|",
        *map(row, rows),
        "",
        "## What the figures mean",
        "",
    ]
    for name, (title, text) in about.items():
        lines += [f"**{name}, {title}.** {' '.join(text.split())}", ""]
    lines += ["## What took part", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {version} |" for name, version in versions.items()]
    return "\n".join(lines) + "\n"


def document(
    measurements: list[Measurement], absent: list[Goal], versions: dict[str, str], command: str
) -> dict:
    """The same for programs."""
    figures = []
    for measurement in measurements:
        goal = goal_of(measurement)
        figures.append(
            {
                "figure": measurement.figure,
                "name": measurement.name,
                "ours": measurement.ours._asdict() if measurement.ours else None,
                "peers": {name: summary._asdict() for name, summary in measurement.peers.items()},
                "value": measurement.value,
                "goal": goal and {"limit": goal.limit, "unit": goal.unit, "atLeast": goal.at_least},
                "verdict": verdict(goal, measurement.value)
                if goal and measurement.value is not None
                else None,
            }
        )
    unmeasured = [f"{goal.figure} {goal.name}" for goal in absent]
    return {"command": command, "versions": versions, "figures": figures, "notMeasured": unmeasured}


def write(folder: Path, page: str, facts: dict) -> Path:
    """Both files, whole or not at all; answers the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n"), (".md", page)):
        new = folder / f"{NAME}{suffix}.new"
        new.write_text(text)
        new.replace(folder / f"{NAME}{suffix}")
    return folder / f"{NAME}.md"
