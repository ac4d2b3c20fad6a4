"""Feedback by azure-iot-hub's IoTHubHttpRuntimeManager, unmodified, which throws the body away and asks for tokens."""

import pytest
import requests
from azure.iot.hub import IoTHubHttpRuntimeManager
from azure.iot.hub.sastoken import SasToken
from msrest.exceptions import HttpOperationError
from support import own_address

from twinkle_host.waiting import PATIENCE_S

FEEDBACK = "messages/serviceBound/feedback"


@pytest.fixture
def runtime(hub, service_string):
    """IoTHubHttpRuntimeManager; nothing waits yet."""
    while found := hub.call("feedback_locks.receive"):
        hub.call("feedback_locks.complete", found[0])
    return IoTHubHttpRuntimeManager.from_connection_string(service_string)


def receive(hub):
    """A batch as a program gets it that reads the answer."""
    parts = dict(pair.split("=", 1) for pair in hub.info["serviceConnectionString"].split(";"))
    token = SasToken(own_address(), parts["SharedAccessKey"], parts["SharedAccessKeyName"])
    return requests.get(
        f"https://{own_address()}:{hub.info['restPort']}/{FEEDBACK}?api-version=2021-04-12",
        headers={"Authorization": str(token)},
        verify=hub.info["caFile"],
        timeout=PATIENCE_S,
    )


def test_feedback_is_received_abandoned_and_completed(hub, runtime, device_id):
    assert receive(hub).status_code == 204
    hub.call("send", device_id, b"x", {"$.mid": "m1", "iothub-ack": "full"})
    hub.call("purge", device_id)
    answer = receive(hub)
    assert answer.status_code == 200 and answer.json()[0]["originalMessageId"] == "m1"
    assert runtime.receive_feedback_notification() is None, "nothing else waits"
    runtime.abandon_feedback_notification(answer.headers["ETag"].strip('"'))
    token = receive(hub).headers["ETag"].strip('"')
    runtime.complete_feedback_notification(token)
    assert receive(hub).status_code == 204
    with pytest.raises(HttpOperationError) as refusal:
        runtime.complete_feedback_notification(token)
    assert refusal.value.response.headers["iothub-errorcode"] == "DeviceMessageLockLost"
