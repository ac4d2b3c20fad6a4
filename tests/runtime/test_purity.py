"""The core has no effects, imports go one way, and the same bytes run on both interpreters."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import OF_ONE, ROOT, run_micropython

from twinkle_host.mock_gpio.process import PICO_MODULES
from twinkle_host.waiting import PATIENCE_S

FIRMWARE = ROOT / "firmware"
CORE = sorted(path.stem for path in (FIRMWARE / "twinkle" / "core").glob("*.py") if path.stem != "__init__")
POISON = (
    "machine network socket usocket ssl tls ussl time utime os uos select asyncio threading subprocess "
    "gpiozero RPi lgpio adafruit_dht board digitalio dht ntptime umqtt signal random tempfile io"
).split()

IMPORT_ALL = """
import sys, json, binascii, hashlib   # what the core may use, with whatever they need themselves
for name in {poison!r}:
    sys.modules.pop(name, None)
class Poisoned:
    def __getattr__(self, name):
        raise ImportError("the core reached for something with effects: " + name)
if sys.implementation.name == "micropython":
    for name in {poison!r}:
        sys.modules[name] = Poisoned()
else:
    for name in {poison!r}:
        sys.modules[name] = None
sys.path.insert(0, {firmware!r})
for name in {core!r}:
    __import__("twinkle.core." + name)
    module = sys.modules["twinkle.core." + name]
    for attribute in dir(module):
        assert not isinstance(getattr(module, attribute), Poisoned), name + " imports " + attribute
import twinkle
print("pure", len({core!r}))
"""


def script():
    return IMPORT_ALL.format(poison=POISON, firmware=str(FIRMWARE), core=CORE)


def test_the_core_imports_nothing_with_effects_on_cpython():
    done = subprocess.run(
        [sys.executable, "-c", script()], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.stdout.strip() == f"pure {len(CORE)}", done.stderr


def test_the_core_imports_nothing_with_effects_on_micropython(tmp_path):
    file = tmp_path / "pure.py"
    file.write_text(script())
    done = run_micropython(file, heap="192k")  # a device never holds all of it
    assert done.stdout.strip() == f"pure {len(CORE)}", done.stdout + done.stderr


def test_the_poison_works():
    """The check above can fail: a module that imports time is caught."""
    guilty = script().replace("import twinkle\n", "import time\n")
    done = subprocess.run([sys.executable, "-c", guilty], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode != 0 and "time" in done.stderr


# By room: what its files may take from elsewhere in twinkle/. Applications have the whole of it.
IMPORTS = {
    "core": {"core", "__version__"},
    "app": {"core"},
    "compat": {"on_cpython", "on_micropython"},
    "on_cpython": set(),
    "on_micropython": set(),
    "ports": {"core", "ports", "compat"},
    "runtime": {"core", "app", "compat", "ports", "runtime"},
    "__init__": {"app", "core"},
}


def test_imports_between_the_rooms_of_the_device_go_one_way():
    found = {room: set() for room in IMPORTS}
    for path in (FIRMWARE / "twinkle").rglob("*.py"):
        package = path.relative_to(FIRMWARE).parent.parts
        room = path.relative_to(FIRMWARE / "twinkle").with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                base += tuple((node.module or "").split(".")) if node.module else ()
                names = [(*base, alias.name) for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [tuple(alias.name.split(".")) for alias in node.names]
            else:
                continue
            found[room] |= {name[1] for name in names if name[0] == "twinkle"}
    assert {room: taken - IMPORTS[room] for room, taken in found.items() if taken - IMPORTS[room]} == {}


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_every_device_file_is_imported_by_the_interpreters_it_is_for(tmp_path, interpreter):
    names = [
        ".".join(path.relative_to(FIRMWARE).with_suffix("").parts)
        for room in ("twinkle", "apps")
        for path in sorted((FIRMWARE / room).rglob("*.py"))
        if path.stem != "__init__"
    ]
    assert set(OF_ONE) < set(names) and len(names) > 25
    names = [name for name in names if OF_ONE.get(name, interpreter) == interpreter]
    file = tmp_path / "all.py"
    lines = ["import gc", f"for name in {names!r}:", "    gc.collect()", "    __import__(name)"]
    file.write_text("\n".join([*lines, f"print('imported', {len(names)})\n"]))
    if interpreter == "micropython":
        # Every file at once, compiled here: no device has that to do.
        done = run_micropython(file, first=[PICO_MODULES], heap="256k")
    else:
        done = subprocess.run(
            [sys.executable, file],
            env={"PYTHONPATH": str(FIRMWARE)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )
    assert done.stdout.strip() == f"imported {len(names)}", done.stdout + done.stderr


def test_no_device_file_is_too_long_to_read_in_one_sitting():
    long = {
        str(path.relative_to(ROOT)): count
        for path in FIRMWARE.rglob("*.py")
        if (count := len(Path(path).read_text().splitlines())) > 350
    }
    assert long == {}
