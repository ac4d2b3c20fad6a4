"""Every store write, with the power cut at each operation of the flash below it: for MicroPython.

A littlefs lies on a block device in memory that dies at its k-th operation, in each of
the ways of ``mock_gpio.nor_flash``. Then the device is started again on what is left: it
must find the old record or the new one, whole, and be able to write.

Prints ``ok STORY cuts N`` or ``FAIL STORY …`` and, for a configuration that is replaced
many times, ``wear ERASES BYTES`` for each time.
"""

import sys

from mock_gpio.nor_flash import HOWS, Flash, mount, prepared, unmount, wear
from twinkle.core.errors import HardwareError

A = {"configId": 3, "sendFrequency": "5m"}
B = {"configId": 4, "sendFrequency": "30s"}
LONG = {"configId": "x" * 3000, "sendFrequency": "5m"}


def save(store, name, record):
    """Whether the store says that it is done."""
    try:
        store.save(name, record)
    except (HardwareError, OSError):
        return False
    return True


def tell(story, before, name, after):
    """Replace the record ``name`` by ``after`` on a flash with the records ``before``."""
    content = prepared(before)
    old = dict(before).get(name)
    others = [(other, record) for other, record in before if other != name]
    whole = Flash(bytearray(content))
    store = mount(whole)
    store.load(name)
    begun = whole.operations
    store.save(name, after)
    steps = whole.operations - begun
    unmount()
    cuts = 0
    for how in HOWS:
        for k in range(1, steps + 1):
            flash = Flash(bytearray(content))
            store = mount(flash)
            store.load(name)
            flash.left, flash.how = k, how
            survived = save(store, name, after)
            unmount()
            again = Flash(flash.content)
            store = mount(again)
            found = store.load(name)
            kept = [store.load(other) for other, _ in others]
            wrong = None
            if found != old and found != after:
                wrong = "found " + repr(found)
            elif survived and found != after:
                wrong = "it was said to be written"
            elif store.damaged:
                wrong = "a damaged record"
            elif kept != [record for _, record in others]:
                wrong = "another record was lost"
            else:
                store.save(name, {"after": k})
                if store.load(name) != {"after": k}:
                    wrong = "no write was possible afterwards"
            unmount()
            if wrong:
                print("FAIL", story, "cut at", k, how, wrong)
                return
            cuts += 1
    print("ok", story, "cuts", cuts)


sys.path[:] = [path for path in sys.path if path != ""]
tell("replaced", [("config", A)], "config", B)
tell("the first", [], "config", A)
tell("the first beside another", [("assigned", {"hub": "h", "deviceId": "d"})], "config", A)
tell("removed", [("config", A), ("reboot", {"requested": None})], "reboot", None)
tell("replaced by a long one", [("config", A)], "config", LONG)
tell("a long one replaced", [("config", LONG), ("reboot", {"requested": None})], "config", A)
print("wear", *wear(200))
