"""Every store write, with the power cut at each operation of the flash below it: for MicroPython.

A littlefs lies on a block device in memory that dies at its k-th operation. The
operation that dies is done not at all, half, or half with rubbish in the other half,
as a chip's page may be. Then the device is started again on what is left: it must
find the old record or the new one, whole, and be able to write.

Prints ``ok STORY cuts N`` or ``FAIL STORY …`` and, for a configuration that is replaced
many times, ``wear ERASES BYTES`` for each time.
"""

import sys

import vfs

from twinkle.core.errors import HardwareError
from twinkle.rim.store import Store

BLOCK, BLOCKS = 4096, 16
EIO = 5
HOWS = ("not at all", "half", "half and rubbish")

A = {"configId": 3, "sendFrequency": "5m"}
B = {"configId": 4, "sendFrequency": "30s"}
LONG = {"configId": "x" * 3000, "sendFrequency": "5m"}


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
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    return Store("/flash/state", lambda level, text: None)


def unmount():
    try:
        vfs.umount("/flash")
    except OSError:
        return


def save(store, name, record):
    """Whether the store says that it is done."""
    try:
        store.save(name, record)
    except (HardwareError, OSError):
        return False
    return True


def prepared(records):
    """The content of a flash with these records on it."""
    flash = Flash()
    vfs.VfsLfs2.mkfs(flash)
    store = mount(flash)
    for name, record in records:
        store.save(name, record)
    unmount()
    return flash.content


def tell(story, before, name, after):
    """Replace the record ``name`` by ``after`` on a flash with the records ``before``."""
    content = prepared(before)
    old = dict(before).get(name)
    others = [(other, record) for other, record in before if other != name]
    whole = Flash(bytearray(content))
    store = mount(whole)
    store.load(name)
    begun = whole.operations
    store.save(name, after)
    steps = whole.operations - begun
    unmount()
    cuts = 0
    for how in HOWS:
        for k in range(1, steps + 1):
            flash = Flash(bytearray(content))
            store = mount(flash)
            store.load(name)
            flash.left, flash.how = k, how
            survived = save(store, name, after)
            unmount()
            again = Flash(flash.content)
            store = mount(again)
            found = store.load(name)
            kept = [store.load(other) for other, _ in others]
            wrong = None
            if found != old and found != after:
                wrong = "found " + repr(found)
            elif survived and found != after:
                wrong = "it was said to be written"
            elif store.corrupt:
                wrong = "a damaged record"
            elif kept != [record for _, record in others]:
                wrong = "another record was lost"
            else:
                store.save(name, {"after": k})
                if store.load(name) != {"after": k}:
                    wrong = "no write was possible afterwards"
            unmount()
            if wrong:
                print("FAIL", story, "cut at", k, how, wrong)
                return
            cuts += 1
    print("ok", story, "cuts", cuts)


def wear(times):
    flash = Flash(prepared([("config", A)]))
    store = mount(flash)
    store.load("config")
    erases, programmed = flash.erases, flash.programmed
    for n in range(times):
        store.save("config", {"configId": n, "sendFrequency": str(n % 60 + 1) + "m"})
    unmount()
    print("wear", (flash.erases - erases) / times, (flash.programmed - programmed) / times)


sys.path[:] = [path for path in sys.path if path != ""]
tell("replaced", [("config", A)], "config", B)
tell("the first", [], "config", A)
tell("the first beside another", [("assigned", {"hub": "h", "deviceId": "d"})], "config", A)
tell("removed", [("config", A), ("reboot", {"requested": None})], "reboot", None)
tell("replaced by a long one", [("config", A)], "config", LONG)
tell("a long one replaced", [("config", LONG), ("reboot", {"requested": None})], "config", A)
wear(200)
