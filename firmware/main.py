"""The device's entry: build what the directory describes, and run it.

As a process it ends with 2 if a person must mend something. A board, which has no arguments, starts
again, unless a person must mend it: then its prompt is of more use.
"""

import gc
import sys

if hasattr(gc, "threshold"):
    gc.threshold(8192)  # collect often: imports and TLS need large free blocks

RESTART_S = 60
OURS = {"Held": "hold", "SetupError": "setup", "HardwareError": "setup"}

arguments = sys.argv[1:]
try:
    import twinkle.runtime.boot

    twinkle.runtime.boot.boot(*(arguments or [""])).run()
except KeyboardInterrupt:
    print()
except Exception as error:
    kind = type(error).__name__  # its class may be what could not be imported
    if kind in OURS:
        from twinkle.runtime.log import plain

        print("%s: %s" % (OURS[kind], plain(str(error))))
    elif arguments:
        raise
    else:
        print("failed: %s: %s" % (kind, error))
    if arguments and kind != "Held":
        sys.exit(2 if kind == "SetupError" else 1)
    if kind not in ("Held", "SetupError"):
        import time

        import machine

        print("restart in %d s; Ctrl-C for the prompt" % RESTART_S)
        time.sleep(RESTART_S)
        machine.reset()
