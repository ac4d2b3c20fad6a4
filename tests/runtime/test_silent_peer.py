"""What a wait for a peer on a real socket leaves room for, and what it costs: see silent_peer.py."""

import contextlib
import os
import socket
import subprocess
import sys
import threading

import pytest
from support import PRIVATE, ROOT, run_micropython

from twinkle_host.waiting import PATIENCE_S

PROGRAM = ROOT / "tests" / "runtime" / "silent_peer.py"
WAIT_MS = 1500
MOST_TRIES = 2 * WAIT_MS // 50  # one for each slice; a loop that does not wait makes thousands
LEAST_IDLES = WAIT_MS // 100 - 1  # of twice as many, on a computer that does nothing else

PACE_S = 0.02  # between two bytes of a peer that is slow; nothing is to be over by then


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
def test_nor_does_one_whose_answer_comes_byte_by_byte(interpreter, wait):
    ended, sent = threading.Event(), []

    def trickle(listener):
        peer = listener.accept()[0]
        with peer, contextlib.suppress(OSError):  # the device leaves first
            peer.sendall(b"\x16\x03\x03\x3f\xff")  # of the longest record (RFC 8446, 5.1); its body follows
            while not ended.wait(PACE_S):
                peer.sendall(b"\x02")
                sent.append(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        try:
            _, idles, tries, found = wait(listener.getsockname()[1], "handshake")
        finally:
            ended.set()
            thread.join(PATIENCE_S)
    assert "did not answer in time" in found and idles >= LEAST_IDLES
    assert 10 < tries <= len(sent) + MOST_TRIES, f"TLS was tried {tries} times for {len(sent)} bytes"


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
