"""What the device loses when its name server is gone, when its hub has moved, and when closing fails.

The whole device on a simulated line and in virtual time, see silent_line.py.
"""

from silence import PERIOD_MS, all_arrived
from silent_line import World

HOUR_MS = 3600000
LOOK_UPS = {"lwIP": 14000, "glibc": 10000}  # how long each asks when no name server answers
LOST_SHARE = 0.15  # of the time, in which nothing goes on


def an_hour_without_a_name_server(world, ms):
    """Hold the samples and the time that is lost to the figures."""
    port, begun, asked = world.port, world.now, len(world.look_ups)
    world.name_server = ms
    port.longest = 0
    world.run(HOUR_MS)
    spent = sum([took for _, took in world.look_ups[asked:]])
    assert spent <= LOST_SHARE * HOUR_MS, (ms, spent)
    taken = [moment for moment, _ in port.taken if moment >= begun]
    assert len(taken) >= (1 - LOST_SHARE) * HOUR_MS / PERIOD_MS, (ms, len(taken))
    # What cannot be divided is one look-up at a time.
    assert port.longest <= ms + 300, (ms, port.longest)


def test_a_name_server_that_is_gone_with_the_hub_costs_little_of_the_time_and_the_hub_is_found_without_it():
    for ms in LOOK_UPS.values():
        with World("2s", capacity=20) as world:
            world.until(world.ready)
            world.line = "hole"
            an_hour_without_a_name_server(world, ms)
            world.line, asked = "good", len(world.look_ups)
            world.until(world.ready, 10000)
            assert len(world.look_ups) == asked, "it was found where it was"


def test_a_device_that_has_never_seen_its_hub_spares_a_name_server_that_is_gone_and_finds_it_when_it_is_back():
    for ms in LOOK_UPS.values():
        with World("2s", capacity=20) as world:
            an_hour_without_a_name_server(world, ms)
            assert len(world.look_ups) > 20
            world.name_server = 0
            world.until(world.ready, 8 * ms + 105000)


def test_a_link_that_is_lost_is_made_again_without_a_name_server():
    with World("20s") as world:
        world.until(world.ready)
        world.name_server, asked = 14000, len(world.look_ups)
        for _ in range(3):
            world.run(40000)
            world.runner.leave("the line was cut")
            world.until(world.ready, 5000)
        assert len(world.look_ups) == asked


def test_a_hub_that_has_moved_is_looked_up_again_once_it_is_not_where_it_was():
    with World("20s") as world:
        world.until(world.ready)
        world.address = "127.0.0.2"  # and nobody listens where it was
        world.runner.leave("the line was cut")
        world.until(world.ready, 30000)
        assert world.connection.address == ("127.0.0.2", 8883)
        assert world.connection.name == "contoso.azure-devices.net", "TLS was told another name"


def test_an_error_while_a_connection_is_closed_ends_nothing():
    for error in (OSError(5), OSError(104), ValueError("closed"), MemoryError()):
        with World("2s") as world:
            world.until(world.ready)
            world.log.level = "debug"
            world.unclosed = error
            world.line = "hole"
            world.run(30000)
            world.line = "good"
            world.until(world.ready)
            world.runner.leave("the line was cut")
            world.until(world.ready)
            assert world.said("link lost") >= 2 and world.said("closing: ") == 2
            all_arrived(world)
