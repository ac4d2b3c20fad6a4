"""While the device waits for a silent line, everything that is not the line goes on.

The figures are those that an application may count on: LED edges within 100 ms, every
sample, answers on the console within half a second. See silent_line.py.
"""

from driver import EPOCH
from silent_line import World

from twinkle import App, __version__
from twinkle.core.clock import iso

EDGE_MS, ANSWER_MS, PERIOD_MS = 100, 500, 2000
BLINK_S = 1


def watched(world, line, ms, verbs=("status", "read", "led off", "led blink 1")):
    """Have the line like this for so long; hold the LED, the sensor and the console to the figures."""
    port, begun = world.port, world.now
    asked = [(begun + at, verbs[at // 3100 % len(verbs)]) for at in range(1500, ms - 1000, 3100)]
    port.keys = list(asked)
    port.answers.clear()
    world.line = line
    world.run(ms)
    end, world.line = world.now, "good"
    for at, verb in asked:
        done = [moment for moment, shown in port.answers if shown == "ok" and moment >= at]
        assert done and done[0] - at <= ANSWER_MS, (verb, at, port.answers)
    taken = [moment for moment, _ in port.taken if moment >= begun]
    for number in range(1, len(taken)):
        assert PERIOD_MS <= taken[number] - taken[number - 1] <= PERIOD_MS + EDGE_MS, taken
    assert len(taken) >= (end - begun) // (PERIOD_MS + 10) - 1, taken
    return begun, end


def edges(world, begun, end):
    """Hold the LED, which blinks, to its rhythm."""
    shown = [moment for moment, _ in world.port.shown if begun <= moment < end]
    half = BLINK_S * 500
    assert len(shown) >= (end - begun) // half - 1, shown
    for number, moment in enumerate(shown):
        assert abs(moment - shown[0] - number * half) <= EDGE_MS, (number, moment, shown[:5])


def all_arrived(world):
    """Every sample has arrived, once, in its order, with the time at which it was taken."""
    world.until(lambda: world.ready() and not len(world.device.telemetry))
    arrived = world.numbers()
    taken = world.port.taken
    assert [number for number, _ in arrived] == [number for _, number in taken[: len(arrived)]], arrived
    assert len(arrived) >= len(taken) - 1
    for number, time in arrived:
        # The device knows the time to a second.
        moment = taken[number][0]
        seconds = EPOCH + moment // 1000
        assert time in [iso(second).replace(":", "%3A") for second in (seconds - 1, seconds)], (time, moment)


def test_a_black_hole_of_90_s_is_not_seen_on_the_led_in_the_samples_or_on_the_console():
    with World() as world:
        world.until(world.ready)
        world.device.board.led.blink(BLINK_S)
        world.run(5000)
        begun, end = watched(world, "hole", 90000, ("status", "read", "log", "config"))
        edges(world, begun, end)
        # It was waited for an acknowledgement, then for connections.
        assert world.said("did not answer in time") and world.said("cannot be reached") >= 3
        all_arrived(world)
        assert world.device.telemetry.dropped == 0
        assert world.port.longest <= 300


def test_a_handshake_that_stalls_for_30_s_is_not_seen_either():
    with World() as world:
        world.device.board.led.blink(BLINK_S)
        begun, end = watched(world, "stall", 30000, ("status", "read", "log", "config"))
        edges(world, begun, end)
        assert world.said("did not answer in time") == 1  # and a second handshake was under way
        assert world.polls < 30000 / 40, "it did not wait, but asked again and again"
        all_arrived(world)


def test_what_the_hub_sends_with_qos_1_is_acknowledged_at_once_whatever_the_device_is_at():
    # umqtt.simple writes the PUBACK when it has called back, and the stream gathers what is written.
    with World("20s") as world:
        world.until(world.ready)
        world.run(1000)
        moments = [world.now + 500 + 9000 * number for number in range(5)]
        for number, moment in enumerate(moments):
            world.at(moment, lambda number=number: world.notify(number + 1))
        world.at(moments[3] - 1000, lambda: setattr(world, "mute", True))  # a publish is waited for
        world.at(moments[4] + 1000, world.acknowledge)
        world.run(moments[-1] + 2000 - world.now)
        assert [number for _, number in world.acknowledged] == [1, 2, 3, 4, 5], world.acknowledged
        for (done, number), moment in zip(world.acknowledged, moments):  # noqa: B905
            assert done - moment <= EDGE_MS, (number, done - moment)
        assert not world.said("link lost")


def test_between_messages_that_have_waited_nothing_is_asked_of_the_line_and_the_hub_is_heard():
    # What it says before it acknowledges one of them is read with that.
    with World("1h") as world:
        world.until(world.ready)
        world.run(1000)
        for number in range(30):
            world.device.telemetry.add({"n": number}, None, world.now)
        polls = world.polls
        world.notify(1)
        world.until(lambda: not len(world.device.telemetry))
        assert world.polls - polls <= 3, world.polls - polls
        assert [number for _, number in world.acknowledged] == [1]


def test_what_is_typed_is_obeyed_while_the_line_is_waited_for():
    with World() as world:
        world.until(world.ready)
        watched(world, "hole", 30000)
        levels = [level for _, level in world.port.shown]
        assert levels[:3] == [1.0, 0.0, 1.0], levels


def test_no_sample_is_sent_twice_when_its_period_is_as_long_as_the_sensors_rest():
    with World("2s") as world:
        world.run(120000)
        all_arrived(world)
        moments = [moment for moment, _ in world.port.taken]
        assert 57 <= len(moments) <= 60, moments


def test_a_sensor_that_is_slower_than_the_period_gives_each_of_its_samples_once():
    with World("1s") as world:
        world.run(60000)
        all_arrived(world)
        assert 28 <= len(world.port.taken) <= 30, world.port.taken


def test_what_needs_the_line_is_done_after_the_wait_and_so_is_all_that_was_typed_after_it():
    with World() as world:
        world.until(world.ready)
        world.run(1000)
        world.mute = True
        port, asked = world.port, world.now + 3000
        port.keys = [(asked, "wifi scan"), (asked + 100, "version")]
        world.at(asked + 5000, world.acknowledge)
        world.run(8500)
        assert [text for moment, text in port.answers if moment < asked + 5000] == []
        shown = [text for _, text in port.answers]
        assert shown == ["-  -50 dBm  home", "ok", "twinkle: " + __version__, "model: null", "ok"], shown


def test_a_restart_asked_for_in_a_wait_is_answered_at_once_and_comes_when_the_wait_is_over():
    with World() as world:
        world.until(world.ready)
        world.run(1000)
        world.line = "hole"
        world.run(2500)
        port, asked = world.port, world.now
        port.answers.clear()
        port.keys = [(asked, "hold")]
        status = None
        try:
            world.run(30000)
        except SystemExit as end:
            status = end.args[0]
        assert status == 3, "it did not restart"
        ok = [moment for moment, text in port.answers if text == "ok"]
        assert ok and ok[0] - asked <= ANSWER_MS, port.answers
        ((moment, reason),) = port.resets
        assert ok[0] <= moment <= asked + 30000 and "console" in reason


def slow():
    app = App(config={"configId": 1, "sendFrequency": "2s"})

    @app.method("slow")
    def slow(board, payload):
        yield 2
        board.led.on()
        yield 3
        return {"done": True}

    return app


def test_a_handler_goes_on_while_a_message_waits_and_its_answer_follows_the_acknowledgement():
    with World(app=slow()) as world:
        world.until(world.ready)
        world.run(1000)
        called = world.now
        world.call("slow")
        world.mute = True
        world.at(called + 8000, world.acknowledge)
        world.run(10000)
        assert abs(world.port.shown[0][0] - called - 2000) <= EDGE_MS, world.port.shown
        kinds = [topic.split("/")[1] for topic, _ in world.heard if "twin" not in topic]
        assert kinds[:3] == ["MyDevice01", "MyDevice01", "methods"] and kinds.count("methods") == 1, kinds
        assert not world.said("link lost")


def test_an_error_of_the_board_met_while_waiting_is_told_and_is_not_the_lines():
    with World() as world:
        world.until(world.ready)
        world.run(1000)
        world.mute = True
        world.device.board.led.blink(BLINK_S)
        begun, sent = world.now, world.device.telemetry.sent
        world.at(begun + 3000, lambda: setattr(world.port, "broken", OSError(5)))
        world.at(begun + 6000, world.acknowledge)
        world.run(20000)
        assert world.said("LED: ") == 1 and not world.said("link lost")
        assert world.device.telemetry.sent > sent
        # It blinks on.
        assert len([moment for moment, _ in world.port.shown if moment > begun + 4000]) > 30


def test_when_memory_runs_out_in_a_wait_the_device_comes_back_and_goes_on_sampling():
    with World() as world:
        world.until(world.ready)
        world.device.board.led.blink(BLINK_S)
        world.run(1000)
        world.line = "hole"
        world.run(1500)
        world.port.broken = MemoryError()
        world.run(30000)
        world.line = "good"
        begun = len(world.port.taken)
        world.run(20000)
        assert len(world.port.taken) >= begun + 9
        all_arrived(world)


def test_a_reading_for_which_there_is_no_memory_is_one_that_failed():
    with World("10s") as world:
        world.until(world.ready)
        world.run(1000)
        world.port.unread = MemoryError()
        world.run(30000)
        assert world.port.unread is None and len(world.port.taken) == 4, world.port.taken
        assert not world.said("link lost")
        all_arrived(world)


def test_a_console_that_was_let_go_of_is_not_told_what_it_asked_for():
    with World() as world:
        world.until(world.ready)
        world.run(1000)
        world.mute = True
        port, asked = world.port, world.now + 3000
        port.keys = [(asked, "wifi scan"), (asked + 2000, "version")]
        world.at(asked + 1000, world.runner.terminal.refuse)
        world.at(asked + 5000, world.acknowledge)
        world.run(10000)
        shown = [text for _, text in port.answers]
        assert shown[0].startswith("err 507") and shown[1:] == [
            "twinkle: " + __version__,
            "model: null",
            "ok",
        ], shown


def test_a_queue_that_overflows_in_a_wait_loses_what_it_counts_and_nothing_else():
    with World(capacity=3) as world:
        world.until(world.ready)
        world.run(5000)
        world.line = "hole"
        world.run(40000)
        world.line = "good"
        world.until(lambda: world.ready() and not len(world.device.telemetry))
        numbers = [number for number, _ in world.numbers()]
        assert numbers == sorted(numbers), numbers
        missing = {number for _, number in world.port.taken} - set(numbers)
        assert 0 < len(missing) == world.device.telemetry.dropped, (numbers, missing)
