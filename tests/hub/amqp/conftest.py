"""The AMQP engine's stage, for every test of this room."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from peer import Peer


@pytest.fixture
def peer():
    """A client that has not said anything, at a fresh connection."""
    return Peer()
