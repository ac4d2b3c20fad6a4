"""Many devices and one hub that restarts: they come back, each once, and not all at the same moment."""

from collections import Counter

from twinkle_host.mock_gpio.world import World

HERD = 500
LONGER = 3  # outages in the place of one
LONGEST_S = 110  # until a device is back: the longest back-off with its chance
MOST_AT_ONCE = 0.25  # of the herd, in one second


def pytest_generate_tests(metafunc):
    outages = [1, 30, 300] if metafunc.config.getoption("soak") else [30]
    metafunc.parametrize("outage", outages)


def test_a_herd_returns_spread_out_and_nobody_twice(outage, measured):
    world = World()
    config = {"configId": 1, "sendFrequency": "7h"}
    boards = [world.add(f"device-{n}", chance=n + 1, config=config) for n in range(HERD)]
    world.run(60)
    assert {board.state for board in boards} == {"ready"}
    for board in boards:
        board.unplug()
    world.run(outage)
    back = world.clock.seconds
    before = [board.connects for board in boards]
    for board in boards:
        board.plug()
    world.run(LONGEST_S)
    assert {board.state for board in boards} == {"ready"}
    assert [board.connects - tries for board, tries in zip(boards, before, strict=True)] == [1] * HERD
    moments = [float(line.partition(" ")[0]) for board in boards for line in board.log if " ready: " in line]
    seconds = Counter(int(moment - back) for moment in moments if moment >= back)
    assert sum(seconds.values()) == HERD
    most = max(seconds.values())
    measured(
        f"after {outage} s: {HERD} devices back within {max(seconds) + 1} s, at most {most} in one second"
    )
    assert most <= MOST_AT_ONCE * HERD
    world.close()
