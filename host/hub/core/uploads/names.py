"""Names of blobs, and the file that each of them is.

Storage services, "Naming and Referencing Containers, Blobs, and Metadata": a blob's name has 1 to 1,024
characters, in any letter case; a slash in it is no more than a character. The files of the store must not
be anywhere else, whatever a name holds.
"""

import hashlib
from typing import Any
from urllib.parse import quote

from ..access.identities import invalid

CONTAINER = "device-uploads"
MAX_NAME = 1024
MAX_FILE = 200  # characters of a file's name; most file systems have 255


def check_name(device_id: str, name: Any) -> str:
    """The blob's full name, which begins with the device's id; 400004 for what is none.

    IoT Hub developer guide, "File upload": the name in the request is put below the device's id.
    """
    if not isinstance(name, str) or not name:
        raise invalid('The body must be an object with a "blobName", which is text.')
    full = f"{device_id}/{name}"
    if len(full) > MAX_NAME:
        raise invalid(f"A blob's name has at most {MAX_NAME} characters, the device's id included.")
    # What a client makes of such an address before it sends it is another one, which nothing was signed for.
    if any(part in (".", "..") for part in name.replace("\\", "/").split("/")):
        raise invalid("A blob's name has no part that is '.' or '..'.")
    if not all(character.isprintable() for character in name):
        raise invalid("A blob's name holds printable characters only.")
    return full


def file_of(name: str) -> tuple[str, str]:
    """The directory of a blob's device and its file there: for each name another, and none that leads elsewhere."""
    device_id, _, rest = name.partition("/")
    return _plain(device_id), _plain(rest)


def _plain(text: str) -> str:
    # quote() leaves letters, digits and _ . - ~; a dot is no start, and the tilde marks a name that was cut.
    plain = quote(text, safe=" ").replace("~", "%7E")
    if plain.startswith("."):
        plain = "%2E" + plain[1:]
    if len(plain) > MAX_FILE:
        return f"{plain[: MAX_FILE - 65]}~{hashlib.sha256(text.encode()).hexdigest()}"
    return plain
