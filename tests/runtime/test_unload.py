"""What is loaded when it is needed is let go of again, and the memory with it; names stay, MicroPython keeps them."""

from support import run_micropython

PROGRAM = """
import gc
import twinkle.core.device
from twinkle import compat

def used():
    gc.collect()
    return gc.mem_alloc()

before = used()
for _ in range(3):
    __import__("twinkle.core.console")
    loaded = used() - before
    compat.unload("twinkle.core.console", "twinkle.core.console")
    left = used() - before
print(loaded, left)
"""


def test_a_console_that_nobody_uses_any_more_gives_back_most_of_its_memory(tmp_path, measured):
    file = tmp_path / "unload.py"
    file.write_text(PROGRAM)
    done = run_micropython(file, heap="160k")
    loaded, left = map(int, done.stdout.split())
    measured(f"the console takes {loaded} bytes, and leaves {left}")
    assert loaded > 5000 and left < loaded / 2, done.stdout
