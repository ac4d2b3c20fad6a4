"""An application's error in words, with its place. Loaded when there is one.

    kitchen.py:35: AttributeError: 'Board' object has no attribute 'temperatur'
"""

import io
import sys

from ..compat import own
from .log import plain

FRAME = '  File "'
LONGEST = 1000  # characters; an error may hold whatever it was raised with


def explained(error):
    """The file and line in the application, and what the error says.

    That of its own file where the error was raised in another one, such as a library's. The device's own files
    have names without ``.py`` on a board, and lie beside this one elsewhere.
    """
    text = io.StringIO()
    (getattr(sys, "print_exception", None) or own.print_exception)(error, text)
    device = __file__.rpartition("runtime")[0] or " "
    place, words = "", []
    for line in text.getvalue().split("\n"):
        if line.startswith(FRAME):
            file, _, rest = line[len(FRAME) :].partition('", line ')
            name = file.rpartition("/")[2] + ":"
            if place.startswith(name) or not (place or file.startswith(device) or not file.endswith(".py")):
                place = name + rest.partition(",")[0] + ": "
        elif line[:9] != "Traceback":
            words.append(line)
    words = " ".join(words).strip()
    if not place and "argument" in words:
        words += "; the guide says what each handler is given"
    return plain((place + words)[:LONGEST])
