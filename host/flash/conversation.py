"""Asking what is at the other end of a serial line: MicroPython's prompt, or a device's console.

A device reads its console between two waits, and one that finds no hub may wait long.
"""

import json
import re
import sys
import time
from typing import Any

import serial

from ..failure import NOT_ONLINE, Failure
from ..screen import show

# What a device waits for one after the other, at worst, before it reads its console again: a look-up of the
# time server's name (lwIP: 14 s), TCP (10 s), TLS (15 s). Later releases read it meanwhile.
PATIENCE_S = 45.0
NOTICE_S = 3.0  # until a person is told that there is a wait
LONGEST_ANSWER = 65536  # bytes

PROMPT = b">>> "
# Ctrl-C interrupts what allows it, raw paste too; Ctrl-B leaves raw mode; a device's console forgets both.
WAKE = b"\x03\x02\x03\r"
QUESTION = b"version --json\r"  # does no harm however late it is read; at the prompt it is a mistake
HOLD = b"hold --json\r"
ANSWER = re.compile(rb"(?:^|\n)(?:err (?P<code>\d+) (?P<error>[^\r\n]*)|(?P<document>\{[^\r\n]*\}))\r?\n")


class Conversation:
    """With what is at the other end of ``line``, which must answer within ``patience`` seconds."""

    def __init__(self, line: serial.Serial, patience: float):
        self._line = line
        self._patience = patience
        self._heard = b""

    @property
    def at_prompt(self) -> bool:
        """Whether MicroPython's prompt was heard last."""
        return self._heard.endswith(PROMPT)

    def ask(self, question: bytes) -> dict[str, Any] | None:
        """The answer to ``question``, or None at MicroPython's prompt, which shows it; Failure when there is none."""
        self._line.write(question)
        return self.listen(question.strip(b"\x02\x03\r"))

    def listen(self, shown: bytes = b"") -> dict[str, Any] | None:
        """The next answer of a device; None when the prompt has come, after ``shown``."""
        begun, told = time.monotonic(), False
        while (waited := time.monotonic() - begun) < self._patience:
            for found in ANSWER.finditer(self._heard):
                # A line break ends an answer and begins the next.
                self._heard = self._heard[found.end() - 1 :]
                if (answer := _understood(found)) is not None:
                    return answer
                break
            else:
                if self.at_prompt and shown in self._heard:
                    return None
                self._heard = self._heard[-LONGEST_ANSWER:] + self._line.read(self._line.in_waiting or 1)
            if waited > NOTICE_S and not told and sys.stderr.isatty():
                text = f"no answer yet; a device that tries to connect gets up to {self._patience:g} s"
                show(text, err=True)
                told = True
        raise silent(self._line.port, described(self._heard))


def _understood(found: re.Match[bytes]) -> dict[str, Any] | None:
    if found["code"]:
        return {"ok": False, "code": int(found["code"]), "error": found["error"].decode(errors="replace")}
    try:
        document = json.loads(found["document"])
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and isinstance(document.get("ok"), bool) else None


def silent(port: str, heard: str) -> Failure:
    """There is nobody who gives the prompt."""
    return Failure(
        f"the board at {port} does not give its prompt; tried: Ctrl-C, the console's hold; {heard}. "
        "Restart it with its hold pin (GP22 on a Pico W) connected to ground, and try again; if that does not "
        "help, hold BOOTSEL while plugging it in and install MicroPython anew (--uf2)",
        NOT_ONLINE,
    )


def described(heard: bytes) -> str:
    """What was heard, for an error."""
    text = " ".join(heard.decode(errors="replace").split())[-200:]
    return f"heard: {text!r}" if text else "heard: nothing"
