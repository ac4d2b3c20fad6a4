"""X.1 and the life of a link, device and hub in one virtual world."""

import itertools


def start(world, **options):
    board = world.add(**options)
    world.until(lambda: board.state == "ready")
    world.run(1)
    return board


def test_x_1_after_a_lost_connection_the_device_applies_once_what_it_missed(world):
    board = start(world)
    board.unplug()
    world.run(5)
    world.desired("myDeviceId", {"configId": 7, "sendFrequency": "1m"})
    world.desired("myDeviceId", {"configId": 8, "sendFrequency": "2m"})
    world.run(60)
    assert board.state == "offline"
    board.plug()
    world.until(lambda: board.state == "ready")
    world.run(2)
    assert world.reported("myDeviceId")["configId"] == 8
    assert sum("applied configuration" in line for line in board.log) == 1
    # Subscribed again: both kinds of message arrive.
    results = world.invoke("myDeviceId", "turnon")
    world.desired("myDeviceId", {"configId": 9, "sendFrequency": "3m"})
    world.run(2)
    assert results[0].status == 200
    assert world.reported("myDeviceId")["configId"] == 9


def test_x_1_the_tries_are_spaced_by_the_back_off(world):
    board = start(world)
    before = board.connects
    board.unplug()
    world.run(600)
    # 0.5 s, then 1, 2, 4 … 64 and 100 s with 2.5 s of jitter each: eleven to thirteen tries.
    assert 10 <= board.connects - before <= 13


def test_x_1_no_telemetry_is_lost_that_was_taken_while_the_line_was_cut(world):
    board = start(world, config={"configId": 1, "sendFrequency": "10s"})
    world.run(20)
    count = len(world.telemetry())
    board.unplug()
    world.run(1)
    board.plug()
    world.run(60)
    assert len(world.telemetry()) >= count + 5


def test_a_token_is_renewed_within_the_hour_and_nothing_is_missed(world):
    board = start(world, config={"configId": 1, "sendFrequency": "60s"})
    world.run(3 * 3600)
    assert board.connects == 4
    assert len(world.telemetry()) >= 178
    assert not any("link lost" in line for line in board.log)


def test_a_disabled_device_is_dropped_and_comes_back_when_enabled(world):
    board = start(world)
    identity = world.hub.get_device("myDeviceId")
    world.hub.update_device("myDeviceId", {**identity, "status": "disabled"}, None)
    world.run(30)
    assert board.state == "offline"
    identity = world.hub.get_device("myDeviceId")
    world.hub.update_device("myDeviceId", {**identity, "status": "enabled"}, None)
    world.run(210)
    assert board.state == "ready"


def test_two_devices_never_see_each_others_messages(world):
    first = start(world)
    second = world.add("other")
    world.until(lambda: second.state == "ready")
    world.desired("myDeviceId", {"configId": 5, "sendFrequency": "1m"})
    world.invoke("other", "turnon")
    world.run(5)
    assert world.reported("other")["configId"] == 1
    assert world.reported("myDeviceId")["configId"] == 5
    assert second.outputs["led"].levels == [1.0] and first.outputs["led"] == []


def test_blinking_has_the_period_that_was_asked_for(world):
    board = start(world, app="apps.environment")
    results = world.invoke("myDeviceId", "blink", 5)
    world.run(20)
    assert results[0].payload == {"description": "Blinking LED every 5 seconds"}
    assert board.outputs["led"].levels[:4] == [1.0, 0.0, 1.0, 0.0]
    shown = board.outputs["led"]
    gaps = [later[0] - earlier[0] for earlier, later in itertools.pairwise(shown)]
    assert all(abs(gap - 2.5) < 0.01 for gap in gaps)
    world.invoke("myDeviceId", "turnoff")
    world.run(20)
    assert board.outputs["led"][-1][1] == 0.0


def test_a_hub_that_throttles_loses_nothing_and_is_not_hammered(world):
    start(world, config={"configId": 1, "sendFrequency": "60s"})
    for number in (2, 3):
        world.hub.throttles.set(None)
        world.desired("myDeviceId", {"configId": number, "sendFrequency": "60s"})
        world.hub.throttles.set(0.001)  # one twin write in 20 s, one message in 10 s
        world.run(120)
    refused = world.hub.throttles.refused["twin updates"]
    assert world.reported("myDeviceId")["configId"] == 3
    # Two reports for each change; the second is refused at 0, 1, 3, 7 and 15 s and taken at 31 s.
    assert 2 <= refused <= 10
    assert len(world.telemetry()) >= 4
