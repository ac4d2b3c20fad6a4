"""The lines that the README begins with, pasted into a shell as a newcomer does: all at once, and a second time."""

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest
from support import ROOT

from twinkle_host.waiting import PATIENCE_S

# The hub's ports are fixed in the block; in a network of its own nobody else has them. lo is down in a new one
# (network_namespaces(7)); SIOCSIFFLAGS, IFF_UP and IFF_RUNNING are netdevice(7)'s.
OWN_NETWORK = """
import fcntl, os, socket, struct, sys
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
os.execvp(sys.argv[1], sys.argv[1:])
"""
PROMPT = re.compile(r"<(\d+)> ")  # which shows the status of the line before it


class Shell:
    """An interactive bash on a terminal."""

    def __init__(self, home):
        self._ours, its = pty.openpty()
        self._process = subprocess.Popen(
            [
                *("unshare", "--net", "--map-root-user", "--pid", "--fork", "--kill-child"),
                *(sys.executable, "-c", OWN_NETWORK, "bash", "--norc", "--noprofile", "-i"),
            ],
            *(-1, None, its, its, its),
            cwd=ROOT,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin", "TERM": "dumb", "PS1": "<$?> "},
            start_new_session=True,
        )
        os.close(its)
        self._heard = ""

    def paste(self, block):
        """All of it at once; what stands on the terminal when its last line is done."""
        begin = len(self._heard)
        rest = (block + "\necho all-$((1 + 1))-done\n").encode()
        end = time.monotonic() + 2 * PATIENCE_S
        while "\nall-2-done" not in self._heard[begin:].replace("\r", ""):
            left = end - time.monotonic()
            assert left > 0, self._heard
            readable, writable, _ = select.select([self._ours], [self._ours] if rest else [], [], left)
            if writable:
                rest = rest[os.write(self._ours, rest[:512]) :]
            if readable:
                self._heard += os.read(self._ours, 4096).decode(errors="replace")
        return self._heard[begin:].replace("\r", "")

    def close(self):
        """End the shell and whatever it has started, which is alone in a process namespace."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        os.close(self._ours)


@pytest.fixture
def shell(tmp_path):
    made = Shell(tmp_path)
    yield made
    made.close()


def test_the_block_works_in_a_fresh_home_and_a_second_time(shell):
    (block,) = re.findall(r"```sh\n(export PATH.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    first = shell.paste(block)
    assert set(PROMPT.findall(first)) == {"0"}, first
    for words in (
        "Local hub localhost is ready",
        "the device lives in",
        '"configId": 3',
        "queued for desk",
        '"status": 200',
    ):
        assert words in first, (words, first)
    second = shell.paste(block)
    assert set(PROMPT.findall(second)) == {"0"}, second
    for words in ("another hub is running", "runs already", '"configId": 3', '"status": 200'):
        assert words in second, (words, second)
