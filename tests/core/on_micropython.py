"""Tells the stories of one module under MicroPython: ``ok NAME`` or ``FAIL NAME`` and why."""

import gc
import sys

gc.threshold(8192)  # as main.py has it
path = sys.argv[1]
folder, _, name = path.rpartition("/")
sys.path.insert(0, folder)
module = __import__(name[:-3])
for name in sorted(dir(module)):
    if name.startswith("test_"):
        gc.collect()
        try:
            getattr(module, name)()
            print("ok", name)
        except Exception as error:
            print("FAIL", name)
            sys.print_exception(error, sys.stdout)
