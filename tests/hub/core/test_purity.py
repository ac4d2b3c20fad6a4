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


def test_the_core_imports_nothing_with_effects():
    for path in CORE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1, f"{path.name} reaches outside the core"
            for name in names:
                assert name.partition(".")[0] in ALLOWED, f"{path.name} imports {name}"
                assert not name.startswith("urllib") or name == "urllib.parse"


def test_the_core_asks_no_clock_of_its_own():
    for path in CORE.glob("*.py"):
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
