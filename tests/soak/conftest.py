"""Long runs, in a short form unless ``--soak`` is given.

Each module says with ``LONGER`` how many times as long its full form takes; at the end of
a short run stands how long all of them together would have taken.
"""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "device")]


@pytest.fixture(autouse=True)
def longer(request, record_property):
    """How many times as long."""
    record_property("longer", request.module.LONGER)
