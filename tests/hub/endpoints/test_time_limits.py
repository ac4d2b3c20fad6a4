"""How long the hub waits for a device, in virtual time."""

import asyncio

import pytest
from packets import packet
from simulated import DEVICE, Line, VirtualLoop, World

from twinkle_host.hub.doors.mqtt import CONNECT_S, Connection


def serve(world, line):
    """Serve one line to its end; ``(seconds until the hub closed it, what it was sent)``."""

    async def run():
        made = line()
        await made.serve(Connection(world.endpoint, world.ticker))
        world.ticker.stop()
        return asyncio.get_running_loop().time(), made.sent

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


@pytest.mark.parametrize("pause", [0.1, 3.0])
def test_a_connect_has_a_limit_however_its_bytes_come(pause):
    world = World()
    endless = [bytes((byte,)) for byte in world.connect(username="x" * 300)]
    seconds, sent = serve(world, lambda: Line(endless, pause))
    assert seconds == pytest.approx(CONNECT_S) and sent == b""


@pytest.mark.parametrize(("pause", "answered"), [(89.0, True), (91.0, False)])
def test_a_device_may_be_silent_for_one_and_a_half_times_its_keep_alive(pause, answered):
    world, ping = World(), packet(0xC0)
    first = world.connect() + ping
    events = []
    world.hub.listen(events.append)
    seconds, sent = serve(world, lambda: Talker(first, ping, pause))
    assert sent.count(b"\xd0\x00") == (2 if answered else 1)
    assert seconds == pytest.approx(pause + 90 if answered else 90)
    assert world.hub.devices.find(DEVICE).session is None


class Talker(Line):
    """A peer that says ``first`` at once, ``then`` after a pause, and nothing more without leaving."""

    def __init__(self, first, then, pause):
        super().__init__([first, then])
        self._pauses = [0.0, pause]

    async def say(self):
        if self._pauses:
            await self.wait(self._pauses.pop(0))
        else:
            await self._gone.wait()
        return self.pieces.pop(0) if self.pieces and self.open else b""
