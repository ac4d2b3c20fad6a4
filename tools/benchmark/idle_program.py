"""For MicroPython: the bridge of mock_gpio, which also tells what its device does to the heap.

A request {"heap": true} is answered with ``retained``, the bytes in use after a collection, and ``allocated``, the
bytes that the device has asked for since the last such request.
"""

import gc
import json
import sys

from mock_gpio.bridge import MARK, Bridge

bridge = Bridge()
allocated = 0
gc.disable()  # or what is allocated could not be told from what is freed
while True:
    line = sys.stdin.readline()
    if not line:
        break
    request = json.loads(line)
    del line
    gc.collect()
    if "heap" in request:
        del request
        gc.collect()
        print(MARK + json.dumps({"retained": gc.mem_alloc(), "allocated": allocated}))
        allocated = 0
        continue
    before = gc.mem_alloc()
    answer = bridge.handle(request)
    allocated += gc.mem_alloc() - before
    print(MARK + json.dumps(answer))
    # What the next one may write over.
    del answer, request
