"""For MicroPython: boots the device of a directory, connects, and prints what its modules hold of the heap.

    heap_program.py DIRECTORY IMAGE MODULE…

IMAGE is that of a ROMFS to take the modules from, or "-" for none.

``module NAME BYTES`` for each of these modules that is loaded then, its own part alone; ``total BYTES`` for all that is
retained once the device is ready and has sent a message; ``free BYTES`` for what is left, and then MicroPython's own
account of the heap. What the interpreter and this program take is not in them.
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
held = dict.fromkeys(sys.argv[3:])
inner = [0]  # bytes that imports within the present one took
loading = []
plain = builtins.__import__


def load(name):
    """Import a module, and note what it takes beyond what it imports itself."""
    outer, inner[0] = inner[0], 0
    loading.append(name)
    gc.collect()
    begun = gc.mem_alloc()
    plain(name)
    gc.collect()
    taken = gc.mem_alloc() - begun
    loading.pop()
    held[name] = taken - inner[0]
    inner[0] = outer + taken


def absolute(name, wanted, level):
    """The full name behind a relative one."""
    if loading:
        parts = loading[-1].split(".")
        package = any(other.startswith(loading[-1] + ".") for other in held)
        parts = parts[: len(parts) - level + package]
        return ".".join(parts + ([name] if name else []))
    # From within a function. Nothing says whose, but names are not that many.
    (found,) = [other for other in held if other.endswith("." + (name or wanted[0]))]
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
        if module in held and module not in sys.modules:
            load(module)
    return plain(base, None, None, wanted, 0)


builtins.__import__ = weighed
gc.collect()
before = gc.mem_alloc()

import twinkle.runtime.boot  # noqa: E402

# As main.py has it, so that what only the start needs can be let go of.
runner = twinkle.runtime.boot.boot(sys.argv[1])
for _ in range(500):
    runner.turn()
    if runner.device.telemetry.sent:
        break
gc.collect()
total, free = gc.mem_alloc() - before, gc.mem_free()
if not runner.device.telemetry.sent:
    raise SystemExit("the device did not send: " + runner.device.link.state)
for name in held:
    if held[name] is not None and name in sys.modules:
        print("module", name, held[name])
print("total", total)
print("free", free)
micropython.mem_info()
runner.leave("measured")
