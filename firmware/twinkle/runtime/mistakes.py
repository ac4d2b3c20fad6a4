"""An application's error in words, with its place: ``kitchen.py:35: ValueError: …``. Loaded when there is one."""

import io
import sys

from .log import plain

FRAME = '\n  File "'
LONGEST = 1000  # characters; an error may hold whatever it was raised with


def explained(error):
    """The file and line in the application, and what the error says.

    That of its own file where the error was raised in another one, such as a library's. Not the application's are
    the frame that caught the error, and the device's own files: they have names without ``.py`` on a board, and lie
    beside this one elsewhere.
    """
    text = io.StringIO()
    sys.print_exception(error, text)
    frames = text.getvalue().split(FRAME)
    device = __file__.rpartition("runtime")[0] or " "
    place = ""
    for frame in frames[2:]:
        file, _, rest = frame.partition('", line ')
        name = file.rpartition("/")[2] + ":"
        if place.startswith(name) or not (place or file.startswith(device) or not file.endswith(".py")):
            place = name + rest.partition("\n")[0].partition(",")[0] + ": "
    words = " ".join(frames[-1].split("\n")[1:]).strip()
    return plain((place + words)[:LONGEST])
