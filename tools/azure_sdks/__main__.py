"""Calls every public method of Azure's SDKs against a local hub, and writes docs/azure-sdks.json and the table of
docs/azure-sdks.md. Exit status 1 when a method has no call, or one that worked no longer does."""

import sys
import tempfile
from pathlib import Path

from .node_rows import are_here, node_packages
from .page import DATA, PAGE, known, methods, placed, written
from .python_rows import python_packages
from .rows import NO_CALL, WORKS
from .world import may_bind_https, world


def main() -> int:
    """Run them all; the exit status."""
    if not may_bind_https() or not are_here():
        print(
            "this wants port 443 (as root, or see docs/azure-sdks.md) and Node with the SDKs' packages",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as one:
        packages = python_packages(one) | node_packages(one)
    rows = methods(packages)
    before = methods(known()) if DATA.exists() else {}
    worse = [
        (
            key,
            "nobody has written a call of it"
            if row["outcome"] == NO_CALL
            else "it worked, and no longer does",
        )
        for key, row in rows.items()
        if row["outcome"] == NO_CALL
        or (before.get(key, {}).get("outcome") == WORKS and row["outcome"] != WORKS)
    ]
    for key, why in worse:
        print(f"{'.'.join(key)}: {why}", file=sys.stderr)
    PAGE.write_text(placed(PAGE.read_text(), packages))
    DATA.write_text(written(packages))
    works = sum(row["outcome"] == WORKS for row in rows.values())
    print(f"{len(rows)} methods, of which {works} work, are in {PAGE.name}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
