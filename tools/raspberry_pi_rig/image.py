"""The card: an ext4 file system of the tree, in a file."""

from pathlib import Path

from .steps import Steps

SIZE_MIB = 2048  # a power of two, or QEMU's card refuses it


def make(root: Path, card: Path, steps: Steps) -> None:
    """A card of the tree ``root``."""
    card.unlink(missing_ok=True)
    steps.run("truncate", f"--size={SIZE_MIB}M", card)
    # Features that newer tools add and Debian 12's kernel does not know stay out by the size of its own set.
    steps.run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, card)
