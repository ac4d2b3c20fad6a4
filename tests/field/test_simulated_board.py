"""The simulated board at bad moments: Ctrl-C at each operation of its flash, and no power while it starts."""

import resource
import threading

from support import ROOT, run_micropython

from twinkle_host.flash.serial_link import ask_running
from twinkle_host.mock_gpio import serial_board
from twinkle_host.mock_gpio.serial_board import SerialBoard
from twinkle_host.waiting import PATIENCE_S, eventually

# Interrupts what is done with the K-th operation of the flash: in its middle, since it is when the file is sought in.
PROGRAM = """
import os, sys, ffi, vfs
sys.path.append("host/mock_gpio")
from board_flash import BLOCK, BLOCKS, Flash

libc = ffi.open("libc.so.6")
kill, getpid, leave = libc.func("i", "kill", "ii"), libc.func("i", "getpid", ""), libc.func("v", "_exit", "i")

class Memory:
    def __init__(self, left):
        self.content, self.at, self.left, self.whole = bytearray(b"\\xff" * BLOCK * BLOCKS), 0, left, True
    def seek(self, at):
        self.at, self.whole, self.left = at, False, self.left - 1
        if self.left == 0:
            kill(getpid(), 2)
    def readinto(self, buffer):
        buffer[:] = self.content[self.at : self.at + len(buffer)]
        self.whole = True
    def write(self, data):
        self.content[self.at : self.at + len(data)] = data
        self.whole = True
    def flush(self):
        pass

class Watched(Flash):
    doing = None
    def readblocks(self, *arguments):
        self.doing = "reading"
        super().readblocks(*arguments)
        self.doing = None
    def writeblocks(self, *arguments):
        self.doing = "programming"
        super().writeblocks(*arguments)
        self.doing = None
    def ioctl(self, *arguments):
        self.doing = "erasing"
        found = super().ioctl(*arguments)
        self.doing = None
        return found

def mounted(memory):
    flash = Watched(memory)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    return flash

memory = Memory(0)
vfs.VfsLfs2.mkfs(Watched(memory))
flash = mounted(memory)
for name in ("kept", "changed"):
    with open("/flash/" + name, "w") as file:
        file.write("as it was" * 1000)
memory.left = int(sys.argv[1])
said = "over"
try:
    file = open("/flash/changed", "w")
    file.write("otherwise" * 2000)
    file.close()
    os.remove("/flash/changed")
except KeyboardInterrupt:
    said = "%s whole" % flash.doing if memory.whole else "%s broken" % flash.doing
memory.left = 0
# As after the next start.
vfs.umount("/flash")
mounted(memory)
with open("/flash/kept") as file:
    assert file.read() == "as it was" * 1000
with open("/flash/new", "w") as file:
    file.write("new" * 1000)
print(said)
leave(0)  # what littlefs had open before the interrupt is not to be closed
"""


def test_reading_and_programming_are_interrupted_when_they_are_done_and_an_erase_never(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    said = []
    while said[-1:] != ["over"]:
        done = run_micropython(program, len(said) + 1, heap="8m", path=[ROOT / "host" / "mock_gpio"])
        said += [done.stdout.strip()]
        assert said[-1] in ("reading whole", "programming whole", "over"), done
    assert len(said) > 20 and "programming whole" in said


class Door:
    """A lock that tells when somebody waits for it."""

    def __init__(self):
        self._lock = threading.Lock()
        self.awaited = threading.Event()

    def __enter__(self):
        if not self._lock.acquire(blocking=False):
            self.awaited.set()
            self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


def test_a_board_that_is_unplugged_while_it_starts_again_is_gone(board, monkeypatch):
    popen, door = serial_board.subprocess.Popen, Door()
    unplugging = threading.Thread(target=board.unplug, daemon=True)

    def slowly(*arguments, **options):
        unplugging.start()
        assert door.awaited.wait(PATIENCE_S)
        return popen(*arguments, **options)

    board._started.wait(PATIENCE_S)
    monkeypatch.setattr(board, "_starting", door)
    monkeypatch.setattr(serial_board.subprocess, "Popen", slowly)
    board._process.kill()
    eventually(lambda: unplugging.ident)
    unplugging.join(PATIENCE_S)
    assert not unplugging.is_alive()


def test_a_board_that_is_cut_off_while_its_flash_is_made_is_as_good_as_new(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # what writes more is killed
    with SerialBoard(tmp_path / "board") as board:
        try:
            eventually(lambda: board.starts > 1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert ask_running(board.port) is None, "it gives its prompt"
