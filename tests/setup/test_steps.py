"""Set-up stops where it fails: every command of every step is made to fail in turn.

The tools run in a scratch copy, with ``stand_in`` as every command on their path, so nothing is brought from anywhere.
"""

import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess

import pytest
from support import ROOT

from twinkle_host.waiting import PATIENCE_S, eventually

STAND_IN = ROOT / "tests" / "setup" / "stand_in"
TOOLS = ("setup", "cortex_m", "bench", "sdks")  # the others begin with tools/setup, and bring nothing
REAL = ("bash", "sh", "env")
STOOD_FOR = """apt-get cat chmod cp dirname dpkg dpkg-deb dpkg-source find flock gcc grep head make mkdir mv node npm
    python3 readlink realpath rm sed sha256sum sort stat tail xargs""".split()
# each step as its tool calls it: tool, name, what it says, the things that it makes
STEPS = [
    (tool, words[1], words[2], words[4].split())
    for tool in TOOLS
    for words in map(shlex.split, re.findall(r"^step .*", (ROOT / "tools" / tool).read_text(), re.MULTILINE))
]


class Clone:
    """A scratch copy of the tools."""

    def __init__(self, folder):
        self.root, self.calls, self._path = folder / "clone", folder / "calls", folder / "path"
        self.home = self.root / ".twinkle"
        self.archive = None  # the folder that the real apt-get and dpkg-deb bring packages from
        shutil.copytree(ROOT / "tools", self.root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "setup.py"):
            shutil.copy(ROOT / name, self.root)
        self._path.mkdir()
        for name in STOOD_FOR:
            (self._path / name).symlink_to(STAND_IN)
        for name in REAL:
            (self._path / name).symlink_to(shutil.which(name))

    def start(self, tool, step="", call=0, how="fails"):
        """Start a tool, in a process group of its own. Command number ``call`` of ``step`` fails, or hangs."""
        shutil.rmtree(self.calls, ignore_errors=True)
        self.calls.mkdir()
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        return subprocess.Popen(
            [f"./tools/{tool}"],
            cwd=self.root,
            env={
                **kept,
                **{"PATH": str(self._path), "CALLS": str(self.calls)},
                **({"ARCHIVE": str(self.archive)} if self.archive else {}),
                **{"BROKEN_LOG": str(self.log(step)), "BROKEN_CALL": str(call), "BROKEN_HOW": how},
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, tool, step="", call=0):
        """Run a tool to its end: its status, and what it said."""
        process = self.start(tool, step, call)
        said, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, said

    def log(self, step):
        return self.home / f"{step}.log"

    def stamp(self, step):
        return self.home / "stamps" / step

    def assert_done(self, step, things):
        """The stamp is there, and all that it promises."""
        _, *names = self.stamp(step).read_text().splitlines()
        assert {name.split("/")[0] for name in names} == set(things)
        assert [name for name in names if not (self.home / name).exists()] == []


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A clone in which everything has been brought."""
    clone = Clone(tmp_path_factory.mktemp("made"))
    for tool in TOOLS:
        status, said = clone.run(tool)
        assert status == 0, said
    return clone


def test_every_step_is_called_by_a_tool_and_told_of_here(made):
    names = [name for _, name, _, _ in STEPS]
    assert sorted(names) == sorted(path.name for path in (ROOT / "tools" / "steps").iterdir())
    calls = subprocess.run(
        ["git", "grep", "-hE", r"^\s*step [a-z]", "--", "tools", ".ci"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(calls.stdout.splitlines()) == len(names)
    for _, name, _, things in STEPS:
        made.assert_done(name, things)


@pytest.mark.parametrize(("tool", "name", "text", "things"), STEPS, ids=[step[1] for step in STEPS])
def test_a_step_ends_at_the_first_command_that_fails_and_the_next_run_repairs_it(
    made, tool, name, text, things, measured
):
    made.stamp(name).unlink()
    call = 0
    while True:
        call += 1
        status, said = made.run(tool, name, call)  # on what the last one left behind
        about = f"call {call}:\n{said}"
        if status == 0:
            break
        assert f"{text} … failed\n" in said and f"{text} … done" not in said, about
        assert ": out of order" in said, about
        assert re.search(
            rf"^{tool}: {text}: failed with status \d+\. Is (a|the) .* reachable\? Then run", said, re.M
        ), about
        assert not made.stamp(name).exists() and not (made.home / "new").exists(), about
    assert f"{text} … done" in said and call > 3, about
    assert len(list(made.calls.iterdir())) == call - 1, "a command failed and the step went on"
    made.assert_done(name, things)
    measured(f"{name}: each of {call - 1} commands failed")


@pytest.mark.parametrize(("tool", "name", "text", "things"), STEPS, ids=[step[1] for step in STEPS])
def test_a_step_that_was_cut_off_left_no_stamp_and_is_done_again(made, tool, name, text, things):
    made.stamp(name).unlink()
    process = made.start(tool, name, 3, "hangs")
    try:
        eventually(lambda: "out of order" in made.log(name).read_text())
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert not made.stamp(name).exists()
    status, said = made.run(tool)
    assert status == 0 and f"{text} … done" in said, said
    made.assert_done(name, things)


def test_what_is_there_is_left_alone_and_what_was_removed_is_brought_again(made):
    assert made.run("setup") == (0, "")
    (made.home / "bin" / "micropython").unlink()
    status, said = made.run("setup")
    assert status == 0 and said.startswith("32-bit MicroPython … done")
    shutil.rmtree(made.home / "micropython" / "root" / "usr")
    status, said = made.run("setup")
    assert status == 0 and said.startswith("32-bit MicroPython … done")
    (made.home / "venv" / "bin" / "python").unlink()
    (made.home / "venv" / "bin" / "python").symlink_to("/nowhere/python3")  # the system's was upgraded
    status, said = made.run("setup")
    assert status == 0 and said.startswith("Python packages into .twinkle/venv … done")
    assert made.run("setup") == (0, "")


def test_the_c_library_stays_the_systems(made):
    found = {path.relative_to(made.home).parts[0] for path in made.home.rglob("libc.so.6")}
    assert found == {"micropython"}, "run by its own loader; nothing else is"


def test_the_compiler_is_brought_although_the_system_has_it(tmp_path):
    clone = Clone(tmp_path)
    assert clone.run("setup")[0] == 0
    clone.archive = archive(tmp_path / "archive")
    status, said = clone.run("cortex_m")
    assert status == 0, said
    place = clone.home / "cortex-m"
    assert (place / "firmware.elf").exists(), "the compiler was not there, and the build counted as done"
    assert (place / "bin" / "qemu-system-arm").exists()
    assert {path.name for path in (place / "root/usr/lib/x86_64-linux-gnu").iterdir()} == {"libmpc.so.3"}


def archive(folder):
    """A folder of packages, and the status of a system that has all of them."""
    sources = {
        "gcc-arm-none-eabi": ("libmpc3, libc6", "usr/bin/arm-none-eabi-gcc"),
        "libnewlib-arm-none-eabi": ("", "usr/include/newlib/stdio.h"),
        "qemu-system-arm": ("libmpc3, libc6", "usr/bin/qemu-system-arm"),
        "libmpc3": ("libc6", "usr/lib/x86_64-linux-gnu/libmpc.so.3"),
        "libc6": ("", "usr/lib/x86_64-linux-gnu/libc.so.6"),
    }
    (folder / "status").parent.mkdir()
    for name, (needs, path) in sources.items():
        control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.com>\n"
        control += f"Depends: {needs}\n" * bool(needs) + "Description: a package\n"
        tree = folder / name
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(control)
        (tree / path).parent.mkdir(parents=True)
        (tree / path).write_text("#!/bin/sh\n")
        (tree / path).chmod(0o755)
        package = folder / f"{name}_1_all.deb"
        subprocess.run(["dpkg-deb", "--build", tree, package], check=True, capture_output=True)
        content = package.read_bytes()
        with open(folder / "Packages", "a") as index:
            index.write(f"{control}Filename: ./{package.name}\nSize: {len(content)}\n")
            index.write(f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n")
        with open(folder / "status", "a") as system:
            system.write(f"{control}Status: install ok installed\n\n")
    (folder / "sources.list").write_text(f"deb [trusted=yes] copy:{folder} ./\n")
    return folder


def test_a_missing_command_is_named_with_what_brings_it(tmp_path):
    clone = Clone(tmp_path)
    (tmp_path / "path" / "dpkg-deb").unlink()
    status, said = clone.run("setup")
    assert status == 1 and "dpkg-deb is missing: this needs Debian or a derivative" in said
