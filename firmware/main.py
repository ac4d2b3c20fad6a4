"""The device's entry: build what the directory describes, and run it."""

import gc
import sys

if hasattr(gc, "threshold"):
    gc.threshold(8192)  # collect often: imports and TLS need large free blocks

from twinkle.core.errors import SetupError
from twinkle.rim.boot import boot

try:
    boot(sys.argv[1] if len(sys.argv) > 1 else "").run()
except SetupError as error:
    print("setup:", error)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(0)
