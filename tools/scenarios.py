"""Writes docs/scenarios.md: every scenario that a test is named after, and how it fared.

A test is a scenario's when its name begins with ``test_s3_11_`` (S3.11) or
``test_x_1b_`` (X.1b). The tests are run; what stands in the page is what happened.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "scenarios.md"
NAME = re.compile(r"test_(?P<id>(?:s\d|x)_\d+[a-z]?)_(?P<words>\w+)(?:\[(?P<parameters>.*)\])?")
COLUMNS = ("CPython", "MicroPython", "Azure's SDKs", "hub", "AMQP")


def main() -> int:
    """Run the scenarios' tests and write the page; the exit status is pytest's."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-k",
            "test_s0 or test_s1 or test_s2 or test_s3 or test_s4 or test_x",
        ]
        done = subprocess.run(
            [*command, f"--junitxml={report}", "-o", "junit_family=xunit1"], cwd=ROOT, check=False
        )
        rows = collect(xml.parse(report).getroot())
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(rows))
    print(f"{len(rows)} scenarios in {PAGE.relative_to(ROOT)}")
    return done.returncode


def collect(root) -> dict[str, tuple[str, dict[str, list[bool]]]]:
    """``{id: (words, {column: [passed, …]})}`` from a JUnit report."""
    rows: dict[str, tuple[str, dict[str, list[bool]]]] = {}
    # A scenario is told in the words of who plays it, not of who reads of it afterwards.
    for case in sorted(root.iter("testcase"), key=lambda case: "over_amqp" in case.get("classname", "")):
        found = NAME.match(case.get("name", ""))
        if not found:
            continue
        number = found["id"].replace("_", ".", 1).upper()
        number = number[:-1] + number[-1].lower() if number[-1].isalpha() else number
        _, columns = rows.setdefault(number, (found["words"].replace("_", " "), {}))
        passed = case.find("failure") is None and case.find("error") is None
        for column in columns_of(case.get("classname", ""), found["parameters"] or ""):
            columns.setdefault(column, []).append(passed)
    return rows


def columns_of(place: str, parameters: str) -> list[str]:
    """Where a test looks at a scenario from; two places when an SDK speaks to our own device."""
    seen = [name for name in COLUMNS[:2] if name.lower() in parameters]
    if "over_amqp" in place:
        return [COLUMNS[4]]
    if "azure" in place:
        return [*seen, COLUMNS[2]]
    if ".hub." in place:
        return [COLUMNS[3]]
    return seen or [COLUMNS[0]]


def key(number: str) -> tuple:
    """Sorts S0.2b behind S0.2 and before S0.3."""
    seed, _, rest = number.partition(".")
    digits = re.match(r"\d+", rest)[0]
    return seed, int(digits), rest[len(digits) :]


def render(rows) -> str:
    """The page."""
    lines = [
        "# Scenarios",
        "",
        "Made by `tools/scenarios` from a run of the tests that are named after them. A number is how many",
        "tests looked at the scenario from that side, and all of them passed unless it says otherwise.",
        "X.4, the same against a hub on Azure, needs credentials and is done by hand.",
        "",
        "| Id | What happens | " + " | ".join(COLUMNS) + " |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for number in sorted(rows, key=key):
        words, columns = rows[number]
        cells = [cell(columns.get(name, [])) for name in COLUMNS]
        lines.append(f"| {number} | {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(results: list[bool]) -> str:
    """One cell: nothing, a count, or how many failed."""
    if not results:
        return ""
    failed = results.count(False)
    return f"✓ {len(results)}" if not failed else f"✗ {failed} of {len(results)}"


if __name__ == "__main__":
    sys.exit(main())
