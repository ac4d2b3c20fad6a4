"""What became of a message, for those who wanted to know."""

import pytest
from harness import ALL

from twinkle_host.hub.core import HubError

FILTER = "devices/dev1/messages/devicebound/#"
EVERYTHING = (*ALL, FILTER)


def send(stage, ack="full", number=1, **named):
    stage.hub.send("dev1", b"x", {"$.mid": f"m{number}", "iothub-ack": ack}, **named)


def told(stage):
    """The records that wait, as (id, status)."""
    records = stage.hub.feedback.lease(1000)
    stage.hub.feedback.settle(records, False)
    return [(record["originalMessageId"], record["statusCode"]) for record in records]


def take_all(device):
    for packet_id in list(device.session.unacknowledged):
        device.session.acknowledged(packet_id)


def test_a_record_has_the_documented_members(stage):
    device = stage.device()
    send(stage)
    device.connect(EVERYTHING)
    take_all(device)
    (record,) = stage.hub.feedback.lease(10)
    assert record == {
        "originalMessageId": "m1",
        "enqueuedTimeUtc": "2026-11-18T11:06:40Z",
        "statusCode": "Success",
        "description": "Success",
        "deviceId": "dev1",
        "deviceGenerationId": stage.hub.get_device("dev1")["generationId"],
    }


@pytest.mark.parametrize(
    "ack, good, bad", [("none", 0, 0), ("positive", 1, 0), ("negative", 0, 1), ("full", 1, 1)]
)
def test_only_what_was_wanted_is_told(stage, ack, good, bad):
    device = stage.device()
    send(stage, ack, 1)
    device.connect(EVERYTHING)
    take_all(device)
    device.session.end(True)
    send(stage, ack, 2, lifetime=60)
    stage.run(61)
    assert told(stage) == [("m1", "Success")] * good + [("m2", "Expired")] * bad


def test_a_message_that_expires_while_the_device_is_away_is_told_then(stage):
    stage.device()
    send(stage, lifetime=60)
    stage.run(59)
    assert told(stage) == []
    stage.run(2)
    assert told(stage) == [("m1", "Expired")]


def test_the_same_after_a_restart_of_the_hub(stage):
    stage.device()
    send(stage, lifetime=60)
    stage.start()
    stage.run(61)
    assert told(stage) == [("m1", "Expired")]
    stage.start()
    assert told(stage) == [("m1", "Expired")], "a record waits over restarts"


def test_a_message_that_has_expired_already_is_told_at_once(stage):
    device = stage.device()
    device.connect(EVERYTHING)
    send(stage, expires=stage.clock.utc() - 1)
    assert told(stage) == [("m1", "Expired")]
    assert stage.hub.get_device("dev1")["cloudToDeviceMessageCount"] == 0


def test_a_message_that_is_never_completed_is_delivered_ten_times(stage):
    device = stage.device()
    send(stage)
    for _ in range(12):
        device.connect(EVERYTHING)
        device.session.end(False)
    assert told(stage) == [("m1", "DeliveryCountExceeded")]


def test_what_is_thrown_away_is_told(stage):
    device = stage.device()
    send(stage, number=1)
    device.connect(EVERYTHING, clean_session=True)
    device.session.end(True)
    send(stage, number=2)
    stage.hub.delete_device("dev1")
    assert told(stage) == [("m1", "Purged"), ("m2", "Purged")]


def test_a_message_has_one_end(stage):
    device = stage.device()
    device.connect(EVERYTHING)
    send(stage, lifetime=60)
    stage.run(61)
    take_all(device)
    assert told(stage) == [("m1", "Expired")]


def test_records_are_bounded(stage):
    device = stage.device()
    device.connect(EVERYTHING)
    for number in range(1010):
        send(stage, number=number)
        take_all(device)
    assert len(told(stage)) == 1000 and stage.hub.feedback.dropped == 10


@pytest.mark.parametrize("change", [{"ack": "maybe"}, {"expires": 10**10}])
def test_what_cannot_be_is_refused(stage, change):
    stage.device()
    with pytest.raises(HubError):
        send(stage, **change)


def test_a_message_that_could_not_be_stored_is_not_queued(stage, monkeypatch):
    device = stage.device()
    monkeypatch.setattr(stage.store, "save", lambda record: 1 / 0)
    with pytest.raises(HubError, match="could not store"):
        send(stage)
    monkeypatch.undo()
    device.connect(EVERYTHING)
    assert not [topic for topic, _, _ in device.wire.sent if "devicebound" in topic]


def test_feedback_that_could_not_be_stored_is_still_told(stage, monkeypatch):
    device = stage.device()
    device.connect(EVERYTHING)
    send(stage)
    save = stage.store.save
    monkeypatch.setattr(
        stage.store, "save", lambda record: 1 / 0 if record["id"] == "/feedback" else save(record)
    )
    take_all(device)
    assert (
        told(stage) == [("m1", "Success")]
        and "the feedback could not be stored" in stage.told("storeFailed")[0]
    )
