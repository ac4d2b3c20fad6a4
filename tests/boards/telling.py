"""What tells the port contract to one port in a process of its own, on either interpreter; see the files of stories.

    STORIES.py DIRECTORY MODULE PATIENCE TYPING

DIRECTORY holds board.json. PATIENCE and TYPING are milliseconds: for what must come, and for what is typed.

Prints ``ok NAME`` or ``FAIL NAME`` and why, a line for each story; at the end ``closed`` and, with ``left``, what the
pins show then: JSON, by their numbers where they are known by them.
"""

import gc
import json
import sys

if hasattr(gc, "threshold"):
    gc.threshold(8192)  # as main.py has it

DIRECTORY, MODULE = sys.argv[1:3]
PATIENCE_MS, TYPING_MS = map(int, sys.argv[3:])
with open(DIRECTORY + "/board.json") as file:
    SETTINGS = json.load(file)
WIFI = {"ssid": "home", "password": "a secret"}

from twinkle import compat  # noqa: E402


def load(name):
    """A module by its whole name."""
    module = __import__(name)
    for part in name.split(".")[1:]:
        module = getattr(module, part)
    return module


def make():
    """The port."""
    port = load(MODULE).Port(SETTINGS, DIRECTORY, WIFI)
    ticks, skipped = port.ticks, [0]
    port.ticks = lambda: ticks() + skipped[0]

    def skip(ms):
        skipped[0] += ms

    def rest():
        port.feed()  # a story that makes it ready() leaves a watchdog to those after it
        skip(2100)

    port.skip = skip  # as if so much time had passed
    port.rest = rest  # as if the sensor had been left alone for long enough
    return port


def tell(_what="sensor", **members):
    with open(DIRECTORY + "/" + _what + ".json", "w") as file:
        json.dump(members, file)


def pins():
    """What has been recorded of the pins."""
    try:
        with open(DIRECTORY + "/pins.jsonl") as file:
            return [json.loads(line) for line in file]
    except OSError:
        return []


def run(stories, port):
    """Tell all of ``stories``, a module's names, to a port."""
    for name in sorted([name for name in stories if name.startswith("story_")]):
        port.feed()
        try:
            stories[name](port)
            print("ok", name)
        except Exception as error:
            print("FAIL", name)
            if compat.MICROPYTHON:
                sys.print_exception(error, sys.stdout)
            else:
                import traceback

                traceback.print_exception(error, file=sys.stdout)
    port.led(0.5)
    for name in (port.wiring and SETTINGS["outputs"]) or ():
        port.wiring.drive(name, 0.5)
    port.close()
    print("closed")
    print("left", json.dumps({str(entry.get("pin")): entry.get("level") for entry in pins()}))
    port.reset("the end of the stories")
    print("reset returned")
