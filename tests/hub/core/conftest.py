"""The hub core's stage, for every test of this room."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness import Stage


@pytest.fixture
def stage():
    """A fresh hub under virtual time."""
    return Stage()
