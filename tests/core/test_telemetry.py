"""Telemetry: first sample when ready, the applied rhythm after, a bounded queue."""

import json

from driver import EPOCH, Driver

from twinkle import App
from twinkle.core.telemetry import CAPACITY


def thermometer():
    app = App(config={"configId": 1, "sendFrequency": "10s"})

    @app.telemetry
    def sample(board):
        return None if board.temperature is None else {"temp": board.temperature}

    return app


def ready(app=None, reported=None):
    d = Driver(app or thermometer(), keep_alive=100000)
    known = {"configId": 1, "sendFrequency": "10s"}
    known.update(reported or {})
    d.connect(reported=known)
    d.reads = 0  # readings that have been answered by fail()
    return d


def test_the_first_sample_is_taken_at_the_start_and_then_in_rhythm():
    d = ready()
    assert d.names().count("read") == 1
    for _ in range(3):
        d.reading({"temperature": 20, "humidity": 50})
        d.step()
        d.sent()
        d.wait(10000)
    assert d.names().count("read") == 4
    bodies = [json.loads(action[2]) for action in d.published("messages/events")]
    assert bodies == [{"temp": 20}] * 3


def test_a_message_says_that_it_is_json_in_utf8():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    _, topic, _, qos = d.published("messages/events")[0]
    path, _, bag = topic.rpartition("/")
    assert path == "devices/MyDevice01/messages/events"
    time = "%24.ctime=2023-11-14T22%3A13%3A20Z"
    assert sorted(bag.split("&")) == ["%24.ce=utf-8", "%24.ct=application%2Fjson", time]
    assert qos == 1


def test_a_message_stays_until_the_hub_has_it():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    d.lost("gone")
    d.wait(1000)
    d.connected()
    d.answer_twin(reported={"configId": 1, "sendFrequency": "10s"})
    d.step()
    assert len(d.published("messages/events")) == 2
    d.sent()
    assert len(d.device.telemetry) == 0


def fail(d, reason="checksum was wrong"):
    """Let every reading of the next sample fail."""
    for _ in range(3):
        while d.names().count("read") == d.reads:
            d.wait(1000)
        d.reads += 1
        d.reading({"failed": reason})
    d.step()


def sensor(d):
    """What was last reported of the sensor, acknowledged as it comes."""
    found = None
    for patch in d.reports():
        found = patch.get("sensor", found)
    return found


def test_a_reading_that_fails_is_tried_again_when_the_sensor_has_rested():
    d = ready()
    d.reading({"failed": "checksum was wrong"})
    d.wait(1900)
    assert d.names().count("read") == 1
    d.wait(200)
    assert d.names().count("read") == 2
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    assert len(d.published("messages/events")) == 1
    assert sensor(d) is None and d.device.sensor.errors == 0


def test_a_sensor_that_still_rests_is_waited_for_and_that_is_no_failure():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.wait(10000)
    d.reading({"rest": 1500})
    d.wait(1499)
    assert d.names().count("read") == 2
    d.wait(1)
    assert d.names().count("read") == 3
    d.reading({"temperature": 21, "humidity": 50})
    d.sent()
    d.step()
    _, topic, body, _ = d.published("messages/events")[-1]
    assert json.loads(body) == {"temp": 21} and "A13%3A31Z" in topic
    # The rhythm stays what it was.
    d.wait(8499)
    assert d.names().count("read") == 3
    d.wait(1)
    assert d.names().count("read") == 4 and d.device.sensor.errors == 0


def test_a_sensor_that_fails_is_reported_with_its_errors_and_the_last_good_sample():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    d.sent()
    d.reads = 1
    fail(d)
    assert len(d.published("messages/events")) == 1
    told = sensor(d)
    assert told["status"] == "failing" and told["reason"] == "checksum was wrong"
    assert (told["failures"], told["errors"], told["age"]) == (1, 1, 14)
    assert told["lastGood"].startswith("2023-11-14T22:13:2")
    assert d.said("sensor: checksum was wrong; last good sample: 14 s ago; failures: 1")


def test_when_the_last_good_sample_was_is_told_though_the_time_was_not_known_then():
    d = Driver(thermometer(), keep_alive=100000, epoch=None)
    d.step()
    d.reading({"temperature": 20, "humidity": 50})
    d.wait(2000)
    d.device.on_time(EPOCH, d.now)
    d.connect(reported={"configId": 1, "sendFrequency": "10s"})
    d.sent()
    d.reads = 1
    fail(d)
    assert sensor(d)["age"] == 14 and sensor(d)["lastGood"] == "2023-11-14T22:13:18Z"


