"""The sweep, on both interpreters."""

import pytest
import sweep
from support import ROOT, run_micropython

CORE = ROOT / "tests" / "core"
STORY = "test_whichever_call_fails_the_device_keeps_its_promises_and_goes_on"


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_the_sweep(interpreter, measured, capsys):
    if interpreter == "cpython":
        getattr(sweep, STORY)()
        said = capsys.readouterr().out
    else:
        done = run_micropython(CORE / "on_micropython.py", sweep.__file__, heap="1m", path=[CORE])
        said = done.stdout + done.stderr
        assert f"ok {STORY}" in said.splitlines(), said
    (line,) = (line for line in said.splitlines() if line.startswith("sweep: "))
    measured(f"{line}, {interpreter}")
