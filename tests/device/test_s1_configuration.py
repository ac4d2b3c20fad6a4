"""S1: desired configuration (configId, sendFrequency), device and hub in one virtual world."""

import json

FIRST = {"configId": 1, "sendFrequency": "24h"}
THIRD = {"configId": 3, "sendFrequency": "5m"}


def start(world, **options):
    board = world.add(config=FIRST, **options)
    world.until(lambda: board.state == "ready")
    world.run(1)
    return board


def reports(board):
    """The reported patches this board has sent, decoded."""
    return [json.loads(payload) for topic, payload in board.sent if "reported" in topic]


def members(document, *names):
    return {name: document.get(name) for name in names}


def test_s1_1_the_first_start_reports_the_applied_configuration(world):
    board = start(world)
    assert reports(board) == [FIRST]
    assert world.reported("myDeviceId") == FIRST
    assert world.hub.get_twin("myDeviceId")["properties"]["reported"]["$version"] == 2


def test_s1_2_an_equal_or_absent_id_on_connect_does_nothing(world):
    board = start(world)
    world.desired("myDeviceId", {"configId": 1})
    board.unplug()
    world.run(1)
    board.plug()
    world.until(lambda: board.state == "ready")
    world.run(5)
    assert board.connects >= 2
    assert reports(board) == [FIRST]
    assert board.disk == {}


def test_s1_3_the_service_patches_and_the_device_is_notified(world):
    start(world)
    before = world.hub.get_twin("myDeviceId")
    after = world.desired("myDeviceId", THIRD)
    assert "configId" not in before["properties"]["desired"]
    assert members(after["properties"]["desired"], *THIRD) == THIRD
    assert after["properties"]["desired"]["$version"] == before["properties"]["desired"]["$version"] + 1
    world.run(1)
    assert world.reported("myDeviceId")["configId"] == 3


def test_s1_4_a_different_id_is_logged_applied_and_reported(world):
    board = start(world)
    world.desired("myDeviceId", THIRD)
    world.run(1)
    assert any("pending" in line for line in board.log)
    assert any("applied configuration 3" in line for line in board.log)
    assert members(world.reported("myDeviceId"), *THIRD) == THIRD
    assert board.disk["config"] == THIRD


def test_s1_5_the_stages_are_reported(world):
    board = start(world)
    world.desired("myDeviceId", THIRD)
    world.run(1)
    assert reports(board)[1:] == [
        {"status": "Pending", "pendingConfig": THIRD},
        {"configId": 3, "sendFrequency": "5m", "status": "Success", "pendingConfig": None},
    ]
    assert world.reported("myDeviceId") == {**THIRD, "status": "Success"}


def test_s1_6_the_same_patch_again_is_notified_but_nothing_is_done(world):
    board = start(world)
    world.desired("myDeviceId", THIRD)
    world.run(1)
    sent, version = len(board.sent), world.hub.get_twin("myDeviceId")["properties"]["desired"]["$version"]
    twin = world.desired("myDeviceId", THIRD)
    world.run(5)
    assert twin["properties"]["desired"]["$version"] == version + 1
    assert len(board.sent) == sent


def test_s1_7_without_a_new_id_nothing_is_done(world):
    board = start(world)
    world.desired("myDeviceId", {"sendFrequency": "1m"})
    world.run(5)
    assert reports(board) == [FIRST]
    assert board.disk == {}


def test_s1_8_a_restart_keeps_the_configuration_and_triggers_nothing(world):
    board = start(world)
    world.desired("myDeviceId", THIRD)
    world.run(1)
    sent = len(reports(board))
    board.power_off()
    world.run(1)
    board.power_on()
    world.until(lambda: board.state == "ready")
    world.run(5)
    assert members(world.reported("myDeviceId"), *THIRD) == THIRD
    assert len(reports(board)) == sent


def test_s1_9_the_service_polls_the_twin(world):
    start(world)
    world.desired("myDeviceId", THIRD)
    world.run(10)
    for _ in range(10):
        twin = world.hub.get_twin("myDeviceId")
        assert members(twin["properties"]["desired"], *THIRD) == THIRD
        assert members(twin["properties"]["reported"], *THIRD) == THIRD
        world.run(30)


def test_s1_10_the_query_shows_the_same_twin(world):
    start(world)
    world.desired("myDeviceId", THIRD)
    world.run(1)
    rows, continuation, kind = world.hub.query("SELECT * FROM devices WHERE deviceId = 'myDeviceId'")
    assert continuation is None and kind == "Twin"
    assert rows == [world.hub.get_twin("myDeviceId")]


def test_s1_11_other_reported_members_survive(world):
    board = start(world, app="twin_apps.reporter")
    world.desired("myDeviceId", THIRD)
    world.run(1)
    assert world.reported("myDeviceId")["serial"] == "A17"
    assert all("serial" not in report for report in reports(board)[1:])


def test_s1_12_the_last_one_wins_while_one_is_pending(world):
    board = start(world)
    # Both before the device has had a chance to act.
    world.desired("myDeviceId", THIRD)
    world.desired("myDeviceId", {"configId": 4, "sendFrequency": "7m"})
    world.run(1)
    assert members(world.reported("myDeviceId"), *THIRD) == {"configId": 4, "sendFrequency": "7m"}
    assert [report["configId"] for report in reports(board)[1:] if report.get("status") == "Success"] == [4]
    assert board.disk["config"]["configId"] == 4


def test_s1_13_the_telemetry_period_follows_the_applied_configuration(world):
    start(world)
    assert len(world.telemetry()) == 1
    world.run(600)
    assert len(world.telemetry()) == 1
    for config_id, frequency, period in ((2, "10s", 10), (3, "2m", 120), (4, "1h", 3600)):
        world.desired("myDeviceId", {"configId": config_id, "sendFrequency": frequency})
        world.run(period)
        count = len(world.telemetry())
        world.run(3 * period)
        assert len(world.telemetry()) == count + 3, frequency


def test_s1_13_the_period_changes_after_apply_not_after_receipt(world):
    board = start(world)
    board.flash_error = "flash: no space left"
    world.desired("myDeviceId", {"configId": 2, "sendFrequency": "1s"})
    world.run(60)
    assert len(world.telemetry()) == 1
    assert world.reported("myDeviceId")["status"] == "Failed"


def test_a_frequency_that_means_nothing_is_rejected_with_a_reason(world):
    board = start(world)
    world.desired("myDeviceId", {"configId": 2, "sendFrequency": "soon"})
    world.run(1)
    reported = world.reported("myDeviceId")
    assert reported["status"] == "Rejected"
    assert "sendFrequency" in reported["reason"]
    assert members(reported, *FIRST) == FIRST
    assert board.disk == {}
