"""The device's entry: build what the directory describes, and run it."""

import sys

from twinkle.core.errors import SetupError
from twinkle.rim.boot import boot

try:
    boot(sys.argv[1] if len(sys.argv) > 1 else "").run()
except SetupError as error:
    print("setup:", error)
    sys.exit(2)
except KeyboardInterrupt:
    sys.exit(0)
