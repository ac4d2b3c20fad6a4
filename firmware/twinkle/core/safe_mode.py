"""What runs when the program has failed again and again: as little as lets somebody help.

A program that is reset by the watchdog, or ends by itself, three times in a row
without having run well in between, is started without its application and with
the configuration put aside that was in force. The link, the console and an LED that
blinks quickly are left, and the hub is told why:

    {"safeMode": {"starts": how many in a row, "reason": text},
     "status": "Failed", "reason": text}        of the configuration

``rebootDevice``, or ``reboot`` on the console, tries the whole program again.
"""

from ..app import App
from .link import READY

AFTER = 3  # starts in a row that did not end well
BLINK_S = 0.2
STEADY_MS = 60000  # with a link to the hub for this long, the program runs well …
LONG_MS = 900000  # … and without one, after this


def ran_well(device, now):
    """Whether this start counts as a good one. Safe mode never does: it lasts until somebody ends it."""
    link = device.link
    moment = link.since + STEADY_MS if link.state == READY else LONG_MS
    return now >= moment and not getattr(device, "safe", False)


def reason(starts):
    """Why the start with this number, since one went well, is in safe mode."""
    return "the program ended %d times in a row without having run well" % (starts - 1)


def application(starts):
    """The application of safe mode."""
    told = {
        "safeMode": {"starts": starts, "reason": reason(starts)},
        "status": "Failed",
        "reason": "put aside in safe mode",
        "pendingConfig": None,
    }
    app = App(properties=lambda board: told)

    @app.method("rebootDevice")
    def reboot_device(board, payload):
        board.reboot()
        return {"Response": "the whole program is tried again"}

    return app
