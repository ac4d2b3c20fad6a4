"""The preparation of the service's start, step by step, on a computer of stand-ins.

The real one runs in test_over_ssh.py. Here each command is a stand-in that notes how it was
called, makes what the real one makes as far as the script looks at it, and can be told to
fail: ``BROKEN`` is a pattern of calls, ``SAYING`` what it prints then.
"""

import os
import re
import shutil
import subprocess
import sys

import pytest
from support import ROOT

from twinkle_host.waiting import PATIENCE_S

PI_FILES = ROOT / "host" / "flash" / "raspberry_pi_files"
# What pip prints without a network, and where a wheel is missing (pip 23.0.1, Debian 12).
NO_NETWORK = (
    "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken "
    "by 'NewConnectionError': Temporary failure in name resolution\n"
    "ERROR: No matching distribution found for lgpio==0.2.2.0"
)
NO_WHEEL = "ERROR: No matching distribution found for lgpio==0.2.2.0"
COMMAND = """#!/bin/sh
call="$(basename "$0") $*"
echo "$call" >>{folder}/calls
broken=$(cat {folder}/broken)
if [ -n "$broken" ] && echo "$call" | grep -qE -- "$broken"; then
  times=$(cat {folder}/times)
  [ "$times" -eq 0 ] || {{ echo $((times - 1)) >{folder}/times; cat {folder}/saying; exit 1; }}
fi
case "$call" in
  *importlib.machinery*) cat {folder}/suffix ;;
  *"import json"*) exec {python} "$@" ;;
  *"-m venv"*)
    for place; do :; done
    rm -rf "$place" # --clear
    mkdir -p "$place/bin"
    cp {folder}/bin/python3 "$place/bin/python"
    echo "include-system-site-packages = false" >"$place/pyvenv.cfg" ;;
  sed* | chmod*) exec "/bin/$(basename "$0")" "$@" ;;
esac
"""
COMMANDS = ("systemd-sysusers", "python3", "chmod", "chown", "sed", "sync", "sleep", "systemctl")


