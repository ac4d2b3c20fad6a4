"""Whatever becomes of an action, the device hears of it and goes on; what a hub refuses takes nothing else with it."""

import json

from driver import Driver

from twinkle import App
from twinkle.core import actions

OFFER = {"configId": 2, "sendFrequency": "1h"}


def reported(d, refuses=()):
    """What the hub holds after it has answered every report; one that holds a name in ``refuses`` is refused."""
    held = {}
    while d.device.link.state == "ready" and len(d.reports()) > getattr(d, "answered", 0):
        patch = d.reports()[getattr(d, "answered", 0)]
        d.answered = getattr(d, "answered", 0) + 1
        refused = [name for name in patch if name in refuses]
        if not refused:
            held.update(patch)
        d.acknowledge(400 if refused else 204)
        d.step()
    return held


def test_a_name_that_no_hub_takes_is_dropped_alone_and_the_configuration_goes_on():
    app = App(
        config={"configId": 1, "sendFrequency": "24h"},
        properties=lambda board: {"Example.Property": 1, "long": "x" * 5000, "serial": "A17"},
    )
    d = Driver(app)
    d.connect(OFFER, 2)
    held = reported(d)
    assert ("store", "config", OFFER) in d.done
    assert held["status"] == "Success" and held["configId"] == 2 and held["serial"] == "A17"
    assert "Example.Property" not in held and "long" not in held and d.device.context.refused == 2
    assert len(held["lastError"]) <= 256 and "cannot be reported" in held["lastError"]


def test_a_members_refusal_by_the_hub_is_narrowed_down_to_it():
    d = Driver()
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.device.board.report({"bad": 1, "good": 2, "pump": {"__t": "c", "worse": 1, "speed": 3}})
    d.notify(OFFER, 2)
    held = reported(d, ("bad",))
    assert held["good"] == 2 and held["pump"] == {"__t": "c", "worse": 1, "speed": 3}
    assert held["status"] == "Success" and "bad cannot be reported" in held["lastError"]
    assert json.loads(d.published("reported")[0][2])["bad"] == 1 and d.device.context.refused == 1


def test_properties_that_fail_are_told_and_the_device_is_ready():
    d = Driver(App(config={"configId": 1, "sendFrequency": "24h"}, properties=lambda board: 1 // 0))
    d.connect(OFFER, 2)
    held = reported(d)
    assert "properties failed: ZeroDivisionError" in held["lastError"] and held["status"] == "Success"


def test_a_reading_for_which_there_is_no_memory_does_not_end_sampling():
    app = App(config={"configId": 1, "sendFrequency": "10s"})
    app.telemetry(lambda board: {"n": 1})
    d = Driver(app, keep_alive=100000)
    d.connect(reported={"configId": 1, "sendFrequency": "10s"})
    d.device.on_failed(actions.read(), MemoryError(), d.now)
    d.wait(2000)
    assert d.names().count("read") == 2
    d.reading({"temperature": 20})
    d.step()
    assert len(d.published("messages/events")) == 1


def test_a_configuration_that_was_not_stored_for_want_of_memory_does_not_wait_for_ever():
    d = Driver()
    d.flash_error = "out of memory"
    d.connect(OFFER, 2, {"configId": 1, "sendFrequency": "24h"})
    assert reported(d)["status"] == "Failed"
    d.flash_error = None
    d.notify(dict(OFFER, configId=3), 3)
    assert reported(d)["configId"] == 3


def test_what_was_not_tried_is_asked_for_again_on_the_next_connection():
    app = App(config={"configId": 1, "sendFrequency": "24h"})
    app.telemetry(lambda board: {"n": 1})
    d = Driver(app)
    d.connect(reported={"configId": 1, "sendFrequency": "24h"})
    d.reading({"temperature": 20})
    d.device.board.report({"a": 1})
    d.step()
    assert d.device.telemetry.under_way and not d.device.telemetry.queue
    d.device.on_failed(actions.publish("", b"", 1), None, d.now)
    d.lost("the line was cut")
    assert len(d.device.telemetry) == 1
    d.wait(1000)
    d.connected()
    d.answer_twin(reported={"configId": 1, "sendFrequency": "24h"})
    assert [report for report in d.reports() if report.get("a") == 1][1:], "it is reported again"
    assert len(d.published("messages/events")) == 2


def test_a_queue_holds_so_many_bytes_and_no_more():
    d = Driver(waiting={"bytes": 1000})
    for _ in range(20):
        d.device.telemetry.add({"text": "x" * 90}, None, d.now)
    assert sum([len(body) for _, _, body in d.device.telemetry.queue]) <= 1000
    assert d.device.telemetry.dropped == 20 - len(d.device.telemetry)
