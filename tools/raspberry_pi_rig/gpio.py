"""What the emulated GPIO block's registers say, asked of QEMU and not of the guest.

Addresses and bits: BCM2837 ARM Peripherals, chapter 6 (GPFSEL0 at 0x00, three bits a pin;
GPLEV0 at 0x34), the block at 0x3f200000 as the ARM cores see it.
"""

import itertools
import re
import socket
import time
from pathlib import Path

BLOCK = 0x3F200000
LEVELS = BLOCK + 0x34
FUNCTIONS = {0: "input", 1: "output"}
PROMPT = b"(qemu) "
LIMIT_S = 30.0


class Gpio:
    """The registers of the computer whose QEMU has its monitor at ``path``."""

    def __init__(self, path: Path):
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(LIMIT_S)
        self._line.connect(str(path))
        self._heard()

    def __enter__(self) -> "Gpio":
        return self

    def __exit__(self, *_) -> None:
        self._line.close()

    def function(self, pin: int) -> str:
        """``input``, ``output`` or ``alternate``."""
        return FUNCTIONS.get(self._word(BLOCK + 4 * (pin // 10)) >> (pin % 10 * 3) & 7, "alternate")

    def level(self, pin: int) -> int:
        """0 or 1 (pins 0 to 31)."""
        return self._word(LEVELS) >> pin & 1

    def watch(self, pin: int, seconds: float) -> list[tuple[float, int]]:
        """The level by time, as often as QEMU answers."""
        begun, seen = time.monotonic(), []
        while (now := time.monotonic() - begun) < seconds:
            seen.append((now, self.level(pin)))
        return seen

    def _word(self, address: int) -> int:
        self._line.sendall(b"xp /1wx 0x%x\n" % address)
        return int(re.search(r": 0x([0-9a-f]{8})", self._heard())[1], 16)

    def _heard(self) -> str:
        text = b""
        while not text.endswith(PROMPT):
            data = self._line.recv(65536)
            if not data:
                raise ConnectionError("QEMU's monitor has closed")
            text += data
        return text.decode(errors="replace")


def high_share(seen: list[tuple[float, int]]) -> float:
    """The share of the samples in which the line was high."""
    return sum(level for _, level in seen) / len(seen)


def edges(seen: list[tuple[float, int]]) -> list[float]:
    """When the line changed."""
    return [now for (_, before), (now, after) in itertools.pairwise(seen) if before != after]
