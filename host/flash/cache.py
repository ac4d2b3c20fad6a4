"""What was made of the device's files before, kept for the next command."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from ..paths import cache_home


def from_cache(name: str, make: Callable[[], bytes]) -> bytes:
    """What was made before, or is made now."""
    cached = cache_home() / "mpy" / name
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        # In a folder of its own: another command may make the same at the same time.
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            new = Path(folder) / name
            new.write_bytes(make())
            new.replace(cached)
    return cached.read_bytes()
