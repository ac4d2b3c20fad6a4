"""A hub's nodes without sockets: clients as in the room of the engine, a clock of the test's own."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "core"))
sys.path.insert(0, str(Path(__file__).parent.parent / "amqp"))
sys.path.insert(0, str(Path(__file__).parent))

from client import Client
from harness import HOST, Stage

from twinkle_host.hub.core import ROUTES, Hub
from twinkle_host.hub.events.log import EventLog
from twinkle_host.hub.nodes import EventHub


class EagerLog(EventLog):
    """Commits at once."""

    def append(self, *event):
        super().append(*event)
        self.commit()


class Desk(Stage):
    """A hub with a log and its nodes; ``client()`` makes clients, ``pump()`` lets all of them have what is theirs."""

    def __init__(self, folder):
        self.folder = folder
        self.clients = []
        super().__init__()

    def start(self):
        self.seed += 1
        self.log = EagerLog(self.folder / "events.sqlite", 86400, 1 << 30)
        rand = random.Random(self.seed).randbytes
        self.hub = Hub(HOST, self.clock, self.store, rand, log=self.log, routes=ROUTES)
        self.events = []
        self.hub.listen(self.events.append)
        self.event_hub = EventHub(self.hub, self.log, ("second",))

    def client(self):
        made = Client(self)
        self.clients.append(made)
        return made

    def pump(self):
        for client in self.clients:
            client.connection.pump()

    def run(self, seconds):
        super().run(seconds)
        for client in self.clients:
            client.container.expire()


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.log.close()
