"""Telemetry: first sample when ready, the applied rhythm after, a bounded queue."""

import json

from driver import Driver

from twinkle import App
from twinkle.core.telemetry import CAPACITY


def thermometer():
    app = App(config={"configId": 1, "sendFrequency": "10s"})

    @app.telemetry
    def sample(board):
        return None if board.temperature is None else {"temp": board.temperature}

    return app


def ready(app=None):
    d = Driver(app or thermometer(), keep_alive=1000)
    d.connect(reported={"configId": 1, "sendFrequency": "10s"})
    return d


def test_the_first_sample_is_taken_when_ready_and_then_in_rhythm():
    d = ready()
    assert d.names().count("read") == 1
    for _ in range(3):
        d.device.on_reading({"temperature": 20, "humidity": 50})
        d.step()
        d.device.on_published()
        d.wait(10000)
    assert d.names().count("read") == 4
    bodies = [json.loads(action[2]) for action in d.published("messages/events")]
    assert bodies == [{"temp": 20}] * 3


def test_a_message_says_that_it_is_json_in_utf8():
    d = ready()
    d.device.on_reading({"temperature": 20, "humidity": 50})
    d.step()
    _, topic, _, qos = d.published("messages/events")[0]
    path, _, bag = topic.rpartition("/")
    assert path == "devices/MyDevice01/messages/events"
    assert sorted(bag.split("&")) == ["%24.ce=utf-8", "%24.ct=application%2Fjson"]
    assert qos == 1


def test_a_message_stays_until_the_hub_has_it():
    d = ready()
    d.device.on_reading({"temperature": 20, "humidity": 50})
    d.step()
    d.device.on_lost("gone", d.now)
    d.wait(1000)
    d.device.on_connected(d.now)
    d.answer_twin(reported={"configId": 1, "sendFrequency": "10s"})
    d.step()
    assert len(d.published("messages/events")) == 2
    d.device.on_published()
    assert len(d.device.telemetry) == 0


def test_a_failing_sensor_sends_nothing_and_is_counted():
    d = ready()
    d.device.on_reading_failed("checksum was wrong", {})
    d.step()
    assert d.published("messages/events") == []
    assert d.device.board.sensor_errors == 1
    assert d.said("sensor: checksum was wrong")
    d.wait(10000)
    assert d.names().count("read") == 2


def test_a_failing_handler_does_not_stop_the_rhythm():
    app = App(config={"configId": 1, "sendFrequency": "10s"})

    @app.telemetry
    def sample(board):
        raise ValueError("no")

    d = ready(app)
    d.device.on_reading({"temperature": 20, "humidity": 50})
    d.wait(10000)
    assert d.said("telemetry handler failed: ValueError")
    assert d.names().count("read") == 2


def test_a_full_queue_drops_the_oldest_and_counts():
    d = ready()
    for n in range(CAPACITY + 3):
        d.device.telemetry.add({"n": n})
    assert len(d.device.telemetry) == CAPACITY
    assert d.device.telemetry.dropped == 3
    assert json.loads(d.device.telemetry.head()[1]) == {"n": 3}


def test_a_message_that_is_too_large_is_dropped_and_said():
    d = ready()
    d.device.telemetry.add({"text": "x" * 5000})
    d.step()
    assert len(d.device.telemetry) == 0
    assert d.said("it is dropped")


def test_after_a_stall_the_rhythm_begins_anew_without_a_burst():
    d = ready()
    d.device.on_reading({"temperature": 20, "humidity": 50})
    d.step()
    d.device.on_published()
    d.step(95000)
    d.device.on_reading({"temperature": 20, "humidity": 50})
    d.step()
    d.device.on_published()
    d.wait(9000)
    assert d.names().count("read") == 2
    d.wait(1000)
    assert d.names().count("read") == 3
