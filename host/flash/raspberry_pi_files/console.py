#!/usr/bin/python3
"""The console of the device on this computer, for root and whoever is in the group twinkle.

/opt/twinkle/console            a terminal, or a pipe, joined to it; Ctrl-C or the end of the input leaves
/opt/twinkle/console WORD...    one question, and its answer; ends with 0 for ok and 1 for err
"""

import os
import select
import socket
import sys
import time

PATH = "/run/twinkle/console"
ANSWER_S = 30
ENDS = (b"ok", b"err ", b'{"')


def connect():
    """The socket."""
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(PATH)
    except OSError as error:
        sys.exit(f"there is no console at {PATH}: {error.strerror}; does it run? systemctl status twinkle")
    return line


def join(line):
    """Pass on what is typed and what is shown, until either side ends."""
    while True:
        ready, _, _ = select.select([line, sys.stdin], [], [])
        for source, read, write in (
            (line, lambda: line.recv(4096), sys.stdout.buffer.write),
            (sys.stdin, lambda: os.read(0, 4096), line.sendall),
        ):
            if source in ready:
                data = read()
                if not data:
                    return
                write(data)
                sys.stdout.buffer.flush()


def ask(line, question):
    """The status for the answer to one question, which is shown."""
    line.sendall(question.encode() + b"\r")
    rest, end = b"", time.monotonic() + ANSWER_S
    while time.monotonic() < end:
        if not select.select([line], [], [], max(0, end - time.monotonic()))[0]:
            break
        data = line.recv(4096)
        if not data:
            sys.exit("the device has left its console")
        *lines, rest = (rest + data).split(b"\n")
        for text in lines:
            sys.stdout.buffer.write(text + b"\n")
            sys.stdout.buffer.flush()
            if text.startswith(ENDS):
                return int(text.startswith(b"err ") or b'"ok": false' in text)
    sys.exit(f"no answer within {ANSWER_S} s")


if __name__ == "__main__":
    try:
        with connect() as line:
            sys.exit(ask(line, " ".join(sys.argv[1:])) if len(sys.argv) > 1 else join(line))
    except KeyboardInterrupt:
        sys.exit(0)
    except BrokenPipeError:
        sys.exit("the device has left its console")
