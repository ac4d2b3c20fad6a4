"""A chip of NOR flash in memory with the device's store on it, for MicroPython: power cuts, and wear.

The chip counts what is done to it, and can lose its power at its k-th operation. The
operation that dies is done not at all, half, or half with rubbish in the other half,
as a chip's page may be.
"""

import vfs

from twinkle.runtime.store import Store

BLOCK, BLOCKS = 4096, 16
EIO = 5
HOWS = ("not at all", "half", "half and rubbish")


class Flash:
    """NOR flash: erasing sets all bits of a block, programming clears some."""

    def __init__(self, content=None):
        self.content = content or bytearray(b"\xff" * (BLOCK * BLOCKS))
        self.left = None  # operations until the power goes; None: it stays
        self.how = None
        self.operations = self.erases = self.programmed = 0

    def readblocks(self, block, buffer, offset=0):
        if self.left == 0:
            return -EIO
        at = block * BLOCK + offset
        buffer[:] = self.content[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        self.programmed += len(buffer)
        return self._change(block * BLOCK + offset, buffer)

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            self.erases += 1
            return self._change(argument * BLOCK, None)
        return 0

    def _change(self, at, data):
        if self.left == 0:
            return -EIO
        self.operations += 1
        size = BLOCK if data is None else len(data)
        dies = False
        if self.left is not None:
            self.left -= 1
            dies = self.left == 0
            if dies:
                if self.how == "not at all":
                    return -EIO
                if self.how == "half and rubbish":
                    for n in range(at + size // 2, at + size):
                        self.content[n] &= (n * 37) & 0xFF
                size //= 2
        for n in range(size):
            self.content[at + n] = 0xFF if data is None else self.content[at + n] & data[n]
        return -EIO if dies else 0


def mount(flash):
    """The store on it, as after a start."""
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    return Store("/flash/state", lambda level, text: None)


def unmount():
    """Take it away; harmless when its power is gone."""
    try:
        vfs.umount("/flash")
    except OSError:
        return


def prepared(records):
    """The content of a flash with these records on it."""
    flash = Flash()
    vfs.VfsLfs2.mkfs(flash)
    store = mount(flash)
    for name, record in records:
        store.save(name, record)
    unmount()
    return flash.content


def wear(times):
    """``(erases, bytes programmed)`` for each of so many configurations that are applied."""
    flash = Flash(prepared([("config", {"configId": 3, "sendFrequency": "5m"})]))
    store = mount(flash)
    store.load("config")
    erases, programmed = flash.erases, flash.programmed
    for n in range(times):
        store.save("config", {"configId": n, "sendFrequency": str(n % 60 + 1) + "m"})
    unmount()
    return (flash.erases - erases) / times, (flash.programmed - programmed) / times
