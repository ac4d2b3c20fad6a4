"""The guides: what they show exists, and what can be followed is followed."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from support import MICROPYTHON, ROOT, need

from twinkle_host.hub.faults.rules import FAULTS, OF_THE_LINE, Faults
from twinkle_host.mock_gpio.board import Board
from twinkle_host.waiting import PATIENCE_S

DOCS = ROOT / "docs"
GUIDES = ("first-app", "testing", "field", "console", "local-hub")
OTHERS = ("cd", "export", "pytest")  # than twinkle
# Alone in a network, whose port 8883 nobody else has: network_namespaces(7); SIOCSIFFLAGS of netdevice(7).
OWN_NETWORK = """
import fcntl, os, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
os.execvp(sys.argv[1], sys.argv[1:])
"""


def text(guide):
    return (DOCS / f"{guide}.md").read_text()


def blocks(guide, kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text(guide), re.MULTILINE | re.DOTALL)
    return [block for each, block in found if each == kind]


def rows(guide, heading):
    """The cells of the table below a heading, without its first two lines."""
    section = text(guide).partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in lines[1:]
    ]


def known(words):
    """Whether there is such a verb, with these options."""
    from twinkle_host.cli import twinkle

    command = twinkle.commands[words[1]]
    if hasattr(command, "commands"):
        command = command.commands[words[2]]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options, words


@pytest.mark.parametrize("guide", GUIDES)
def test_its_lines_are_verbs_that_there_are_with_options_that_they_have(guide):
    for block in blocks(guide, "sh"):
        for line in block.splitlines():
            words = shlex.split(
                re.sub(r"\$\((.*)\)", "x", line).removesuffix("&").partition(" < ")[0], comments=True
            )
            if words and words[0] == "twinkle":
                known(words)
            else:
                assert not words or words[0] in OTHERS or re.match(r"[A-Z]+=", words[0]), line


def test_the_guide_for_the_field_is_followed_on_a_simulated_board(tmp_path):
    need(MICROPYTHON)
    lines = "set -e\n" + "".join(blocks("field", "sh"))
    done = subprocess.run(
        [
            *("unshare", "--net", "--map-root-user", "--pid", "--fork", "--kill-child"),
            *(sys.executable, "-c", OWN_NETWORK, "bash", "-c", f"trap 'kill 0' EXIT\n{lines}\ntrap - EXIT"),
        ],
        env={
            "HOME": str(tmp_path),
            "PATH": f"{ROOT / '.twinkle/venv/bin'}:/usr/bin:/bin",
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    for words in (
        "to copy",
        "ready: shed on localhost",
        "device   shed",
        "link: ready",
        "hub: ok",
        "next door",
    ):
        assert words in done.stdout, (words, done.stdout)
    assert "SharedAccessKey" not in done.stdout


def test_the_consoles_verbs_are_those_that_help_names():
    sys.path.insert(0, str(ROOT / "firmware"))
    from twinkle.core.console_help import HELP

    told = [line.split(": ", 1) for line in HELP.splitlines()]
    assert [[usage.strip("`"), about] for usage, about in rows("console", "## Verbs")] == told


def test_what_the_console_meets_is_what_it_says_it_meets():
    from twinkle_host.console.met import MEANINGS

    met = [row[0] for row in rows("console", "## What it meets, and what comes next")]
    assert met[: len(MEANINGS)] == [words for _, words, _ in MEANINGS]


def test_the_hubs_faults_are_those_that_there_are():
    told = {}
    for name, takes, about in rows("local-hub", "## Faults"):
        found = re.fullmatch(r"`(\w+)` \((.*)\)", takes)
        told[name.strip("`")] = (found[1], json.loads(found[2])) if found else None
        assert about.startswith("of the line: ") == (name.strip("`") in OF_THE_LINE)
    assert told == FAULTS
    (rules,) = blocks("local-hub", "json")
    assert len(Faults(json.loads(rules), lambda: 0.0).rules) == 3


def test_the_words_of_a_board_in_a_test_are_those_that_it_has():
    told = {word for row in rows("testing", "## The words") for word in re.findall(r"`(\w+)", row[0])}
    assert told == {name for name in vars(Board) if not name.startswith("_")}


def test_the_reference_is_made_of_the_docstrings(tmp_path):
    subprocess.run(
        [ROOT / "tools" / "reference", tmp_path], check=True, capture_output=True, timeout=PATIENCE_S
    )
    board = (tmp_path / "twinkle_host" / "mock_gpio" / "board.html").read_text()
    assert "Let time pass until" in board and all(name in board for name in vars(Board) if name[0] != "_")
    assert "telemetry" in (tmp_path / "twinkle" / "app.html").read_text()
