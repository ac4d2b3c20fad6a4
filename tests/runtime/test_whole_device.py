"""Tells the stories of the whole device in virtual time, runtime and all, on both interpreters."""

import functools

import echo
import keys
import networks
import outages
import pytest
import radio
import silence
from support import ROOT, run_micropython

CORE = ROOT / "tests" / "core"
HEAP = "512k"  # for the device, compiled here, and for a world that remembers everything
STORIES = [
    (module, name)
    for module in (echo, keys, networks, outages, radio, silence)
    for name in dir(module)
    if name.startswith("test_")
]


@functools.cache
def told_by_micropython(module):
    done = run_micropython(CORE / "on_micropython.py", module.__file__, heap=HEAP, path=[CORE])
    return done.stdout + done.stderr


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize(("module", "story"), STORIES)
def test_the_whole_device(module, story, interpreter):
    if interpreter == "cpython":
        getattr(module, story)()
    else:
        told = told_by_micropython(module)
        assert f"ok {story}" in told.splitlines(), told
