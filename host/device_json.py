"""JSON in the files that a device reads: UTF-8, and nothing escaped that need not be.

MicroPython's parser makes two characters, neither of which is one, of a character that was written as
the escapes of a surrogate pair (``extmod/modjson.c``; RFC 8259, section 7).
"""

import json
from typing import Any

from .failure import USAGE, Failure


def written(document: Any, indent: int | None = None) -> bytes:
    """The content of a file; Failure when a text in it is none, as an argument that is no UTF-8."""
    try:
        return json.dumps(document, ensure_ascii=False, indent=indent).encode()
    except UnicodeEncodeError:
        raise Failure("what was given holds text that is not UTF-8; type it again", USAGE) from None
