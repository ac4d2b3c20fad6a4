"""What the device makes of an outage: the whole of it on a simulated line, in virtual time; see silent_line.py."""

from silence import all_arrived
from silent_line import World


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
