"""What a wait for a peer on a real socket leaves room for, and what it costs: see silent_peer.py."""

import os
import socket
import subprocess
import sys

import pytest
from places import PRIVATE, ROOT, run_micropython

from twinkle_host.waiting import PATIENCE_S

PROGRAM = ROOT / "tests" / "rim" / "silent_peer.py"
WAIT_MS = 1500
MOST_TRIES = 2 * WAIT_MS // 50  # one for each slice; a loop that does not wait makes thousands
LEAST_IDLES = 5  # of thirty, on a computer that does nothing else


@pytest.fixture
def wait(tmp_path, some_authority, interpreter):
    """What the program says: ``(milliseconds, calls of idle(), tries of TLS, what was found)``."""
    (tmp_path / "ca.pem").write_bytes(some_authority)

    def run(port, what):
        if interpreter == "micropython":
            done = run_micropython(PROGRAM, tmp_path, port, what)
        else:
            done = subprocess.run(
                [sys.executable, "-B", *map(str, (PROGRAM, tmp_path, port, what))],
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'firmware'}:{PRIVATE / 'lib'}"},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        assert done.returncode == 0, done.stdout + done.stderr
        ms, idles, tries, found = done.stdout.strip().split(" ", 3)
        return int(ms), int(idles), int(tries), found

    return run


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_handshake_that_nobody_answers_lets_others_go_on_and_does_not_keep_the_processor_busy(
    interpreter, wait
):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ms, idles, tries, found = wait(listener.getsockname()[1], "handshake")
    assert "did not answer in time" in found
    assert ms >= WAIT_MS and idles >= LEAST_IDLES
    assert tries <= MOST_TRIES, f"TLS was tried {tries} times"


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_a_connection_that_nobody_accepts_lets_others_go_on(interpreter, wait):
    # Linux drops what would connect when the listener's queue is full (tcp(7), tcp_abort_on_overflow).
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address, waiting = listener.getsockname(), []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            waiting.append(one)
        ms, idles, _, found = wait(address[1], "connect")
        for one in waiting:
            one.close()
    assert found == "False" and ms >= WAIT_MS and idles >= LEAST_IDLES
