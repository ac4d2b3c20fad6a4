"""For MicroPython: boots the device of a directory, connects, and prints what its modules hold of the heap.

    heap_program.py DIRECTORY IMAGE STAND-INS MODULE…

IMAGE is that of a ROMFS to take the modules from, or "-" for none. STAND-INS, with commas between them, are what a
board has in its firmware: they are loaded before all else, and so are the names that they bring.

At each of these moments there is a line, with the bytes in use after a collection, and below it MicroPython's own
account of the names that it keeps:

    begin NAME BYTES, end NAME BYTES    the import of a module; those that it imports itself are within
    at begin|stand-ins|ready BYTES      the program begins, has the stand-ins, has a device that is ready and has sent
                                        a message

Then ``kept NAME`` for each module that is loaded still, ``free BYTES`` for what is left, and the account of the heap.
"""

import builtins
import gc
import sys

import micropython

gc.threshold(8192)
if sys.argv[2] != "-":
    import vfs

    with open(sys.argv[2], "rb") as file:
        vfs.mount(vfs.VfsRom(file.read()), "/rom")
    sys.path[:0] = ["/rom", "/rom/lib"]
known = sys.argv[4:]
loading = []
plain = builtins.__import__


def tell(moment, name):
    """A line of the heap and one of the names."""
    gc.collect()
    print(moment, name, gc.mem_alloc())
    micropython.qstr_info()


def load(name):
    """Import a module, and tell of it."""
    loading.append(name)
    tell("begin", name)
    plain(name)
    tell("end", name)
    loading.pop()


def absolute(name, wanted, level):
    """The full name behind a relative one."""
    if loading:
        parts = loading[-1].split(".")
        package = any(other.startswith(loading[-1] + ".") for other in known)
        parts = parts[: len(parts) - level + package]
        return ".".join(parts + ([name] if name else []))
    # From within a function. Nothing says whose, but names are not that many.
    (found,) = [other for other in known if other.endswith("." + (name or wanted[0]))]
    return found if name else found.rpartition(".")[0]


def weighed(name, names=None, scope=None, wanted=None, level=0):
    """In the place of ``__import__``: one module at a time, each by its own name."""
    # MicroPython does not say who imports; what is relative would be so to this program.
    base = absolute(name, wanted, level) if level else name
    parts = base.split(".")
    asked = [".".join(parts[: n + 1]) for n in range(len(parts))]
    # A module that is named after "import" in "from … import" is imported without asking here.
    asked += [base + "." + own for own in wanted or ()]
    for module in asked:
        if module in known and module not in sys.modules:
            load(module)
    return plain(base, None, None, wanted, 0)


tell("at", "begin")
for name in sys.argv[3].split(","):
    plain(name)
tell("at", "stand-ins")
builtins.__import__ = weighed

import twinkle.runtime.boot  # noqa: E402

# As main.py has it, so that what only the start needs can be let go of.
runner = twinkle.runtime.boot.boot(sys.argv[1])
while not runner.device.telemetry.sent:
    runner.turn()
tell("at", "ready")
for name in known:
    if name in sys.modules:
        print("kept", name)
print("free", gc.mem_free())
micropython.mem_info()
runner.leave("measured")
