"""MicroPython's Unix port as a Pico W's firmware has MicroPython: ``micropython rp2.py PROGRAM ARGUMENT…``

Built-in modules are found before any file, so what stands for one of them is put where imports look first. The
differences, all of them, are in ``docs/micropython-on-rp2.md``. The folder ``host`` must be on MICROPYPATH.
"""

import sys

import mock_gpio.pico.tls

sys.modules["tls"] = mock_gpio.pico.tls


def run(program):
    """Run it as MicroPython does; ``sys.argv`` is its own then."""
    sys.argv[:] = sys.argv[1:]
    sys.path[0] = program.rpartition("/")[0]
    with open(program) as file:
        exec(compile(file.read(), program, "exec"), {"__name__": "__main__", "__file__": program})


if __name__ == "__main__":
    run(sys.argv[1])
