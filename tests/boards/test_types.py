"""The type checker sees the ports through the right modules: what is not there is found."""

import subprocess
import sys

import pytest
from support import ROOT

MISTAKES = {
    "pico": ("machine.reset_cause()", "machine.reset_reason()", 'has no attribute "reset_reason"'),
    "rpi": ("sys.exit(RESET_STATUS)", "sys.quit(RESET_STATUS)", 'has no attribute "quit"'),
}


@pytest.mark.parametrize("port", MISTAKES)
def test_a_call_of_what_does_not_exist_is_found(port, tmp_path):
    right, wrong, words = MISTAKES[port]
    firmware = tmp_path / "firmware"
    for source in (ROOT / "firmware").rglob("*.py"):
        copy = firmware / source.relative_to(ROOT / "firmware")
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text()
        if copy.name == f"{port}.py":
            assert right in text
            text = text.replace(right, wrong)
        copy.write_text(text)
    (tmp_path / ".twinkle").symlink_to(ROOT / ".twinkle")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", ROOT / "tools" / "types" / f"{port}.ini"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and words in done.stdout, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 2, done.stdout
