"""What all tests share: where things are, and stories that run on two interpreters.

Files in ``tests/core`` are written in what CPython and MicroPython have in common.
Each of their test functions is collected twice: once for pytest's own interpreter
and once for 32-bit MicroPython with a heap of 128 KiB, where a module's functions
are run by ``tests/core/on_micropython.py`` in one process.
"""

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import pytest

HERE = Path(__file__).resolve().parent
for place in (HERE, *(HERE.parent / folder for folder in ("firmware", "host", "tools", ".twinkle/lib"))):
    sys.path.insert(0, str(place))

from support import MICROPYTHON, need, run_micropython  # noqa: E402

from twinkle_host.waiting import PATIENCE_S  # noqa: E402

STORY_ROOM = HERE / "core"
STORIES_S = 5 * PATIENCE_S  # for all stories of a module: some compute for 20 s on a quiet machine
EXAMPLES = {"quick": 10, "whole": 100, "soak": 1000}  # of each property; some take a multiple of it
sys.path.insert(0, str(STORY_ROOM))


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="the long form of tests/soak and of random inputs")
    parser.addoption("--quick", action="store_true", help="few examples of each property")
    parser.addoption("--seed", type=int, help="only this seed of what goes by seeds")


def pytest_configure(config):
    config.addinivalue_line("markers", "long: for --soak alone")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As a shell without job control begins what it does not wait for; whatever that starts would ignore it, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A busy machine is no fault of the code, so no example has a deadline. Random examples are for --soak: any other
    # run says the same of the same code.
    for name, examples in EXAMPLES.items():
        hypothesis.settings.register_profile(
            name,
            max_examples=examples,
            derandomize=name != "soak",
            deadline=None,
            suppress_health_check=[hypothesis.HealthCheck.too_slow],
        )
    hypothesis.settings.load_profile(_form(config))


def _form(config):
    return next((name for name in ("soak", "quick") if config.getoption(name)), "whole")


# Few tests, of a minute or so each: begun last, one of these files would be all that one worker of several still does.
LONG = [HERE / name for name in ("runtime/test_sweep.py", "field/test_over_ssh.py", "boards/test_life.py")]


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: item.path not in LONG)
    # What is marked ``long`` is of the long form alone, and counted as deselected without it.
    if config.getoption("soak"):
        for item in items:
            # Long runs, whose length is told at the end of a short one.
            item.add_marker(pytest.mark.timeout(0))
    else:
        left_out = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    begun = time.monotonic()
    yield
    hostile = getattr(item.obj, "is_hypothesis_test", False) if hasattr(item, "obj") else False
    if hostile and item.config.getoption("soak"):
        line = f"{item.name}: {time.monotonic() - begun:.1f} s"
        item.user_properties.append(("measured", line))


class MicroPythonStory(pytest.Item):
    """One story of a module, as MicroPython told it."""

    def runtest(self):
        told = self.config.stash.setdefault(_TOLD, {})
        if self.path not in told:
            told[self.path] = _tell(self.path)
        results, output = told[self.path]
        verdict = results.get(self.originalname)
        if verdict != "ok":
            raise StoryFailed(verdict or f"the story was not told:\n{output}")

    def repr_failure(self, excinfo):
        if excinfo.errisinstance(StoryFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, self.name


class StoryFailed(Exception):
    """A story did not end well under MicroPython."""


_TOLD = pytest.StashKey()


def _tell(path):
    """What became of each story of a module, and all that was said; one that hangs is waited for once."""
    try:
        done = run_micropython(STORY_ROOM / "on_micropython.py", path, timeout=STORIES_S)
    except subprocess.TimeoutExpired as hangs:
        output = (hangs.output or b"").decode(errors="replace")
        return _parse(output), f"{output}{hangs}"
    return _parse(done.stdout), done.stdout + done.stderr


def _parse(output):
    """``{name: "ok" or the traceback}`` from the lines of on_micropython.py."""
    results, name = {}, None
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word == "ok":
            results[rest] = "ok"
        elif word == "FAIL":
            name = rest
            results[name] = f"under MicroPython, {name}:\n"
        elif name:
            results[name] += line + "\n"
    return results


@pytest.hookimpl(hookwrapper=True)
def pytest_pycollect_makeitem(collector, name, obj):
    outcome = yield
    items = outcome.get_result()
    if collector.path.parent == STORY_ROOM and name.startswith("test_") and isinstance(items, list):
        story = MicroPythonStory.from_parent(collector, name=f"{name}[micropython]")
        story.originalname = name
        outcome.force_result([*items, story])


@pytest.fixture(scope="session", autouse=True)
def secrets_stay_secret():
    """Whatever devices were given in secret in this run is in nothing that any of them said or wrote."""
    from twinkle_host.mock_gpio import witness

    yield
    assert list(witness.found()) == [], witness.summary()


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory):
    """What the project keeps in a home directory, state and cache, is this process's alone, and its children's."""
    with pytest.MonkeyPatch.context() as environment:
        for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
            environment.setenv(variable, str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def measured(record_property):
    """Call it with a line that says what was measured: all of them are shown at the end of the run."""
    return lambda line: record_property("measured", line)


def pytest_collection_finish():
    """The device collects garbage at each connection: what pytest holds is not to be gone through each time."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    lines = [line for report in reports for name, line in report.user_properties if name == "measured"]
    if lines:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.write_line(line)
    seconds = sum(
        report.duration * factor
        for report in reports
        for name, factor in report.user_properties
        if name == "longer"
    )
    if seconds and not terminalreporter.config.getoption("soak"):
        terminalreporter.write_line(
            f"the long form of tests/soak takes about {seconds / 60:.0f} minutes: tools/test tests/soak --soak"
        )


@pytest.fixture
def micropython():
    """The path of 32-bit MicroPython."""
    return need(MICROPYTHON)
