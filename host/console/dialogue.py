"""Asking a device for one thing: the question as JSON, the answer found among the log's lines."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..failure import DONE, FAILED, NOT_ONLINE, Failure, of_refusal
from . import met
from .line import Gone, Line

RECENT = 256  # bytes by which text is told from noise
PROBE_S = 5.0
LONGEST_LINE = 65536  # bytes; what a device answers has some thousand
JSON = "--json"
NO_MEMORY = "err 507 "  # said without JSON, for which there is no memory either
UNAVAILABLE = 503  # of a device: it has no link, or no sensor, for what was asked


@dataclass(frozen=True)
class Answer:
    """What a verb came to. ``document`` is the device's own JSON."""

    document: dict[str, Any]

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.document["ok"]

    @property
    def exit_code(self) -> int:
        """An exit status for scripts."""
        code = self.document.get("code", 0)
        if self.ok:
            return DONE
        return NOT_ONLINE if code == UNAVAILABLE else of_refusal(code, otherwise=FAILED)

    def lines(self) -> list[str]:
        """As the device shows it to a person, without its last line."""
        result = self.document.get("result") or []
        if isinstance(result, dict):
            return [f"{name}: {_shown(value)}" for name, value in result.items()]
        return result

    def last_line(self) -> str:
        """``ok``, or ``err CODE what to do``."""
        return "ok" if self.ok else f"err {self.document['code']} {self.document['error']}"


class Dialogue:
    """What is said over ``line``, a whole line at a time, and questions in between."""

    def __init__(self, line: Line):
        self._line = line
        self._rest = b""
        self._heard = b""  # the last of all that came

    @property
    def at_prompt(self) -> bool:
        """Whether MicroPython's prompt was heard last."""
        return self._rest in met.PROMPTS

    def say(self, text: str) -> None:
        """Send a line. What was no UTF-8 when it was typed is none for the device either, which says so."""
        self._line.write(text.encode(errors="surrogatepass") + b"\r")

    def hear(self) -> str | None:
        """The next line that is said; None when none ends for a short while. Gone when the device has left."""
        if b"\n" not in self._rest:
            data = self._line.read()
            self._rest = (self._rest + data)[-LONGEST_LINE:]
            self._heard = (self._heard + data)[-RECENT:]
        text, end, rest = self._rest.partition(b"\n")
        if not end:
            return None
        self._rest = rest
        return text.decode(errors="replace").rstrip()

    def ask(
        self, question: str, limit: float = 60.0, other: Callable[[str], Any] = lambda text: None
    ) -> Answer:
        """The answer to a verb; Failure when there is none within ``limit`` seconds:
        that a network cannot be joined is known after 50. Who else is there is recognised at once (module ``met``).

        It is asked for as JSON, whether or not the question says so. What is said before the answer
        goes to ``other(text)``; what is said after it is heard next.
        """
        heard = ""
        if asks_for_json(question):
            question = question.rstrip().removesuffix(JSON)
        try:
            self.say(f"{self._line.attention}{question} {JSON}")
            end = time.monotonic() + limit
            while time.monotonic() < end:
                text = self.hear()
                if text is None:
                    if self.at_prompt:
                        raise self.meaning()
                    continue
                answer = _answer(text.strip())
                if answer is not None:
                    return answer
                heard = text
                other(text)
        except Gone:
            raise Failure(f"{self._line.name} has gone before it answered", NOT_ONLINE) from None
        if not met.is_text(self._heard):
            raise met.no_text(self._line.name)
        raise Failure(
            f"no answer from {self._line.name} within {limit:g} s; "
            + (
                f"it said last: {heard!r}"
                if heard
                else "it said nothing: does the device run, and is this its line?"
            ),
            NOT_ONLINE,
        )

    def meaning(self) -> met.Met:
        """What MicroPython's prompt means on this board, by the files that are there; Gone when that has left."""
        self.say(f"\x03{met.PROBE}")
        end = time.monotonic() + PROBE_S
        files: list[str] = []
        while time.monotonic() < end:
            text = self.hear()
            if text is not None and text.startswith(met.THERE):
                files = text.split()[1:]
                break
        return met.at_prompt(self._line.name, files)


def asks_for_json(question: str) -> bool:
    """Whether it ends in ``--json``, the word by which a device is asked for JSON."""
    return question.split()[-1:] == [JSON]


def _answer(text: str) -> Answer | None:
    if not text.startswith("{"):
        if text.startswith("err 409 somebody else"):
            raise Failure(text.removeprefix("err 409 "), NOT_ONLINE)
        if text.startswith(NO_MEMORY):
            return Answer({"ok": False, "code": 507, "error": text.removeprefix(NO_MEMORY)})
        return None
    try:
        document = json.loads(text)
        json.dumps(document, allow_nan=False)  # it is passed on as JSON
    except (ValueError, RecursionError):
        return None
    return Answer(document) if isinstance(document, dict) and _whole(document) else None


def _whole(document: dict[str, Any]) -> bool:
    # What a board that is broken, or another program, says may look much the same.
    if document.get("ok") is True:
        result = document.get("result")
        return result is None or isinstance(result, dict) or _lines(result)
    return (
        document.get("ok") is False
        and isinstance(document.get("code"), int)
        and isinstance(document.get("error"), str)
        and isinstance(document.get("result", {}), dict)
    )


def _lines(result: Any) -> bool:
    return isinstance(result, list) and all(isinstance(line, str) for line in result)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
