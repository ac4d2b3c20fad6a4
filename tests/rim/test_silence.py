"""Tells the stories of silence.py, on both interpreters."""

import functools

import pytest
import silence
from places import ROOT, run_micropython

CORE = ROOT / "tests" / "core"
HEAP = "512k"  # for the device, compiled here, and for a world that remembers everything


@functools.cache
def told_by_micropython():
    done = run_micropython(CORE / "on_micropython.py", silence.__file__, heap=HEAP, path=[CORE])
    return done.stdout + done.stderr


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize("story", [name for name in dir(silence) if name.startswith("test_")])
def test_silence(story, interpreter):
    if interpreter == "cpython":
        getattr(silence, story)()
    else:
        told = told_by_micropython()
        assert f"ok {story}" in told.splitlines(), told
