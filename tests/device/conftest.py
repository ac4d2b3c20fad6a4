"""Worlds in memory, for both interpreters."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from twinkle_host.mock_gpio.world import World


@pytest.fixture(params=["cpython", "micropython"])
def world(request):
    """A hub core and device cores joined in memory, once for each interpreter."""
    world = World(request.param, places=[Path(__file__).parent])
    yield world
    world.close()
