"""Imports an application as a device does, on either interpreter, and says what is wrong with it.

    python try_application.py MODULE ELSEWHERE INPUTS

ELSEWHERE are modules that a board has and this computer may not have, INPUTS those that the board file names, both
parted by commas. The last line printed is WRONG and why, or MISSING and such a module.
"""

import sys

import twinkle.compat  # noqa: F401 (gives CPython what MicroPython has)
from twinkle import App
from twinkle.core import applying
from twinkle.runtime.mistakes import explained

WRONG, MISSING = "wrong: ", "missing: "


def main(name, elsewhere, inputs):
    """The exit status: 0 when nothing was found."""
    try:
        module = __import__(name)
        for part in name.split(".")[1:]:
            module = getattr(module, part)
        if not isinstance(getattr(module, "app", None), App):
            raise ValueError("it has no app: write app = App()")
        applying.read(module.app.config["configId"], module.app.config["sendFrequency"])
        for wanted in module.app.inputs:
            if wanted not in inputs.split(","):
                there = inputs.replace(",", ", ") or "none"
                print(WRONG + "it wants the input " + repr(wanted) + "; the board file has " + there)
                return 1
    except SystemExit:
        print(WRONG + "it ends the program when it is imported")
        return 1
    except Exception as error:
        words = str(error)
        if isinstance(error, ImportError):
            module = words.partition("'")[2].partition("'")[0].partition(".")[0]
            if module in elsewhere.split(","):
                print(MISSING + module)
                return 0
        print(WRONG + explained(error))
        return 1
    return 0


sys.exit(main(*sys.argv[1:4]))
