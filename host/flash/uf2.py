"""Installing MicroPython on a board that shows itself as a drive (UF2 boot mode).

An image for another chip would leave the board without a program, so it is checked
first, block by block, against what the hardware's file says of the board. Source:
"USB Flashing Format (UF2)", github.com/microsoft/uf2.
"""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..failure import NOT_FOUND, USAGE, Failure

BLOCK = 512
HEADER = struct.Struct("<8I")
MAGIC = (0x0A324655, 0x9E5D5157)
END = struct.Struct("<I")
END_MAGIC = 0x0AB16F30
NOT_FOR_FLASH, HAS_FAMILY = 0x1, 0x2000
LARGEST_PAYLOAD = 476
FAMILIES = {0xE48BFF56: "RP2040", 0xE48BFF59: "RP2350", 0xE48BFF57: "RP2350", 0xE48BFF5B: "RP2350"}
MARK = "INFO_UF2.TXT"
PIECE = 64 * BLOCK  # bytes that are written at once


def check(content: bytes, hardware: dict[str, Any]) -> int:
    """Failure unless this is a whole image for the board; how many bytes of flash it fills.

    ``hardware`` has ``uf2`` {"family", "start", "size", "drive"}.
    """
    facts = hardware["uf2"]
    family, start, size = int(facts["family"], 16), int(facts["start"], 16), facts["size"]
    if not content or len(content) % BLOCK:
        raise Failure("this is not a UF2 image: its size is not a multiple of 512 bytes", USAGE)
    count = len(content) // BLOCK
    filled: dict[int, int] = {}
    for number in range(count):
        block = content[number * BLOCK : (number + 1) * BLOCK]
        *magic, flags, address, length, index, total, kind = HEADER.unpack_from(block)
        if tuple(magic) != MAGIC or END.unpack_from(block, BLOCK - END.size)[0] != END_MAGIC:
            raise Failure(f"this is not a UF2 image: block {number} has no UF2 marks", USAGE)
        if index != number or total != count:
            raise Failure(
                f"the image is not whole: block {number} says that it is {index} of {total}, not of {count}",
                USAGE,
            )
        if flags & HAS_FAMILY and kind != family:
            name = FAMILIES.get(kind, f"family {kind:08x}")
            raise Failure(f"the image is for another chip ({name}), not for a {hardware['name']}", USAGE)
        if not flags & HAS_FAMILY:
            raise Failure("the image does not say which chip it is for; take the one for this board", USAGE)
        if flags & NOT_FOR_FLASH:
            continue
        if not 0 < length <= LARGEST_PAYLOAD or not start <= address <= start + size - length:
            raise Failure(
                f"the image writes {length} bytes at {address:#x}, outside of a {hardware['name']}'s flash",
                USAGE,
            )
        if address in filled:
            raise Failure(f"the image writes twice at {address:#x}", USAGE)
        filled[address] = length
    if start not in filled:
        raise Failure(f"the image leaves out {start:#x}, where a {hardware['name']} starts", USAGE)
    return sum(filled.values())


def find_drive(drive: Path | None, hardware: dict[str, Any], mounts: Path = Path("/proc/mounts")) -> Path:
    """The drive of the one board in boot mode, or the one that was named, if it is such a drive."""
    wanted = hardware["uf2"]["drive"]
    if drive is not None:
        if not _is_drive(drive, wanted):
            raise Failure(
                f"{drive} is not the drive of a board in boot mode: there is no {MARK} of {wanted}", USAGE
            )
        return drive
    places = [Path(line.split()[1].replace("\\040", " ")) for line in mounts.read_text().splitlines()]
    found = [place for place in places if _is_drive(place, wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(map(str, found))
        raise Failure(f"there are {len(found)} boards in boot mode ({names}); name one with --drive", USAGE)
    raise Failure(
        f"no drive {wanted} is mounted: hold BOOTSEL while plugging the board in, or name its drive with --drive",
        NOT_FOUND,
    )


def _is_drive(place: Path, wanted: str) -> bool:
    try:
        return f"Board-ID: {wanted}" in (place / MARK).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return False


def copy(content: bytes, drive: Path, progress: Callable[[int], Any]) -> None:
    """Write the image to the drive. The board restarts by itself with the last block."""
    written = 0
    try:
        with open(drive / "firmware.uf2", "wb", buffering=0) as file:
            while written < len(content):
                taken = file.write(content[written : written + PIECE])
                written += taken
                progress(taken)
                os.fsync(file.fileno())
    except OSError as error:
        # The drive goes away with the restart, often before the last fsync has returned.
        if written < len(content):
            raise Failure(f"writing to {drive} failed after {written} bytes ({error}); try again") from None