def test_a_failing_sensor_is_not_told_each_time_and_its_recovery_is():
    d = ready()
    counts = []
    for _ in range(9):
        fail(d)
        d.acknowledge()
        counts.append(sensor(d)["failures"])
    assert counts == [1, 2, 2, 4, 4, 4, 4, 8, 8]
    logged = [action[2] for action in d.done if action[:2] == ("say", "error")]
    assert [line.rpartition(" ")[2] for line in logged] == ["1", "2", "4", "8"]
    assert sensor(d)["age"] is None
    d.wait(10000)
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    told = sensor(d)
    assert told["status"] == "ok" and told["errors"] == 9 and told["reason"] is None
    assert d.said("the sensor answers again after 9 failed samples")


def test_an_old_complaint_at_the_hub_is_taken_back():
    d = ready(reported={"sensor": {"status": "failing"}})
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    assert sensor(d)["status"] == "ok"


def test_a_failing_handler_does_not_stop_the_rhythm():
    app = App(config={"configId": 1, "sendFrequency": "10s"})

    @app.telemetry
    def sample(board):
        raise ValueError("no")

    d = ready(app)
    d.reading({"temperature": 20, "humidity": 50})
    d.wait(10000)
    assert d.said("telemetry failed: ValueError")
    assert d.names().count("read") == 2


def test_a_full_queue_drops_the_oldest_and_counts():
    d = ready()
    for n in range(CAPACITY + 3):
        d.device.telemetry.add({"n": n}, None, d.now)
    assert len(d.device.telemetry) == CAPACITY
    assert d.device.telemetry.dropped == 3
    assert json.loads(d.device.telemetry.queue[0][2]) == {"n": 3}


def test_a_full_queue_keeps_the_message_that_is_under_way():
    d = ready()
    for n in range(CAPACITY):
        d.device.telemetry.add({"n": n}, None, d.now)
    d.step()
    for n in range(CAPACITY, CAPACITY + 3):
        d.device.telemetry.add({"n": n}, None, d.now)
    d.sent()
    assert len(d.device.telemetry) == CAPACITY and d.device.telemetry.dropped == 2
    assert json.loads(d.published("messages/events")[-1][2]) == {"n": 0}
    assert json.loads(d.device.telemetry.queue[0][2]) == {"n": 3}


def test_what_goes_on_while_the_line_is_at_work_asks_nothing_of_it():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.device.board.report({"a": 1})
    d.device.board.led.blink(1)
    names = [action[0] for action in d.device.go_on(d.now + 10000)]
    assert "led" in names and "read" in names and "publish" not in names
    names = [action[0] for action in d.device.step(d.now + 10001)]
    assert names.count("publish") == 2


def test_what_is_measured_without_a_link_is_sent_later_with_its_time():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    d.sent()
    d.lost("the line was cut")
    for temperature in (21, 22, 23):
        d.wait(10000)
        d.reading({"temperature": temperature, "humidity": 50})
    assert len(d.device.telemetry) == 3
    d.connected()
    d.answer_twin(reported={"configId": 1, "sendFrequency": "10s"})
    for _ in range(3):
        d.step()
        d.sent()
    late = d.published("messages/events")[-3:]
    assert [json.loads(action[2])["temp"] for action in late] == [21, 22, 23]
    times = [action[1].split("ctime=")[1][:24] for action in late]
    assert times == ["2023-11-14T22%3A13%3A30Z", "2023-11-14T22%3A13%3A40Z", "2023-11-14T22%3A13%3A50Z"]


def test_what_is_measured_before_the_time_is_known_gets_its_time_later():
    d = Driver(thermometer(), epoch=None)
    d.step()
    d.reading({"temperature": 20, "humidity": 50})
    d.wait(60000)
    assert "connect" not in d.names() and len(d.device.telemetry) == 1
    d.device.on_time(EPOCH + 60, d.now)
    d.connect(reported={"configId": 1, "sendFrequency": "10s"})
    d.step()
    assert "ctime=2023-11-14T22%3A13%3A20Z" in d.published("messages/events")[0][1]


def test_what_was_dropped_is_reported_once_it_can_be():
    d = ready()
    d.lost("the line was cut")
    for n in range(CAPACITY + 3):
        d.device.telemetry.add({"n": n}, None, d.now)
    d.wait(200000)
    d.connected()
    d.answer_twin(reported={"configId": 1, "sendFrequency": "10s"})
    assert {"droppedMessages": 3} in d.reports()


def test_a_message_that_is_too_large_is_dropped_and_said():
    d = ready()
    try:
        d.device.telemetry.add({"text": "x" * 5000}, None, d.now)
    except ValueError as error:
        assert "its 5012 bytes are over 4096" in str(error)
    assert len(d.device.telemetry) == 0 and d.device.telemetry.dropped == 1


def test_after_a_stall_the_rhythm_begins_anew_without_a_burst():
    d = ready()
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    d.sent()
    d.step(95000)
    d.reading({"temperature": 20, "humidity": 50})
    d.step()
    d.sent()
    d.wait(9000)
    assert d.names().count("read") == 2
    d.wait(1000)
    assert d.names().count("read") == 3
