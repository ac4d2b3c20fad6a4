"""Time that passes: a device in virtual time with an outage a day, for a fortnight or, with ``--soak``, a year."""

import gc

import pytest

from twinkle_host.mock_gpio.world import World

DAY = 86400
FORTNIGHT, YEAR = 14, 365
LONGER = YEAR / FORTNIGHT


@pytest.fixture
def days(request):
    return YEAR if request.config.getoption("soak") else FORTNIGHT


def size_of(device):
    """How many objects a device holds."""
    gc.collect()
    seen, waiting = set(), [device]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (type, str, bytes, int, float)) or callable(thing):
            continue
        seen.add(id(thing))
        waiting += gc.get_referents(thing)
    return len(seen)


def test_nothing_grows_and_nothing_is_written(days, measured):
    world = World()
    board = world.add(config={"configId": 1, "sendFrequency": "1h"}, chance=7)
    world.run(10)
    world.events.clear()
    sizes = []
    stores = []
    store = board._store
    board._store = lambda *arguments: (stores.append(arguments), store(*arguments))
    outages = world.clock.seconds
    for day in range(days):
        world.run(DAY - 600)
        board.unplug()
        world.run(600)
        board.plug()
        world.run(0)
        if day % 7 == 3:
            world.events[:] = [event for event in world.events if event["source"] == "Telemetry"]
            board.sent.clear()
            board.log.clear()
            sizes.append(size_of(board.bridge.device))
    world.run(200)
    assert board.state == "ready" and stores == []
    messages = len(board.telemetry)
    assert messages >= days * 24 - 2, "an hour is missing"
    assert max(sizes) - min(sizes) <= 20, sizes
    # A token for each 58 minutes, and one connection for each outage.
    renewals = (world.clock.seconds - outages) / 3480
    assert renewals * 0.95 <= board.connects <= renewals * 1.05 + 14 * days
    measured(f"{days} days: {board.connects} connections, {messages} messages, {len(stores)} flash writes")
    world.close()
