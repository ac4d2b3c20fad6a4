"""P4: what the device takes of a Pico W's heap and flash."""

import contextlib
import io
import json
import re
from pathlib import Path

from mpremote.romfs import make_romfs

from twinkle_host.flash import image
from twinkle_host.mock_gpio.process import HOST, PICO_MODULES, DeviceProcess
from twinkle_host.paths import BOARDS

from . import on_micropython
from .goals import Measurement
from .hub_process import HubProcess
from .samples import summarize

ABOUT = """The files that `twinkle flash` puts on a Pico W, compiled, run on 32-bit MicroPython with
stand-ins for the board's modules and the heap that TLS leaves there. Each import is weighed by itself,
after a collection; once the device is ready and has sent a message, what is retained beyond all modules are
its objects: the device, its twin, the connection. The goal counts umqtt, core, runtime, the default application
and these objects, but not what only the start needs. What is left when the same files lie in a ROMFS, from where
bytecode runs in place, stands beside it: that takes a firmware with such a partition, which the one published
for the Pico W is not. Each of the files carries the names that it uses, those of other files among them.
mbedTLS has memory of its own here (on a Pico W it takes it from the same heap, which is
why this one is smaller), and the stand-ins are told as others. KB are 1,000 bytes, and for files as they
are, not as littlefs rounds them up."""

HEAP, ROOMY = "144k", "256k"
BOARD = "pico_w"
UNIT = 16  # bytes of a block of this MicroPython's heap
LAYERS = {
    "umqtt": "umqtt",
    "twinkle.core": "core",
    "twinkle.app": "core",
    "twinkle.runtime": "runtime",
    "twinkle.compat": "runtime",
    "twinkle.on_micropython": "runtime",
    "twinkle.ports": "port",
    "twinkle": "core",
    "apps": "default application",
}
COUNTED = ("umqtt", "core", "runtime", "default application", "objects")


def measure(bench) -> list[Measurement]:
    """The same in both forms: nothing in it is left to chance."""
    files = image.build(json.loads((BOARDS / f"{BOARD}.json").read_text()))
    bench.say("a device of compiled files")
    layers, free, largest = heap(bench.folder / "p4", files)
    bench.say("the same from a ROMFS")
    in_place = counted_of(heap(bench.folder / "p4-romfs", files, romfs=True)[0]) / 1000
    told = [_told(f"heap: {name}", layers[name]) for name in (*COUNTED, "port", "others")]
    counted = counted_of(layers) / 1000
    size = bytes_of(files) / 1000
    return [
        Measurement(
            *("P4", "retained heap on MicroPython: core, runtime, umqtt and default application"),
            *(summarize([counted], "KB"), {"its files in a ROMFS": summarize([in_place], "KB")}, counted),
        ),
        *told,
        _told("heap left free", free),
        _told("largest free block", largest),
        Measurement("P4", ".mpy files on a Pico W", summarize([size], "KB"), {}, size),
    ]


def bytes_of(files: dict[str, bytes]) -> int:
    """Of all that is put on a board compiled."""
    return sum(len(content) for path, content in files.items() if path.endswith(".mpy"))


def counted_of(layers: dict[str, int]) -> int:
    """The bytes that the goal counts."""
    return sum(layers[name] for name in COUNTED)


def _told(name: str, size: int) -> Measurement:
    return Measurement("P4", name, summarize([size / 1000], "KB"))


def heap(folder: Path, files: dict[str, bytes], romfs: bool = False) -> tuple[dict[str, int], int, int]:
    """Bytes by layer, bytes free, and the largest free block."""
    image_file: str | Path = "-"
    for path, content in files.items():
        file = folder / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    if romfs:
        image_file = folder / "romfs.img"
        with contextlib.redirect_stdout(io.StringIO()):  # it tells of every file
            image_file.write_bytes(make_romfs(str(folder / "files"), mpy_cross=None))
    names = [path.removesuffix(".mpy").removeprefix("lib/") for path in files if path.endswith(".mpy")]
    modules = [name.removesuffix("/__init__").replace("/", ".") for name in names]
    stand_ins = [file.stem for file in PICO_MODULES.glob("*.py")]
    with HubProcess(folder / "hub", port=0) as hub:
        text = hub.service().add("p4")
        wifi = {"ssid": "home", "password": "not a real password"}
        device = DeviceProcess(
            "micropython", folder / "device", text, Path(hub.ca_file).read_bytes(), base=BOARD, wifi=wifi
        )
        # Each module keeps the name of its file: they are as short as on the board.
        said = on_micropython.run(
            # The stand-ins first: the module that imports one is not charged with it.
            *("heap_program.py", device.folder, image_file, *stand_ins, *modules),
            heap=ROOMY if romfs else HEAP,  # the image lies in the heap, too, as there is no flash here
            path=(PICO_MODULES, *(() if romfs else ("", "lib")), HOST),
            place=folder / "files",
        )
    held = {name: int(size) for name, size in re.findall(r"^module (\S+) (\d+)$", said, re.MULTILINE)}
    layers = dict.fromkeys((*COUNTED, "port", "others"), 0)
    for name, size in held.items():
        layers[layer(name)] += size
    layers["objects"] = int(re.search(r"^total (\d+)$", said, re.MULTILINE)[1]) - sum(held.values())
    free = int(re.search(r"^free (\d+)$", said, re.MULTILINE)[1])
    largest = UNIT * int(re.search(r"max free sz: (\d+)", said)[1])
    return layers, free, largest


def layer(module: str) -> str:
    """To which a module belongs."""
    for name, found in LAYERS.items():
        if module == name or module.startswith(name + "."):
            return found
    return "others"
