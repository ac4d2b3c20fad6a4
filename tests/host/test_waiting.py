"""Tests wait for conditions: what no test may do because it would depend on an idle machine."""

import ast

import pytest
from support import ROOT

from twinkle_host.waiting import PATIENCE_S, eventually

PLACES = ("tests/**/*.py", "host/mock_gpio/*.py", "host/hub/live.py")
SLEEPS = {"sleep", "sleep_ms", "sleep_us", "usleep"}
CLOCKS = {"monotonic", "perf_counter", "monotonic_ns", "perf_counter_ns"}
LIMITED = {"wait", "join", "settimeout", "communicate", "wait_for", "eventually"}
VIRTUAL = "tests/core/"  # whose driver's wait() is of a time that is only a number
# Where time itself is what happens, and nothing is waited for: outages and faults of a real line.
LASTING = {"tests/soak/test_bad_lines.py", "tests/soak/test_outage.py", "tests/soak/test_silence.py"}


def number(node):
    """A number that is written as such, or None."""
    value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def short(node):
    """Whether this is a number of seconds that a busy machine may need, or pass in a moment."""
    value = number(node)
    return value is not None and 0 < value < PATIENCE_S


def name_of(function):
    """``(module or object, name)`` of what is called, as far as it is written there."""
    if isinstance(function, ast.Attribute):
        return getattr(function.value, "id", None), function.attr
    return None, getattr(function, "id", None)


def sins(text, virtual=False):
    """``(line, what)`` of all that depends on luck in a module's text. ``virtual``: its waiting is counted time."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            clocks = (n for n in ast.walk(node) if isinstance(n, ast.Call) and name_of(n.func)[1] in CLOCKS)
            yield from ((clock.lineno, "an assertion on the time that passed") for clock in clocks)
        if not isinstance(node, ast.Call):
            continue
        where, what = name_of(node.func)
        if what in SLEEPS and where in (None, "time", "utime", "asyncio"):
            if not node.args or number(node.args[0]) != 0:
                yield node.lineno, "a pause"
        elif what == "last" and where is None:
            yield node.lineno, "something that lasts"
        limits = [keyword.value for keyword in node.keywords if keyword.arg in ("timeout", "limit")]
        if what in LIMITED and not virtual:
            limits += node.args
        yield from ((limit.lineno, "a limit that a busy machine needs") for limit in limits if short(limit))


def test_no_test_depends_on_luck():
    found = []
    for pattern in PLACES:
        for file in sorted(ROOT.glob(pattern)):
            name = str(file.relative_to(ROOT))
            for line, what in sins(file.read_text(), name.startswith(VIRTUAL)):
                if what != "something that lasts" or name not in LASTING:
                    found.append(f"{name}:{line}: {what}; wait with eventually(), for PATIENCE_S")
    assert found == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("time.sleep(0.3)", "a pause"),
        ("from time import sleep\nsleep(n)", "a pause"),
        ("async def f():\n    await asyncio.sleep(0.01)", "a pause"),
        ("last(3)", "something that lasts"),
        ("assert time.monotonic() - begun < 2", "an assertion on the time that passed"),
        ("queue.get(timeout=10)", "a limit that a busy machine needs"),
        ("threading.Event().wait(0.02)", "a limit that a busy machine needs"),
        ("eventually(came, 5)", "a limit that a busy machine needs"),
        ("device.wait_for('ready', 20)", "a limit that a busy machine needs"),
    ],
)
def test_what_depends_on_luck_is_found(text, what):
    assert [found for _, found in sins(text)] == [what]


def test_what_does_not_is_let_be():
    assert list(sins("async def f():\n    await asyncio.sleep(0)\n    queue.get(timeout=PATIENCE_S)")) == []


def test_a_condition_is_waited_for_and_one_that_never_holds_is_an_error():
    left = [3]

    def counted():
        left[0] -= 1
        return left[0] == 0 and "there"

    assert eventually(counted) == "there"
    with pytest.raises(AssertionError, match="it did not happen within 0 s"):
        eventually(lambda: False, 0)
