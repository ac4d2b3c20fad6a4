"""AMQP over WebSocket by Azure's own clients, unmodified: azure-eventhub reads, azure-iot-hub sends."""

import asyncio
import contextlib

import pytest
from azure.eventhub import TransportType
from azure.eventhub.aio import EventHubConsumerClient as AioConsumerClient
from azure.eventhub.exceptions import EventHubError
from reading import Reading, client_of, dialled
from support import own_address
from test_cloud_to_device import program

from twinkle_host.hub.events.log import partition_of
from twinkle_host.waiting import PATIENCE_S, eventually

LARGE = b"x" * 200_000  # of which one event is several frames, and some are more than the hub sends unread


@pytest.fixture
def kept(hub, device_id):
    """Where the events of the device begin: some that are empty, some that are small, some that are large."""
    partition = partition_of(device_id)
    hub.keep(device_id)
    begin = hub.server.events.events.partitions[partition].next
    bodies = [b"", *(b"event %d" % number for number in range(500)), *([LARGE] * 10)]
    hub.keep(device_id, *bodies)
    return {"partition_id": str(partition), "starting_position": begin - 1}, bodies


def over_websocket(hub):
    """The options that make a client dial the REST port."""
    return {
        "transport_type": TransportType.AmqpOverWebsocket,
        "custom_endpoint_address": f"wss://{own_address()}:{hub.info['restPort']}",
    }


def test_a_reader_has_every_event_over_websocket(hub, kept):
    where, bodies = kept
    with Reading(client_of(hub, **over_websocket(hub)), **where) as reading:
        assert [b"".join(reading.next().body) for _ in bodies] == bodies
        ends = [door._transport for door in list(hub.server._amqp.connections)]
        assert any(type(end).__name__ == "Line" for end in ends)
    eventually(lambda: not hub.server._amqp.connections)


def test_a_reader_on_asyncio_has_every_event_over_websocket(hub, kept):
    where, bodies = kept

    async def read():
        came, done = [], asyncio.Event()

        async def take(_, events):
            came.extend(b"".join(event.body) for event in events)
            if len(came) >= len(bodies):
                done.set()

        client = AioConsumerClient.from_connection_string(
            dialled(hub.info["eventHubConnectionString"]),
            "$Default",
            connection_verify=hub.info["caFile"],
            **over_websocket(hub),
        )
        async with client:
            receiving = asyncio.create_task(client.receive_batch(on_event_batch=take, **where))
            await asyncio.wait_for(done.wait(), PATIENCE_S)
            receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await receiving
        return came

    assert asyncio.run(read()) == bodies


def test_a_wrong_key_is_refused_over_websocket(hub):
    text, _, _ = hub.info["eventHubConnectionString"].partition("SharedAccessKey=")
    client = client_of(hub, f"{text}SharedAccessKey=d3Jvbmc=;EntityPath=localhost", **over_websocket(hub))
    with client, pytest.raises(EventHubError, match=r"401|[Uu]nauthori"):
        client.get_partition_ids()


def test_a_service_sends_and_hears_of_it_over_websocket(hub, device, device_id):
    client = device(text=hub.call("connection_string", device_id))
    came = []
    client.on_message_received = came.append
    port = {"WSS_PORT": str(hub.info["restPort"])}
    assert (
        program(hub, "send", device_id, "on", '{"messageId": "w1", "iothub-ack": "full"}', **port) == "sent"
    )
    (message,) = eventually(lambda: list(came))
    assert (message.data, message.message_id) == (b"on", "w1")
    (record,) = program(hub, "feedback", "1", **port)
    assert (record["originalMessageId"], record["statusCode"]) == ("w1", "Success")
