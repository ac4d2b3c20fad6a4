"""The sweeps, on both interpreters."""

import pytest
import sweep
import wired_sweep
from support import ROOT, run_micropython

CORE = ROOT / "tests" / "core"
STORIES = (
    (sweep, "test_whichever_call_fails_the_device_keeps_its_promises_and_goes_on"),
    (wired_sweep, "test_whichever_call_fails_the_lamp_follows_the_door_again"),
)


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize(("module", "story"), STORIES, ids=["a life", "a life with named parts"])
def test_the_sweep(module, story, interpreter, measured, capsys):
    if interpreter == "cpython":
        getattr(module, story)()
        said = capsys.readouterr().out
    else:
        done = run_micropython(CORE / "on_micropython.py", module.__file__, heap="1m", path=[CORE])
        said = done.stdout + done.stderr
        assert f"ok {story}" in said.splitlines(), said
    (line,) = (line for line in said.splitlines() if line.startswith("sweep: "))
    measured(f"{line}, {interpreter}")
