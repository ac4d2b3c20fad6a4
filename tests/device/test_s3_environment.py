"""S3: the environmental sensor of the IoT Central tutorial, app `environment`."""

import json

import pytest

NAME = "sensor"


def start(world):
    board = world.add(NAME, "apps.environment", {"configId": 1, "sendFrequency": "2s"})
    world.until(lambda: board.state == "ready")
    world.run(0.5)
    return board


def acks(board, *names):
    """The acknowledgements sent so far, in their order: ``(name, ack)``."""
    sent = [json.loads(payload) for topic, payload in board.sent if "reported" in topic]
    return [(name, patch[name]) for patch in sent for name in names if name in patch]


def version(world):
    return world.hub.get_twin(NAME)["properties"]["desired"]["$version"]


def test_s3_4_the_start_up_properties_are_reported_right_after_connecting(world):
    board = start(world)
    reported = world.reported(NAME)
    assert reported["state"] is True and reported["swVersion"] == "1.0.0"
    assert reported["brightness"] == {"value": 1, "ac": 203, "av": 0, "ad": "initialize"}
    assert "reported" in board.sent[1][0]


def test_s3_5_telemetry_every_two_seconds(world):
    start(world)
    before = len(world.telemetry())
    world.run(20)
    assert len(world.telemetry()) == before + 10
    assert world.telemetry()[-1] == {"temp": 21.5, "humid": 40.0}


def test_s3_6_blink_answers_and_blinks(world):
    board = start(world)
    results = world.invoke(NAME, "blink", 5)
    world.run(11)
    assert (results[0].status, results[0].payload) == (200, {"description": "Blinking LED every 5 seconds"})
    assert board.outputs["led"].levels == [1.0, 0.0, 1.0, 0.0, 1.0]


def test_s3_7_turnon_and_turnoff_have_no_payload_and_stop_the_blinking(world):
    board = start(world)
    world.invoke(NAME, "blink", 1)
    world.run(1.7)
    for name, level in (("turnon", 1.0), ("turnoff", 0.0)):
        results = world.invoke(NAME, name)
        world.run(10)
        assert (results[0].status, results[0].payload) == (200, None)
        assert board.outputs["led"][-1][1] == level


def test_s3_8_rundiagnostics_answers_202_and_reports_the_result_later(world):
    start(world)
    results = world.invoke(NAME, "rundiagnostics")
    world.run(1)
    assert (results[0].status, results[0].payload) == (202, None)
    assert "rundiagnostics" not in world.reported(NAME)
    world.run(6)
    value = world.reported(NAME)["rundiagnostics"]["value"]
    assert value.startswith("Diagnostics run complete at 2026-11-1") and value.endswith("Z.")


def test_s3_9_other_work_is_served_meanwhile(world):
    board = start(world)
    world.invoke(NAME, "rundiagnostics")
    before = len(world.telemetry())
    results = world.invoke(NAME, "turnon")
    world.run(4)
    assert results[0].status == 200 and board.outputs["led"][-1][1] == 1.0
    assert len(world.telemetry()) == before + 2


def test_s3_10_an_unknown_command_is_404(world):
    start(world)
    results = world.invoke(NAME, "selfdestruct")
    world.run(1)
    assert results[0].status == 404 and "blink" in results[0].payload["error"]


def test_s3_11_a_name_is_acknowledged_about_a_second_later(world):
    board = start(world)
    world.desired(NAME, {"name": "Contoso"})
    world.run(0.9)
    assert acks(board, "name") == []
    world.run(0.3)
    expected = {"value": "Contoso", "ad": "completed", "ac": 200, "av": version(world)}
    assert acks(board, "name") == [("name", expected)]


def test_s3_12_brightness_takes_five_seconds_and_dims_the_led(world):
    board = start(world)
    world.invoke(NAME, "turnon")
    world.desired(NAME, {"brightness": 2})
    world.run(4.9)
    assert board.outputs["led"][-1][1] == 1.0
    world.run(0.3)
    assert board.outputs["led"][-1][1] == 0.5
    expected = {"value": 2, "ad": "completed", "ac": 200, "av": version(world)}
    assert acks(board, "brightness")[-1] == ("brightness", expected)


def test_s3_13_both_in_one_patch_are_handled_together(world):
    board = start(world)
    world.desired(NAME, {"name": "Contoso", "brightness": 3})
    world.run(6)
    told = acks(board, "name", "brightness")[1:]
    assert [name for name, _ in told] == ["name", "brightness"]
    assert {ack["av"] for _, ack in told} == {version(world)}


def test_s3_14_a_member_without_a_handler_is_ignored(world):
    board = start(world)
    sent = len(board.sent)
    world.desired(NAME, {"colour": "red"})
    world.run(1)
    assert len([s for s in board.sent[sent:] if "reported" in s[0]]) == 0


def test_s3_15_a_value_set_while_away_is_acknowledged_after_the_reconnect(world):
    board = start(world)
    board.unplug()
    world.run(1)
    world.desired(NAME, {"name": "Away"})
    board.plug()
    world.until(lambda: board.state == "ready")
    world.run(2)
    assert world.reported(NAME)["name"] == {
        "value": "Away",
        "ac": 200,
        "av": version(world),
        "ad": "completed",
    }


def test_s3_16_a_desired_null_sets_the_reported_member_to_null(world):
    start(world)
    world.desired(NAME, {"name": "Contoso"})
    world.run(2)
    world.desired(NAME, {"name": None})
    world.run(2)
    assert "name" not in world.reported(NAME)


@pytest.mark.parametrize("value", [0, 4, "2", 1.5, True, {"a": 1}])
def test_s3_17_brightness_out_of_range_or_type_is_400_with_the_value_in_force(world, value):
    start(world)
    world.desired(NAME, {"brightness": 3})
    world.run(6)
    world.desired(NAME, {"brightness": value})
    world.run(6)
    ack = world.reported(NAME)["brightness"]
    assert (ack["value"], ack["ac"], ack["av"]) == (3, 400, version(world))
    assert "brightness must be" in ack["ad"]


def test_s3_19_a_newer_value_replaces_one_that_is_still_being_applied(world):
    board = start(world)
    world.desired(NAME, {"brightness": 2})
    world.run(3)
    world.desired(NAME, {"brightness": 3})
    world.run(10)
    told = acks(board, "brightness")[1:]
    assert [(ack["value"], ack["av"]) for _, ack in told] == [(3, version(world))]