class Computer:
    """A computer with Twinkle's files and none of its commands."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "root" / "opt" / "twinkle"
        (self.home / "firmware").mkdir(parents=True)
        for name in ("prepare", "check_imports.py", "requirements.txt"):
            shutil.copy(PI_FILES / name, self.home)
        (self.home / "prepare").chmod(0o755)
        for gpio, package in (("lgpio", "lgpio==0.2.2.0"), ("rpigpio", "RPi.GPIO==0.7.1")):
            (self.home / f"backend-{gpio}.txt").write_text(package + "\n")
        settings = folder / "root" / "etc" / "twinkle"
        settings.mkdir(parents=True)
        (settings / "credentials.json").write_text("{}")
        self.board = settings / "board.json"
        self.board.write_text('{"gpio": "lgpio"}')
        (folder / "bin").mkdir()
        for name in COMMANDS:
            (folder / "bin" / name).write_text(COMMAND.format(folder=folder, python=sys.executable))
            (folder / "bin" / name).chmod(0o755)
        (folder / "suffix").write_text(".cpython-311-aarch64-linux-gnu.so\n")
        self.mend()

    def breaks(self, pattern, saying="it is broken", times=10_000):
        (self.folder / "broken").write_text(pattern)
        (self.folder / "saying").write_text(saying + "\n")
        (self.folder / "times").write_text(str(times))

    def mend(self):
        self.breaks("", times=0)

    def prepare(self, *arguments):
        """Run it; the finished process."""
        (self.folder / "calls").write_text("")
        return subprocess.run(
            ["/bin/sh", self.home / "prepare", *arguments],
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def calls(self, pattern):
        """The calls that a pattern finds in the last run."""
        return [line for line in (self.folder / "calls").read_text().splitlines() if re.search(pattern, line)]

    @property
    def is_ready(self):
        return (self.home / "venv" / "ready").exists()


@pytest.fixture
def computer(tmp_path):
    return Computer(tmp_path)


BREAKS = [
    ("systemd-sysusers", "the user twinkle", "a system with systemd"),
    ("chmod", "the mode of credentials.json", "read-only"),
    ("chown", "the owner of credentials.json", "read-only"),
    ("version_info", "Python 3.11 or newer", "apt-get install python3 "),
    ("import json", "the back-end that the board file names", "Mend gpio in "),
    ("-m venv", "a virtual environment", "apt-get install python3-venv"),
    ("packages = false", "sight of the system's packages: false", "card full"),
    ("requirements.txt", "Python packages; the first time this takes minutes", "twinkle flash --wheels"),
    ("packages = true", "sight of the system's packages: true", "card full"),
    ("backend-lgpio.txt$", "the GPIO back-end, lgpio==0.2.2.0", "apt-get install python3-lgpio"),
    ("check_imports", "importing what the device imports", "flash again"),
    ("compileall", "compiling", "card full"),
]


@pytest.mark.parametrize(("broken", "step", "remedy"), BREAKS)
def test_it_ends_where_a_step_fails_and_the_next_run_repairs_it(computer, broken, step, remedy):
    computer.breaks(broken, "the command's own words")
    failed = computer.prepare()
    *before, last = failed.stderr.splitlines()
    assert failed.returncode == 1 and before == ["the command's own words"]
    assert last.startswith(f"prepare: {step} failed. ") and remedy in last
    assert computer.is_ready == (broken == "compileall")
    computer.mend()
    again = computer.prepare()
    assert again.returncode == 0 and again.stdout.endswith("prepare: done\n"), again
    assert computer.is_ready


def test_every_step_has_been_broken(computer):
    """Whoever adds one breaks it above."""
    said = re.findall(r"^prepare: (.*)$", computer.prepare().stdout, re.MULTILINE)
    assert said == [*(step for _, step, _ in BREAKS), "done"]


def test_what_is_current_stays(computer):
    computer.prepare()
    assert len(computer.calls("-m pip install")) == 2 and len(computer.calls("-m venv --clear")) == 1
    computer.prepare()
    assert computer.calls("-m pip|-m venv|check_imports") == [] and computer.calls("compileall")


@pytest.mark.parametrize(
    ("changed", "anew"),
    [("requirements.txt", False), ("backend-lgpio.txt", False), ("prepare", False), ("suffix", True)],
)
def test_a_changed_part_is_noticed_and_a_new_python_makes_everything_anew(computer, changed, anew):
    computer.prepare()
    file = computer.folder / changed if changed == "suffix" else computer.home / changed
    file.write_text(file.read_text() + "# another\n")
    assert computer.prepare().returncode == 0
    assert len(computer.calls("-m pip install")) == 2 and len(computer.calls("check_imports")) == 1
    assert bool(computer.calls("-m venv")) == anew


@pytest.mark.parametrize("content", ['{"gpio": "no-such"}', "{}", "[", ""])
def test_the_back_end_is_the_one_of_the_board_file_there_or_asked_for(computer, content):
    computer.board.write_text('{"gpio": "rpigpio"}')
    assert computer.prepare().returncode == 0 and computer.calls("-m pip.*backend-rpigpio.txt$")
    computer.board.write_text(content)
    failed = computer.prepare()
    assert failed.returncode == 1 and "Mend gpio in" in failed.stderr.splitlines()[-1]


def test_packages_of_the_system_are_seen_for_the_gpio_back_end_alone(computer):
    computer.prepare()
    seen = [re.search(r"= (true|false)|(\w+)(-lgpio)?\.txt$", call) for call in computer.calls("^sed|-m pip")]
    assert [found[1] or found[2] for found in seen] == ["false", "requirements", "true", "backend"]
    assert all("--only-binary :all:" in call and "wheels" in call for call in computer.calls("-m pip"))


def test_a_failure_that_passes_by_itself_has_a_status_of_its_own_and_names_the_clock(computer):
    computer.breaks("requirements.txt", NO_NETWORK)
    failed = computer.prepare()
    assert failed.returncode == 75 and "The clock says" in failed.stderr
    assert "failed for now. Check the network" in failed.stderr.splitlines()[-1]


def test_a_failure_that_another_try_does_not_change_is_said_once_and_tried_less_and_less(computer):
    computer.breaks("backend-lgpio.txt$", NO_WHEEL, times=12)
    done = computer.prepare("persevere")
    assert done.returncode == 0 and computer.calls("^systemctl") == [
        "systemctl --no-block start twinkle.service"
    ]
    assert done.stdout.count(NO_WHEEL) == 1 and done.stdout.count("apt-get install python3-lgpio") == 1
    assert done.stdout.count("the same again") == 11
    pauses = [int(call.split()[1]) for call in computer.calls("^sleep")]
    assert pauses == [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600]
    # What has been done is not done again: no environment, and none of the other packages anew.
    assert len(computer.calls("-m venv")) == 1


def test_without_a_network_it_is_tried_every_five_minutes_at_least(computer):
    computer.breaks("requirements.txt", NO_NETWORK, times=8)
    assert computer.prepare("persevere").returncode == 0
    assert [int(call.split()[1]) for call in computer.calls("^sleep")] == [10, 20, 40, 80, 160, 300, 300, 300]
