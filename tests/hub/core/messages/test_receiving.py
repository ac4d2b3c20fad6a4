"""Messages that a device receives over HTTPS: one at a time, locked, and settled in one of three ways.

IoT Hub developer guide, "Understand cloud-to-device messaging", the life cycle of a message.
"""

import pytest
from harness import ALL

from twinkle_host.hub.core import HubError
from twinkle_host.hub.core.messages.cloud_to_device import MAX_DELIVERIES
from twinkle_host.hub.core.messages.locks import LOCK_S

FILTER = "devices/dev1/messages/devicebound/#"


class Receiver:
    """The device ``dev1``."""

    def __init__(self, stage):
        self.stage = stage
        self.wire = stage.device("dev1")
        self.send = lambda body, **more: stage.hub.send("dev1", body, {"iothub-ack": "full"}, **more)

    @property
    def device(self):
        return self.stage.hub.devices.find("dev1")

    def receive(self, *lock):
        """A message's deliveries and its token; None."""
        got = self.stage.hub.messages.receive(self.device, *lock)
        return got and (got[0]["deliveries"], got[1])

    def settle(self, token, how="complete"):
        self.stage.hub.messages.settle(self.device, token, how)

    def lost(self, token):
        with pytest.raises(HubError) as error:
            self.settle(token)
        return error.value.code == 412002

    def told(self):
        return [record["statusCode"] for record in self.stage.hub.feedback.lease(100)]


@pytest.fixture
def receiver(stage):
    return Receiver(stage)


@pytest.mark.parametrize(("how", "status"), [("complete", "Success"), ("reject", "Rejected")])
def test_a_message_is_received_once_and_settled_for_good(receiver, how, status):
    """ "Message feedback": the status codes Success and Rejected."""
    receiver.send(b"1")
    receiver.send(b"2")
    (_, first), (_, second) = receiver.receive(), receiver.receive()
    assert receiver.receive() is None, "both are locked"
    receiver.settle(second, how)
    receiver.settle(first, how)
    assert receiver.told() == [status, status] and receiver.device.inbox == []
    assert receiver.lost(first)


def test_an_abandoned_message_comes_again_and_so_does_one_whose_lock_has_ended(receiver):
    """ "Abandon" and the lock time-out both go back to Enqueued; 412002 is DeviceMessageLockLost."""
    receiver.send(b"1")
    _, token = receiver.receive()
    receiver.settle(token, "abandon")
    deliveries, token = receiver.receive()
    assert deliveries == 2
    receiver.stage.run(LOCK_S + 1)
    assert receiver.lost(token)
    deliveries, token = receiver.receive()
    assert deliveries == 3
    receiver.settle(token)
    assert receiver.told() == ["Success"]


@pytest.mark.parametrize("lock", [1, 24, 300])
def test_a_lock_lasts_as_long_as_its_receiver_asked(receiver, lock):
    """azure-iot-sdk-java, HttpsIotHubConnection: the header iothub-messagelocktimeout, in seconds."""
    receiver.send(b"1")
    _, token = receiver.receive(lock)
    receiver.stage.run(lock - 0.5)
    assert receiver.receive() is None
    receiver.stage.run(1)
    assert receiver.lost(token) and receiver.receive() is not None


def test_messages_are_numbered_for_each_device(receiver):
    for number in range(1, 4):
        receiver.send(b"1")
        message, token = receiver.stage.hub.messages.receive(receiver.device)
        assert message["sequence"] == number
        receiver.settle(token)
    receiver.stage.start()
    receiver.send(b"1")
    assert receiver.device.inbox[0]["sequence"] == 4


def test_a_message_that_is_never_settled_is_delivered_ten_times(receiver):
    """The maximum delivery count, 10 unless it is configured otherwise: then it is dead-lettered."""
    receiver.send(b"1")
    for number in range(MAX_DELIVERIES):
        deliveries, token = receiver.receive()
        assert deliveries == number + 1
        receiver.settle(token, "abandon")
    assert receiver.receive() is None and receiver.told() == ["DeliveryCountExceeded"]


def test_what_is_locked_over_https_is_not_delivered_over_mqtt_and_the_other_way_round(receiver):
    receiver.send(b"1")
    _, token = receiver.receive()
    receiver.wire.connect((*ALL, FILTER))
    bodies = [payload for topic, payload, _ in receiver.wire.wire.sent if "devicebound" in topic]
    assert bodies == []
    receiver.settle(token, "abandon")
    bodies = [payload for topic, payload, _ in receiver.wire.wire.sent if "devicebound" in topic]
    assert bodies == [b"1"] and receiver.receive() is None, "which is under way"
    for packet_id in list(receiver.wire.session.unacknowledged):
        receiver.wire.session.acknowledged(packet_id)
    assert receiver.told() == ["Success"]


def test_a_lock_that_ends_hands_the_message_to_a_device_that_listens(receiver):
    receiver.send(b"1")
    receiver.receive()
    receiver.wire.connect((*ALL, FILTER))
    receiver.stage.run(LOCK_S + 1)
    assert [payload for topic, payload, _ in receiver.wire.wire.sent if "devicebound" in topic] == [b"1"]


def test_a_message_that_ends_while_it_is_locked_is_lost_to_its_receiver(receiver):
    receiver.send(b"1", lifetime=60)
    _, token = receiver.receive()
    receiver.stage.run(59)
    receiver.send(b"2")
    _, other = receiver.receive()
    receiver.stage.run(2)
    assert receiver.lost(token) and receiver.told() == ["Expired"]
    assert receiver.stage.hub.purge("dev1") == 1 and receiver.lost(other)


def test_a_restart_of_the_hub_unlocks(receiver):
    receiver.send(b"1")
    _, token = receiver.receive()
    receiver.stage.start()
    assert receiver.lost(token)
    assert receiver.receive() is not None


def test_a_deleted_devices_lock_opens_nothing_of_its_namesake(receiver):
    receiver.send(b"1")
    _, token = receiver.receive()
    receiver.stage.hub.delete_device("dev1")
    receiver.stage.device("dev1")
    receiver.send(b"2")
    assert receiver.lost(token) and len(receiver.device.inbox) == 1
