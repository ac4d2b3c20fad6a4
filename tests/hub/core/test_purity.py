"""The core stays pure, and its cost does not grow with the number of devices."""

import ast
from pathlib import Path

from harness import Device, Stage

import twinkle_host.hub.core

CORE = Path(twinkle_host.hub.core.__file__).parent
ALLOWED = {
    "base64",
    "binascii",
    "bisect",
    "collections",
    "copy",
    "dataclasses",
    "datetime",
    "functools",
    "marshal",
    "hashlib",
    "heapq",
    "hmac",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "typing",
    "urllib",
    "zlib",
}


# The rooms of the core, and its files outside any room, from the bottom up. A file
# imports, for its types too, from its own room and from what stands below it.
FLOORS = (
    ("times", "errors", "jsontext", "ports", "timers", "throttles"),
    ("access",),
    ("twins",),
    ("devices",),
    ("queries", "messages"),
    ("sessions",),
    ("fleet",),
    ("hub",),
    ("bulk", "provisioning", "uploads"),
    ("__init__",),
)


def imports_of(path: Path) -> list[tuple[int, str, list[str]]]:
    """What a file imports: level, module and names."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", [alias.name for alias in node.names]))
    return found


def place_of(path: Path) -> tuple[str, ...]:
    """``("twins", "merge")``, or ``("hub",)`` in the hall."""
    return path.relative_to(CORE).with_suffix("").parts


def own_imports(path: Path) -> list[tuple[str, ...]]:
    """The places in the core that a file imports."""
    found = []
    for level, module, names in imports_of(path):
        if level:
            inside = place_of(path)[:-1]
            start = inside[: len(inside) - (level - 1)] + tuple(filter(None, module.split(".")))
            found += [start] if module else [(*start, name) for name in names]
    return found


def test_the_core_imports_nothing_with_effects():
    for path in CORE.rglob("*.py"):
        for level, module, _ in imports_of(path):
            assert level <= len(place_of(path)), f"{path.name} reaches outside the core"
            if level == 0:
                assert module.partition(".")[0] in ALLOWED, f"{path.name} imports {module}"
                assert not module.startswith("urllib") or module == "urllib.parse"


def test_the_core_reads_from_the_top_down_types_included():
    floor_of = {name: floor for floor, names in enumerate(FLOORS) for name in names}
    for path in CORE.rglob("*.py"):
        here = place_of(path)
        for there in own_imports(path):
            same_room = len(here) == 2 and there[0] == here[0]
            lower = floor_of[there[0]] < floor_of[here[0]] or floor_of[here[0]] == floor_of[there[0]] == 0
            assert same_room or lower, f"{'/'.join(here)} imports {'/'.join(there)}"


def test_no_two_files_of_the_core_need_each_other():
    needs = {place_of(path): set(own_imports(path)) for path in CORE.rglob("*.py")}
    while needs:
        ready = {place for place, wanted in needs.items() if not wanted & set(needs)}
        assert ready, f"a circle among {sorted('/'.join(place) for place in needs)}"
        needs = {place: wanted for place, wanted in needs.items() if place not in ready}


def test_the_core_asks_no_clock_of_its_own():
    for path in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("now", "utcnow", "today", "open"), f"{path.name}: {node.attr}"
            if isinstance(node, ast.Name):
                assert node.id not in ("open", "print", "input", "exec", "eval"), f"{path.name}: {node.id}"


class CountingDict(dict):
    """Counts how often somebody walks over all members."""

    walks = 0

    def __iter__(self):
        self.walks += 1
        return super().__iter__()

    def values(self):
        self.walks += 1
        return super().values()

    def items(self):
        self.walks += 1
        return super().items()


def test_telemetry_methods_patches_and_queries_by_id_look_at_one_device_only():
    stage = Stage()
    for number in range(50):
        stage.device(f"d{number}")
    device = Device(stage, "d7")
    counting = CountingDict(stage.hub.devices._devices)
    stage.hub.devices._devices = counting
    device.connect()
    device.session.publish("devices/d7/messages/events/", b"{}")
    stage.invoke("d7", "blink")
    device.answer(device.calls()[0][1], 200)
    device.report({"a": 1})
    stage.hub.patch_twin("d7", {"properties": {"desired": {"a": 1}}})
    stage.hub.query("SELECT * FROM devices WHERE deviceId = 'd7' AND version > 1")
    stage.run(100)
    assert counting.walks == 0
