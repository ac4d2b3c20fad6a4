"""S4: remote reboot, device and hub in one virtual world."""

from twinkle_host.hub.core import HubError

PAYLOAD = '{"method_number":"42"}'
RESPONSE = {"Response": "This is the response from the device"}
LITERAL = "twin_apps.literal_reboot"


def start(world, **options):
    board = world.add(**options)
    world.until(lambda: board.state == "ready")
    world.run(1)
    return board


def reboot_time(world):
    return world.reported("myDeviceId").get("rebootTime")


def test_s4_1_the_device_listens_for_methods(world):
    start(world)
    results = world.invoke("myDeviceId", "rebootDevice")
    world.run(1)
    assert results[0].status == 200


def test_s4_2_the_payload_is_a_string_that_holds_json(world):
    start(world, app=LITERAL)
    world.invoke("myDeviceId", "rebootDevice", PAYLOAD)
    world.run(21)
    assert world.reported("myDeviceId")["payload"] == PAYLOAD


def test_s4_3_the_literal_device_reports_after_twenty_seconds_then_answers(world):
    board = start(world, app=LITERAL)
    results = world.invoke("myDeviceId", "rebootDevice", PAYLOAD)
    world.run(19.5)
    assert results == [] and reboot_time(world) is None
    world.run(1)
    assert reboot_time(world) == "2026-11-21 08:30:00.123456"
    assert (results[0].status, results[0].payload) == (200, RESPONSE)
    assert board.restarts == 0


def test_s4_4_the_service_receives_the_answer(world):
    start(world, app=LITERAL)
    begun = world.clock.seconds
    results = world.invoke("myDeviceId", "rebootDevice", PAYLOAD)
    world.until(lambda: results)
    assert 20 <= world.clock.seconds - begun <= 21
    assert (results[0].status, results[0].payload) == (200, RESPONSE)


def test_s4_5_the_service_waits_for_the_reboot_time_to_appear(world):
    start(world, app=LITERAL)
    world.invoke("myDeviceId", "rebootDevice", PAYLOAD)
    seen = []
    for _ in range(11):
        seen.append(reboot_time(world))
        world.run(5)
    assert seen[0] is None and seen[-1] is not None
    assert seen.index(seen[-1]) in (4, 5)


def test_s4_6_a_device_that_needs_longer_than_the_caller_waits(world):
    start(world, app=LITERAL)
    results = world.invoke("myDeviceId", "rebootDevice", PAYLOAD, response_timeout=10)
    world.run(11)
    assert isinstance(results[0], HubError) and (results[0].status, results[0].code) == (504, 504101)
    world.run(15)
    assert len(results) == 1, "the late answer is dropped"
    assert reboot_time(world) is not None


def test_s4_7_a_real_reboot_answers_stores_resets_and_reports_in_utc(world):
    board = start(world)
    order = []
    board.bridge.handle, handle = lambda request: _watch(handle(request), order), board.bridge.handle
    results = world.invoke("myDeviceId", "rebootDevice", PAYLOAD)
    world.until(lambda: reboot_time(world))
    world.run(1)
    assert (results[0].status, results[0].payload) == (200, RESPONSE)
    assert order[:4] == ["answer", "store", "disconnect", "reset"]
    assert board.restarts == 1
    assert "reboot" not in board.disk
    assert reboot_time(world)[-1] == "Z" and reboot_time(world).startswith("2026-11-1")


def _watch(answer, order):
    for action in answer["actions"]:
        if action[0] == "publish" and "methods/res" in action[1]:
            order.append("answer")
        elif action[0] in ("store", "disconnect", "reset"):
            order.append(action[0])
    return answer


def test_s4_7_the_reboot_time_survives_a_power_cut_before_it_is_reported(world):
    board = start(world)
    world.invoke("myDeviceId", "rebootDevice")
    world.until(lambda: "reboot" in board.disk)
    board.power_off()
    world.run(5)
    board.power_on()
    world.until(lambda: reboot_time(world))
    world.run(1)
    assert "reboot" not in board.disk


def test_s4_7_a_power_cut_alone_is_no_reboot(world):
    board = start(world)
    board.power_off()
    world.run(5)
    board.power_on()
    world.until(lambda: board.state == "ready")
    world.run(5)
    assert reboot_time(world) is None


def test_s4_7_a_board_that_was_not_restarted_says_so_and_claims_no_reboot(world):
    board = start(world)
    board.reset_refusal = "systemd refused to restart the computer (Interactive authentication required)"
    world.invoke("myDeviceId", "rebootDevice")
    world.until(lambda: "lastError" in world.reported("myDeviceId"))
    world.run(1)
    assert world.reported("myDeviceId")["lastError"] == "only the program restarted: " + board.reset_refusal
    assert reboot_time(world) is None and "reboot" not in board.disk
    assert board.restarts == 1


def test_s4_8_an_offline_device_is_refused_at_once(world):
    board = start(world)
    board.power_off()
    try:
        results = world.invoke("myDeviceId", "rebootDevice")
        error = results[0]
    except HubError as refused:
        error = refused
    assert (error.status, error.code) == (404, 404103)


def test_s4_9_a_device_that_connects_in_time_gets_the_call(world):
    board = start(world)
    board.power_off()
    results = world.invoke("myDeviceId", "turnon", connect_timeout=20)
    world.run(5)
    assert results == []
    board.power_on()
    world.run(5)
    assert results[0].status == 200
    assert board.outputs["led"][-1][1] == 1.0


def test_s4_10_a_method_with_another_name_is_404(world):
    board = start(world)
    results = world.invoke("myDeviceId", "rebootdevice")
    world.run(1)
    assert results[0].status == 404 and "error" in results[0].payload
    assert board.restarts == 0


def test_s4_11_a_second_request_while_one_runs_is_409_and_never_two_reboots(world):
    board = start(world)
    first = world.invoke("myDeviceId", "rebootDevice")
    second = world.invoke("myDeviceId", "rebootDevice")
    world.run(10)
    assert first[0].status == 200
    assert second[0].status == 409 and "under way" in second[0].payload["error"]
    assert board.restarts == 1


def test_s4_12_the_query_finds_devices_that_have_rebooted(world):
    start(world)
    query = "SELECT * FROM devices WHERE is_defined(properties.reported.rebootTime)"
    assert world.hub.query(query)[0] == []
    world.invoke("myDeviceId", "rebootDevice")
    world.until(lambda: reboot_time(world))
    assert [row["deviceId"] for row in world.hub.query(query)[0]] == ["myDeviceId"]
