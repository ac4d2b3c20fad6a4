"""docs/architecture.md says what the source says."""

import ast
import re

import pytest
from support import ROOT

FILE = ROOT / "docs/architecture.md"
PAGE = FILE.read_text()
DEVICE = ROOT / "firmware/twinkle"
MODULES = [path for path in sorted(DEVICE.rglob("*.py")) if path.name != "__init__.py"]
BESIDE = {"on_cpython": "compat", "on_micropython": "compat"}  # whose halves they are


def room(path):
    """The room that a module belongs to: its package, or its own name where it stands beside them."""
    first = path.relative_to(DEVICE).parts[0].removesuffix(".py")
    return BESIDE.get(first, first)


def defined(path):
    """``name`` and ``Class.name`` of all that a module defines."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
            names |= {
                f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
    return names


def imported(path):
    """The rooms that a module imports from, its own excepted."""
    rooms, own = set(), path.relative_to(DEVICE).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            package = node.module.split(".") if node.module else []
            if node.level:
                package = list(own[: len(own) - node.level]) + package
            elif package[:1] == ["twinkle"]:
                package = package[1:]
            else:
                continue
            rooms |= {package[0]} if package else {alias.name for alias in node.names}
    existing = {room(module) for module in MODULES}
    return {BESIDE.get(name, name) for name in rooms} & existing - {room(path)}


def test_each_hop_of_a_walk_is_where_it_is_said_to_be():
    hops = re.findall(r"\[`([\w.]+)`\]\(([^)]+\.py)\)", PAGE)
    assert len(hops) > 25
    missing = []
    for name, place in hops:
        path = (FILE.parent / place).resolve()
        if not path.is_file() or (name not in defined(path) and name != path.stem):
            missing.append(f"{name} in {place}")
    assert missing == []


def test_the_newcomers_map_has_each_module_once_and_no_other():
    table = PAGE[PAGE.index("## Where a rule lives") :]
    rows = [row for row in table.splitlines() if row.startswith("| ")]
    mapped = [name for row in rows for name in re.findall(r"`([\w/]+\.py)`", row)]
    assert sorted(mapped) == sorted(str(path.relative_to(DEVICE)) for path in MODULES)


def test_the_arrows_of_the_picture_are_the_imports():
    drawn = set(re.findall(r"^    (\w+)(?:\[[^]]*\])? --> (\w+)", PAGE, re.MULTILINE))
    real = {(room(path), name) for path in MODULES for name in imported(path)}
    assert drawn == real | {("main", "runtime"), ("apps", "app")}


PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_from_a_page_leads_somewhere(page):
    links = [link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
