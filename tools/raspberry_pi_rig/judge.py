"""Runs checks in their order, prints each with its time, and counts them.

A check is a function with a sentence that is true when it passes; it raises Wrong, with what was
seen instead, when it is not. One that nothing after it makes sense without is a gate: when it fails, the
rest of its chapter counts as failed and is not tried.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .steps import Steps


class Wrong(Exception):
    """What was seen instead."""


@dataclass
class Verdict:
    """One check's outcome."""

    sentence: str
    passed: bool
    seconds: float
    seen: str = ""


@dataclass
class Judge:
    """The verdicts of one card."""

    steps: Steps
    verdicts: list[Verdict] = field(default_factory=list)

    def chapter(self, world: Any, checks: Sequence[Callable]) -> bool:
        """Run checks; False when its first, a gate, failed: the computer or its service did not start."""
        shut = ""
        for number, check in enumerate(checks):
            sentence = " ".join(check.__doc__.split())
            if shut:
                self.verdicts.append(Verdict(sentence, False, 0.0, f"not tried, for this failed: {shut}"))
                continue
            begun = time.monotonic()
            try:
                seen = check(world) or ""
                passed = True
            except Exception as error:
                seen = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
                passed = False
            self._add(Verdict(sentence, passed, time.monotonic() - begun, seen))
            if not passed and getattr(check, "is_gate", False):
                shut = sentence
                self.steps.say(f"FAIL  {len(checks) - number - 1} further checks cannot be tried")
        return self.verdicts[-len(checks)].passed

    def _add(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)
        outcome = "ok   " if verdict.passed else "FAIL "
        seen = f": {verdict.seen}" if verdict.seen else ""
        self.steps.say(f"{outcome} {verdict.sentence} ({verdict.seconds:.0f} s){seen}")


def gate(check: Callable) -> Callable:
    """Marks a check without which the rest of its chapter cannot be tried."""
    check.is_gate = True
    return check


def expect(condition: Any, seen: Any) -> None:
    """Wrong, with what was seen, unless the condition holds."""
    if not condition:
        raise Wrong(str(seen))


def until(question: Callable[[], Any], limit: float, seen: Callable[[], Any], pause: float = 1.0) -> Any:
    """Ask until the answer is true; Wrong, with what ``seen`` says then, after ``limit`` seconds."""
    end = time.monotonic() + limit
    while not (answer := question()):
        if time.monotonic() > end:
            raise Wrong(f"not within {limit:g} s: {seen()}")
        time.sleep(pause)
    return answer
