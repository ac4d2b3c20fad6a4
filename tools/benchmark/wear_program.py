"""For MicroPython: prints what so many applied configurations do to the flash, for each of them."""

import sys

from mock_gpio.nor_flash import wear

sys.path[:] = [path for path in sys.path if path != ""]
print(*wear(int(sys.argv[1])))
