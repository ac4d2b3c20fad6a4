"""Cloud-to-device messages: queued, delivered, acknowledged, delivered again, expired."""

import pytest
from harness import ALL, Stage

from twinkle_host.hub.core import HubError

FILTER = "devices/dev1/messages/devicebound/#"


@pytest.fixture
def stage():
    return Stage()


def bodies(device):
    return [payload for topic, payload, _ in device.wire.sent if "devicebound" in topic]


def acknowledge(device):
    """Take everything that was delivered at QoS 1."""
    for packet_id in list(device.session.unacknowledged):
        device.session.acknowledged(packet_id)


def pending(stage):
    return stage.hub.get_device("dev1")["cloudToDeviceMessageCount"]


def test_a_message_reaches_a_device_that_listens(stage):
    device = stage.device("dev1")
    device.connect((*ALL, FILTER))
    stage.hub.send("dev1", b"hello", {"$.mid": "m1", "level": "a b", "empty": "", "none": None})
    topic, payload, qos = device.wire.sent[-1]
    assert topic == (
        "devices/dev1/messages/devicebound/%24.mid=m1&level=a%20b&empty=&none"
        "&%24.to=%2Fdevices%2Fdev1%2Fmessages%2Fdevicebound"
    )
    assert (payload, qos) == (b"hello", 1)
    assert pending(stage) == 1
    acknowledge(device)
    assert pending(stage) == 0


def test_messages_wait_for_the_device_in_their_order_and_survive_a_hub_restart(stage):
    device = stage.device("dev1")
    for n in range(3):
        stage.hub.send("dev1", b"%d" % n)
    stage.start()
    device.connect((*ALL, FILTER))
    assert bodies(device) == [b"0", b"1", b"2"]


def test_what_was_not_acknowledged_is_delivered_again(stage):
    device = stage.device("dev1")
    device.connect((*ALL, FILTER))
    stage.hub.send("dev1", b"once")
    device.session.end(False)
    device.connect((*ALL, FILTER))
    assert bodies(device) == [b"once"]
    acknowledge(device)
    device.session.end(True)
    device.connect((*ALL, FILTER))
    assert bodies(device) == []


def test_a_device_that_does_not_listen_gets_nothing(stage):
    device = stage.device("dev1")
    device.connect(ALL)
    stage.hub.send("dev1", b"x")
    assert bodies(device) == [] and pending(stage) == 1


def test_a_clean_session_throws_the_queue_away(stage):
    device = stage.device("dev1")
    stage.hub.send("dev1", b"x")
    device.connect((*ALL, FILTER), clean_session=True)
    assert bodies(device) == [] and pending(stage) == 0


def test_a_message_expires(stage):
    device = stage.device("dev1")
    stage.hub.send("dev1", b"short", lifetime=60)
    stage.hub.send("dev1", b"long")
    stage.clock.seconds += 61
    device.connect((*ALL, FILTER))
    assert bodies(device) == [b"long"]


def test_a_message_at_qos_0_is_done_when_sent(stage):
    device = stage.device("dev1")
    device.connect(())
    device.session.subscribe([(FILTER, 0)])
    stage.hub.send("dev1", b"x")
    assert device.wire.sent[-1][2] == 0 and pending(stage) == 0


def test_the_limits_are_the_documented_ones(stage):
    stage.device("dev1")
    with pytest.raises(HubError, match="413001"):
        stage.hub.send("dev1", b"x" * 65537)
    for lifetime in (59, 2 * 86400 + 1):
        with pytest.raises(HubError, match="400004"):
            stage.hub.send("dev1", b"x", lifetime=lifetime)
    with pytest.raises(HubError, match="404001"):
        stage.hub.send("nobody", b"x")
    for _ in range(50):
        stage.hub.send("dev1", b"x")
    with pytest.raises(HubError, match="403004"):
        stage.hub.send("dev1", b"x")


def test_an_acknowledgement_nobody_waits_for_is_ignored(stage):
    device = stage.device("dev1")
    device.connect((*ALL, FILTER))
    device.session.acknowledged(99)
    stage.hub.send("dev1", b"x")
    device.session.acknowledged(12345)
    assert pending(stage) == 1


def test_properties_that_no_topic_can_carry_are_refused(stage):
    device = stage.device("dev1")
    device.connect((*ALL, FILTER))
    with pytest.raises(HubError) as refused:
        stage.hub.send("dev1", b"", {"level": "é" * 20_000})
    assert refused.value.code == 413001
    stage.hub.send("dev1", b"", {"level": "é" * 10_000})
    assert len(device.wire.sent[-1][0]) < 65536


def test_a_queue_is_purged_and_told_and_stays_so_over_a_restart(stage):
    """REST reference, "Purge Command Queue"; developer guide, "Message feedback": statusCode ``Purged``."""
    device = stage.device("dev1")
    for n in range(3):
        stage.hub.send("dev1", b"%d" % n, {"$.mid": f"m{n}", "iothub-ack": "full"})
    assert stage.hub.purge("dev1") == 3 and stage.hub.purge("dev1") == 0 and pending(stage) == 0
    assert [record["statusCode"] for record in stage.hub.feedback.lease(9)] == ["Purged"] * 3
    stage.start()
    device.connect((*ALL, FILTER))
    assert bodies(device) == [] and stage.hub.get_device("dev1")["cloudToDeviceMessageCount"] == 0
    with pytest.raises(HubError) as refused:
        stage.hub.purge("nobody")
    assert refused.value.name == "DeviceNotFound"


def test_a_purged_message_that_is_under_way_is_told_once(stage):
    device = stage.device("dev1")
    device.connect((*ALL, FILTER))
    stage.hub.send("dev1", b"x", {"iothub-ack": "full"})
    assert stage.hub.purge("dev1") == 1
    acknowledge(device)
    assert [record["statusCode"] for record in stage.hub.feedback.lease(9)] == ["Purged"]


def test_what_the_store_cannot_forget_is_not_purged(stage, monkeypatch):
    stage.device("dev1")
    stage.hub.send("dev1", b"x", {"iothub-ack": "full"})

    def full(record):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(stage.store, "save", full)
        with pytest.raises(HubError):
            stage.hub.purge("dev1")
    assert pending(stage) == 1 and stage.hub.feedback.lease(9) == []
