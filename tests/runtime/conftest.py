"""The scripted peer is a module of this room."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
from scripted import Authority


@pytest.fixture(scope="session")
def some_authority():
    """An authority's certificate, PEM."""
    return Authority().pem
