"""What the tests of the running hub share."""

import logging
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "core"), str(HERE.parent / "amqp")]

from curl import Rest  # noqa: E402

from twinkle_host.hub.live import LiveHub  # noqa: E402


class Alarm(logging.Handler):
    """Everything that is logged as an error, by whichever thread; asyncio and aiohttp log what nobody caught."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.records = []

    def emit(self, record):
        self.records.append(self.format(record))

    def silent(self):
        """AssertionError with what there was since the last time."""
        told, self.records = self.records, []
        assert not told, "\n".join(told)


@pytest.fixture(scope="module")
def alarm():
    alarm = Alarm()
    logging.getLogger().addHandler(alarm)
    yield alarm
    logging.getLogger().removeHandler(alarm)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A local hub of the module's own, as it is without options."""
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live


@pytest.fixture
def rest(hub):
    """Its REST port, as its owner."""
    return Rest(hub)
