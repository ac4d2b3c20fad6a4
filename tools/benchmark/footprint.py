"""P4: what the device takes of a Pico W's heap and flash."""

import contextlib
import io
import json
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Self

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
and these objects, but not what only the start needs. Names are kept by MicroPython once, and for ever: the first
that brings one is charged with its text, and for its place each has the same share of the tables of names, which
grow by doubling, whoever comes when one is full. What is left when the same files lie in a ROMFS, from where
bytecode runs in place, stands beside it: that takes a firmware with such a partition, which the one published
for the Pico W is not. Each of the files carries the names that it uses, those of other files among them.
mbedTLS has memory of its own here (on a Pico W it takes it from the same heap, which is
why this one is smaller), and the stand-ins are told as others. KB are 1,000 bytes, and for files as they
are, not as littlefs rounds them up. The device knows its hub; one that is assigned it by the provisioning
service is given that module besides, of 4 KB."""

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
    stand_ins = sorted(file.stem for file in PICO_MODULES.glob("*.py"))
    with HubProcess(folder / "hub", port=0) as hub:
        text = hub.service().add("p4")
        wifi = {"ssid": "home", "password": "not a real password"}
        device = DeviceProcess(
            "micropython", folder / "device", text, Path(hub.ca_file).read_bytes(), base=BOARD, wifi=wifi
        )
        # Each module keeps the name of its file: on the board they are as short, and nothing hangs on where this runs.
        host = folder / "host"
        host.symlink_to(HOST)
        stand_in_modules = host / PICO_MODULES.relative_to(HOST)
        here = folder / "files"
        said = on_micropython.run(
            *("heap_program.py", _from(here, device.folder), image_file, ",".join(stand_ins), *modules),
            heap=ROOMY if romfs else HEAP,  # the image lies in the heap, too, as there is no flash here
            path=(_from(here, stand_in_modules), *(() if romfs else ("", "lib")), _from(here, host)),
            place=here,
        )
    free = int(re.search(r"^free (\d+)$", said, re.MULTILINE)[1])
    largest = UNIT * int(re.search(r"max free sz: (\d+)", said)[1])
    return attributed(said), free, largest


def _from(here: Path, there: Path) -> str:
    """The way from one folder to another."""
    return os.path.relpath(there, here)


class Weight(NamedTuple):
    """What is in use at a moment, or was taken between two: ``names``, and ``bytes`` without their tables."""

    bytes: int
    names: int

    def less(self, other: Self) -> Self:
        """What was taken since ``other``."""
        return type(self)(self.bytes - other.bytes, self.names - other.names)


MOMENT = re.compile(
    r"^(begin|end|at) (\S+) (\d+)\n.*n_qstr=(\d+), n_str_data_bytes=(\d+), n_total_bytes=(\d+)$", re.MULTILINE
)


def attributed(said: str) -> dict[str, int]:
    """Bytes by layer, of what heap_program.py has said; they are all that is in use beyond that program."""
    kept = set(re.findall(r"^kept (\S+)$", said, re.MULTILINE))
    held = {}  # by module, without those that it has imported itself
    moments = {}
    under_way: list[tuple[Weight, list[Weight]]] = []  # when it began, and what those within took
    share = Fraction(0)  # of the tables of names, for each of them
    for moment, name, used, count, texts, whole in MOMENT.findall(said):
        tables = int(whole) - int(texts)
        now = Weight(int(used) - tables, int(count))
        if moment == "begin":
            under_way.append((now, []))
        elif moment == "end":
            begun, within = under_way.pop()
            taken = own = now.less(begun)
            for inner in within:
                own = own.less(inner)
            if name in kept:
                held[name] = own
            if under_way:
                under_way[-1][1].append(taken)
        else:
            moments[name] = now
            share = Fraction(tables, now.names)
    stand_ins, device = (
        moments["stand-ins"].less(moments["begin"]),
        moments["ready"].less(moments["stand-ins"]),
    )
    layers = dict.fromkeys((*COUNTED, "port", "others"), Fraction(0))
    layers["others"] += stand_ins.bytes + stand_ins.names * share
    layers["objects"] += device.bytes + device.names * share
    for name, own in held.items():
        size = own.bytes + own.names * share
        layers[layer(name)] += size
        layers["objects"] -= size
    return {name: round(size) for name, size in layers.items()}


def layer(module: str) -> str:
    """To which a module belongs."""
    for name, found in LAYERS.items():
        if module == name or module.startswith(name + "."):
            return found
    return "others"
