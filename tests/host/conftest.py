"""What the tests of the command line share."""

import os

import pytest


@pytest.fixture
def home(tmp_path):
    """The environment of somebody whose home has nothing in it, on a computer without a hub."""
    return {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": os.environ["PATH"]}
