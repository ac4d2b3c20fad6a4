"""Feedback without a connection: locked, completed, abandoned, or given back when nobody said anything.

The right answers: REST reference of 2021-04-12, "Receive / Complete / Abandon Feedback Notification"; a lock lasts a
minute (azure-docs, iot-hub-devguide-messages-c2d.md); DeviceMessageLockLost is 412002.
"""

import pytest
from harness import ALL

from twinkle_host.hub.core import HubError

EVERYTHING = (*ALL, "devices/dev1/messages/devicebound/#")


@pytest.fixture
def locks(stage):
    """Where three records wait."""
    device = stage.device()
    for number in range(3):
        stage.hub.send("dev1", b"x", {"$.mid": f"m{number}", "iothub-ack": "full"})
    device.connect(EVERYTHING)
    for packet_id in list(device.session.unacknowledged):
        device.session.acknowledged(packet_id)
    return stage.hub.feedback_locks


def refused(function, token):
    with pytest.raises(HubError) as refusal:
        function(token)
    return refusal.value.name


def test_what_is_completed_is_gone_and_what_is_locked_nobody_else_gets(locks):
    token, records = locks.receive()
    assert [record["originalMessageId"] for record in records] == ["m0", "m1", "m2"]
    assert locks.receive() is None
    locks.complete(token)
    assert locks.receive() is None
    assert refused(locks.complete, token) == "DeviceMessageLockLost"


def test_what_is_abandoned_comes_again(locks):
    token, records = locks.receive()
    locks.abandon(token)
    again, same = locks.receive()
    assert same == records and again != token
    assert refused(locks.abandon, token) == refused(locks.abandon, "no token") == "DeviceMessageLockLost"


def test_a_lock_lasts_a_minute(locks, stage):
    token, records = locks.receive()
    stage.run(59)
    assert locks.receive() is None
    stage.run(2)
    assert refused(locks.complete, token) == "DeviceMessageLockLost"
    assert locks.receive()[1] == records


def test_what_is_locked_survives_a_restart(locks, stage):
    records = locks.receive()[1]
    stage.start()
    assert stage.hub.feedback_locks.receive()[1] == records


def test_a_file_notification_is_locked_by_itself(stage):
    """Over AMQP it is one record in a message, too."""
    for name in ("a.bin", "b.bin"):
        stage.hub.files.put({"blobName": name})
    token, records = stage.hub.file_locks.receive()
    assert [record["blobName"] for record in records] == ["a.bin"]
    assert stage.hub.file_locks.receive()[1] == [{"blobName": "b.bin"}]
    stage.hub.file_locks.complete(token)
