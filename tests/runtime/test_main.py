"""How main.py ends: on a board, which nobody starts again, and as a process, which ends with a status."""

import os
import subprocess
import sys

import pytest
from support import ROOT, run_micropython

MAIN = (ROOT / "firmware" / "main.py").read_text()
BOOT = """
from twinkle.core.errors import HardwareError, Held, SetupError

def boot(*arguments):
    raise {error}
"""
MACHINE = 'def reset():\n    print("reset")\n    raise SystemExit(3)\n'
# What is raised; on a board, what is said, and whether it starts again; as a process, its status.
ENDS = {
    "MemoryError('allocating 1024 bytes')": ("failed: MemoryError: allocating 1024 bytes", True, 1),
    "OSError(5)": ("failed: OSError: ", True, 1),
    "ImportError('no module named x')": ("failed: ImportError: no module named x", True, 1),
    "RuntimeError('of a library')": ("failed: RuntimeError: of a library", True, 1),
    "HardwareError('flash: EIO', 'replace it')": ("setup: flash: EIO: replace it", True, 1),
    "SetupError('a file is missing')": ("setup: a file is missing", False, 2),
    r"SetupError('no module \x1b[2J')": ("setup: no module ?[2J", False, 2),
    "Held('no program')": ("hold: no program", False, 0),
    "KeyboardInterrupt()": ("", False, 0),
}


@pytest.fixture
def place(tmp_path):
    """A function that makes a folder with main.py and a boot that raises this."""

    def make(error):
        for folder in ("twinkle/runtime", "twinkle/core"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "twinkle/runtime/boot.py").write_text(BOOT.format(error=error))
        for file in ("twinkle/core/errors.py", "twinkle/runtime/log.py"):
            (tmp_path / file).symlink_to(ROOT / "firmware" / file)
        (tmp_path / "machine.py").write_text(MACHINE)
        (tmp_path / "main.py").write_text(MAIN.replace("RESTART_S = 60", "RESTART_S = 0"))
        return tmp_path

    return make


@pytest.mark.parametrize("error", ENDS)
def test_a_board_starts_again_unless_a_person_must_mend_it(place, error):
    words, again, _ = ENDS[error]
    folder = place(error)
    done = run_micropython(folder / "main.py", first=[folder])
    lines = done.stdout.splitlines()
    assert (lines[0] if lines else "").startswith(words) and "Traceback" not in done.stdout + done.stderr, (
        done
    )
    assert ("reset" in lines) == again, done
    if again:
        assert lines[1:] == ["restart in 0 s; Ctrl-C for the prompt", "reset"], done
    else:
        assert len(lines) <= 1, "its prompt is left alone"


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize("error", ENDS)
def test_a_process_ends_with_a_status_and_does_not_start_anything_again(place, error, interpreter):
    words, _, status = ENDS[error]
    folder = place(error)
    if interpreter == "micropython":
        done = run_micropython(folder / "main.py", "somewhere", first=[folder])
    else:
        done = subprocess.run(
            [sys.executable, "-B", folder / "main.py", "somewhere"],
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == status and "reset" not in done.stdout, done
    if "failed" not in words:
        assert done.stdout.startswith(words), done
