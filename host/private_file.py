"""Files that hold what nobody else may read."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Put a file in its place, whole or not at all, for its owner alone; OSError when that cannot be."""
    # Created with its mode: there is no moment in which others could read it.
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
