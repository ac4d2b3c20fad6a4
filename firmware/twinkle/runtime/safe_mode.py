"""What runs in the place of an application that cannot: as little as lets somebody help.

An application that cannot be imported is left out at once. A program that is reset by the
watchdog, or ends by itself, three times in a row without having run well in between, is
started without its application and with the configuration put aside that was in force.
The link, the console and an LED that blinks quickly are left, and the hub is told why:

    {"safeMode": {"starts": how many in a row, "reason": text},
     "status": "Failed", "reason": text}        of the configuration that was put aside

``rebootDevice``, or ``reboot`` on the console, tries the whole program again. Safe mode lasts
until then: it never counts as a start that went well (Link.ran_well).
"""

import os

from ..app import App
from ..core.errors import HardwareError

AFTER = 3  # starts in a row that did not end well
BLINK_S = 0.2
REASON = "the program ended %d times in a row without having run well"


def put_aside(store, name):
    """Keep a record as ``NAME.aside``, where nobody reads it but a person, before it is loaded."""
    path = store.path(name)
    try:
        os.rename(path, path + ".aside")
    except OSError as error:
        if error.args[0] != 2:
            raise HardwareError("flash: %s" % error) from None
        return
    store.writes += 1


def application(starts, reason):
    """The application of safe mode."""
    told = {"safeMode": {"starts": starts, "reason": reason}}
    if starts > AFTER:
        told.update({"status": "Failed", "reason": "put aside in safe mode", "pendingConfig": None})
    app = App(properties=lambda board: told)

    @app.method("rebootDevice")
    def reboot_device(board, payload):
        board.reboot()

    return app
