"""docs/board-files.md, followed: its example, every member, and each sentence about a mistake."""

import json
import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner
from support import ROOT

from twinkle_host.boards import MEMBERS, PARTS, boards, problems
from twinkle_host.named_parts import KINDS
from twinkle_host.waiting import PATIENCE_S

GUIDE = (ROOT / "docs" / "board-files.md").read_text()


def block(kind):
    """The one block of code of a kind that is no line of a shell."""
    return re.search(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[1]


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def rows(heading):
    """The rows of the table below a heading, as lists of cells."""
    text = GUIDE[GUIDE.index(heading) :]
    table = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)[0]
    return [line.strip("|\n").split(" | ") for line in table.splitlines()[2:]]


@pytest.fixture
def shed(tmp_path):
    """A folder with the example in it."""
    (tmp_path / "shed.json").write_text(block("json"))
    (tmp_path / "shed.py").write_text(blocks("python")[0])
    return tmp_path


def test_the_example_is_fine(shed):
    done = CliRunner().invoke(boards, ["check", str(shed / "shed.json")])
    assert done.exit_code == 0 and done.output == f"{shed}/shed.json is fine\n"
    assert "The first says `shed.json is fine`" in GUIDE


def test_what_it_tells_to_type_are_verbs_with_options_that_they_have():
    from twinkle_host.cli import twinkle

    for words in [line.split() for text in blocks("sh") for line in text.splitlines()]:
        if words[0] == "twinkle":
            command = twinkle.commands[words[1]]
            command = command.commands[words[2]] if hasattr(command, "commands") else command
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, words


def test_the_examples_test_passes(shed):
    (shed / "test_shed.py").write_text(blocks("python")[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=shed,
        env={"HOME": str(shed), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_every_member_is_there():
    told = {name for cells in rows("## Every member") for name in re.findall(r"`(\w+)`", cells[0])}
    assert told == set(MEMBERS)
    told = {name for cells in rows("### `led` and") for name in re.findall(r"`([\w.]+)`", cells[0])}
    assert told == {f"{part}.{name}" for part in ("led", "sensor") for name in PARTS[part]}
    for part in ("wifi", "clock", "console", "reset", "telemetry"):
        (about,) = (cells[1] for cells in rows("## Every member") if f"`{part}`" in cells[0])
        assert set(PARTS[part]) <= set(re.findall(r"`(\w+)`", about)), part
    for kind in KINDS:
        told = {re.search(r"`(\w+)`", cells[0])[1] for cells in rows(f"### `{kind}`")}
        assert told == set(KINDS[kind])


@pytest.mark.parametrize("row", rows("## What is said of"), ids=lambda row: row[0].strip(" `"))
def test_each_mistake_is_answered_with_that_sentence(shed, row):
    member, sentence = row[0].strip(" `"), row[1].strip()
    settings = {**json.loads((shed / "shed.json").read_text()), **json.loads(member)}
    assert [each.replace(f"{shed}/", "") for each in problems(settings, shed)] == [sentence]
