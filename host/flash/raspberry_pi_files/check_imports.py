"""Imports what the port of a Raspberry Pi imports for a board file, as on a Pi, wherever this runs.

    check_imports.py BOARD_FILE     ends with 0, or with the import that failed

A module that is there and finds no Pi to work on is in order.
"""

import importlib
import json
import os
import sys

# Blinka takes the modules of the board that it finds, or is told of.
os.environ.update(BLINKA_FORCEBOARD="RASPBERRY_PI_4B", BLINKA_FORCECHIP="BCM2XXX")
# pulseio itself asks the processor besides; this is what it then takes.
PULSEIO = "adafruit_blinka.microcontroller.bcm283x.pulseio.PulseIn"


def needed(settings):
    """The modules for the content of a board file."""
    names = ["gpiozero", "gpiozero.pins." + settings["gpio"]]
    if "sensor" in settings:
        names += ["adafruit_dht", "board"]
        if settings["sensor"].get("pulseio"):
            names.append(PULSEIO)
    return names


def lacks(name):
    """Why a module cannot be imported, or None."""
    try:
        importlib.import_module(name)
    except ImportError as error:
        return f"{name}: {error}"
    except RuntimeError as error:
        # RPi.GPIO's, which is no Pi; Blinka's, which is a package that it does not find.
        return f"{name}: {error}" if isinstance(error.__cause__, ImportError) else None
    return None


def main(path):
    """Import all of them."""
    with open(path, "rb") as file:
        names = needed(json.load(file))
    wrong = [text for text in map(lacks, names) if text]
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main(sys.argv[1])
