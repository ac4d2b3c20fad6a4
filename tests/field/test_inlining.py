"""What stands on a board where it is used: constants, and tuples in the place of functions that make them."""

import ast
import json
from pathlib import Path

from support import ROOT

from twinkle_host.flash import image, shortening
from twinkle_host.flash.inlining import in_place, inlined
from twinkle_host.paths import FIRMWARE

PICO = json.loads((ROOT / "boards" / "pico_w.json").read_text())


def test_a_constant_of_another_module_is_one_of_its_own(tmp_path):
    (tmp_path / "link.py").write_text(
        'READY = "ready"\nTABLE = {READY: 1}\nWAIT_MS = 60 * 1000\n\ndef f(): pass\n'
    )
    (tmp_path / "device.py").write_text(
        "from . import link\nfrom .link import READY, TABLE, f\n\ndef due(x): return x + link.WAIT_MS, READY, link.f\n"
    )
    text = in_place(tmp_path / "device.py")
    assert "from .link import TABLE, f" in text and "READY = 'ready'" in text
    assert "WAIT_MS_of_link = 60 * 1000" in text and "return (x + WAIT_MS_of_link, READY, link.f)" in text


def test_a_file_that_has_only_constants_from_another_does_not_load_it(tmp_path):
    (tmp_path / "link.py").write_text("WAIT_MS = 5\n")
    (tmp_path / "device.py").write_text("from .link import WAIT_MS\n\nprint(WAIT_MS)\n")
    assert in_place(tmp_path / "device.py") == "WAIT_MS = 5\nprint(WAIT_MS)\n"


NAMELESS = {"__name__", "__file__"}  # each module has them


def test_whatever_a_file_on_the_board_takes_from_another_is_there():
    def tree_of(file):
        return ast.parse(inlined(in_place(file), shortening.kept_names()))

    files = [file for file in (FIRMWARE / "twinkle").rglob("*.py") if file != shortening.FOR_CPYTHON]
    defined = {}
    for file in files:
        named = {node.name for node in tree_of(file).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                named |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                named.add(node.id)
        defined[file] = named
    for file in files:
        taken = []  # a module's file, or what it is called in this one; and a name
        modules, objects = {}, set()  # by what they are called here
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ImportFrom):
                folder = file.parents[node.level - 1] if node.level else FIRMWARE
                place = folder.joinpath(*(node.module or "").split("."))
                own = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
                for alias in node.names:
                    module = (place / alias.name).with_suffix(".py")
                    if module.is_file():
                        modules[alias.asname or alias.name] = module
                    else:
                        taken.append((own, alias.name))
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                taken.append((node.value.id, node.attr))
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                objects.add(node.id)
        for place, name in taken:
            module = (
                place if isinstance(place, Path) else modules.get(place if place not in objects else None)
            )
            assert module not in defined or name in defined[module] | NAMELESS, (file, module, name)


def test_a_name_for_everybody_stays_and_is_not_brought(tmp_path):
    text = '__version__ = "0.1.0"\n'
    assert inlined(text, frozenset()) == text
    (tmp_path / "link.py").write_text(text)
    (tmp_path / "device.py").write_text("from .link import __version__\n")
    assert in_place(tmp_path / "device.py") == "from .link import __version__\n"
    (tmp_path / "wait.py").write_text("WAIT_MS = 5\n")
    (tmp_path / "other.py").write_text(
        "from .wait import WAIT_MS as LONG\nfrom . import wait as line\n\nx = line.WAIT_MS\n"
    )
    assert in_place(tmp_path / "other.py").startswith("LONG = 5\nWAIT_MS_of_wait = 5\n")


def test_what_only_makes_a_tuple_is_that_tuple_where_it_is_called(tmp_path):
    (tmp_path / "actions.py").write_text(
        'def say(level, text="-"):\n    "A line."\n    return "say", level, text\n\n'
        "def swapped(a, b):\n    return b, a\n\nclass Context:\n    def say(self, text):\n        act(say(text))\n"
    )
    (tmp_path / "device.py").write_text(
        "from . import actions\n\nact(actions.say(f(1)))\nact(actions.swapped(1, 2))\nself.actions.say(3)\n"
    )
    text = in_place(tmp_path / "device.py")
    assert (
        "act(('say', f(1), '-'))" in text
        and "actions.swapped(1, 2)" in text
        and "self.actions.say(3)" in text
    )
    own = in_place(tmp_path / "actions.py")
    assert "act(('say', text, '-'))" in own and "def say(level" not in own and "def say(self" in own


def test_no_name_of_a_constant_is_on_a_board_that_has_the_same_in_two_of_its_files():
    files = image.build(PICO)
    for path in ("core/link", "core/device", "core/console"):
        assert b"OFFLINE" not in files[f"twinkle/{path}.mpy"] and b"offline" in files[f"twinkle/{path}.mpy"]


def test_a_constant_that_only_its_own_module_names_takes_no_name_on_the_board():
    files = image.build(PICO)
    assert b"PATIENCE_MS" not in files["twinkle/runtime/stream.mpy"]
    text = "{}MINE = {}  # why\nYOURS = 6\n{}DAY = {}\n{}WORD = {}\ndef f(a):\n  return {}MINE * a + YOURS\n"
    plain = text.format("", "5", "", "24 * 3600", "", "'MINE'", "")
    short = text.format("_", "const(5)", "_", "const(24 * 3600)", "_", "const('MINE')", "_")
    assert inlined(plain, frozenset({"YOURS"})) == short


def test_a_constant_that_is_named_before_it_is_defined_keeps_its_name():
    text = "def f():\n  return LATE\nLATE = 5\n"
    assert inlined(text, frozenset()) == text
