"""The endpoint's own connections over a transport that is simulated, and time that is only a number."""

import asyncio
import contextlib
import random
import time

from harness import read_certificate, token
from packets import field, packet

from twinkle_host.hub.core import Hub, MemoryStore, Provisioning
from twinkle_host.hub.doors.mqtt import Connection, Endpoint
from twinkle_host.hub.ticker import Ticker

DEVICE = "dev1"
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
EVENTS = f"devices/{DEVICE}/messages/events/"


class Line(asyncio.Transport):
    """What a SecureTransport is to a Connection; the peer says ``pieces`` and leaves.

    Between them, and before the first, ``pause`` seconds pass: in a VirtualLoop none, but by its time.
    """

    def __init__(self, pieces, pause=0.0):
        super().__init__({"certificate": lambda authorities: None})
        self.pieces = list(pieces)
        self.sent = b""
        self.open = True
        self._pause = pause
        self._gone = asyncio.Event()

    async def serve(self, connection):
        """Live, until one of the two ends it."""
        connection.connection_made(self)
        while self.open and (piece := await self.say()):
            connection.data_received(piece)
        if self.open:
            connection.eof_received()
            self.close()
        connection.connection_lost(None)

    async def say(self):
        await self.wait(self._pause)
        return self.pieces.pop(0) if self.pieces and self.open else b""

    async def wait(self, seconds):
        await asyncio.sleep(0)
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._gone.wait(), seconds)

    def write(self, data):
        if self.open:
            self.sent += data

    def get_write_buffer_size(self):
        return 0

    def close(self):
        self.open = False
        self._gone.set()

    abort = close


def connect(password, flags=0xC2, username=f"localhost/{DEVICE}/?api-version=2021-04-12", will=b""):
    """A CONNECT; a good one unless something else is said."""
    body = field("MQTT") + bytes((4, flags)) + b"\x00\x3c" + field(DEVICE) + will + field(username)
    return packet(0x10, body + field(password))


class Clock:
    """The same moment in every run, so that an example can be replayed."""

    monotonic = staticmethod(time.monotonic)

    def utc(self):
        return 1_700_000_000.0


class KeptAtOnce:
    """A log that has kept everything already."""

    def after(self, act):
        act(True)


class World:
    """A hub with one device, whose endpoint is told to accept lines."""

    password = token(f"localhost/devices/{DEVICE}", KEY, 1_700_003_600)

    def __init__(self, faults=None):
        clock, store = Clock(), MemoryStore()
        self.hub = Hub("localhost", clock, store, random.Random(1).randbytes)
        self.hub.create_device(DEVICE, {"authentication": {"symmetricKey": {"primaryKey": KEY}}})
        self.ticker = Ticker(self.hub)
        service = Provisioning(self.hub, clock, store, random.Random(2).randbytes, read_certificate)
        self.endpoint = Endpoint(self.hub, service, self.ticker, None, KeptAtOnce())
        self.endpoint.faults = faults

    def connect(self, *arguments, **named):
        return connect(self.password, *arguments, **named)

    def serve(self, *peers):
        """Serve a line of pieces each, one after the other; what was sent. Fails on what nobody caught."""
        uncaught, lines = [], []

        async def run():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: uncaught.append(context))
            for pieces in peers:
                lines.append(Line(pieces))
                await lines[-1].serve(Connection(self.endpoint, self.ticker))
                assert self.hub.devices.find(DEVICE).session is None
            self.ticker.stop()
            await asyncio.sleep(0)

        asyncio.run(run())
        assert not uncaught, uncaught
        assert not self.endpoint.lobby and not self.endpoint.connections
        return [line.sent for line in lines]


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes where all wait for it, and then at once."""

    def __init__(self):
        super().__init__()
        self._passed = 0.0
        select = self._selector.select

        def jump(timeout):
            ready = select(0)
            if not ready:
                assert timeout is not None, "nothing would ever happen"
                self._passed += timeout
            return ready

        self._selector.select = jump

    def time(self):
        return self._passed
