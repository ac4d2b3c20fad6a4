"""The device's entry: build what the directory describes, and run it."""

import gc
import sys

if hasattr(gc, "threshold"):
    gc.threshold(8192)  # collect often: imports and TLS need large free blocks

import twinkle.runtime.boot
from twinkle.core.errors import HardwareError, Held, SetupError
from twinkle.runtime.log import plain

# On a board there are none, and its prompt is of more use than an end that starts it again.
arguments = sys.argv[1:]
try:
    twinkle.runtime.boot.boot(*(arguments or [""])).run()
except Held as reason:
    print("hold:", reason)
except (HardwareError, SetupError) as error:
    print("setup:", plain(str(error)))
    if arguments:
        # What is wrong with the hardware may be in order at another start.
        sys.exit(2 if isinstance(error, SetupError) else 1)
except KeyboardInterrupt:
    if arguments:
        sys.exit(0)
