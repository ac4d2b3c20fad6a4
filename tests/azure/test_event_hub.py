"""Events over AMQP, read by azure-eventhub 5.15, unmodified: where a reader begins, who shares, who takes over."""

import asyncio
import contextlib
import datetime
import queue
import threading
import time

import pytest
from azure.eventhub import EventHubConsumerClient
from azure.eventhub._eventprocessor.in_memory_checkpoint_store import InMemoryCheckpointStore
from azure.eventhub.aio import EventHubConsumerClient as AioConsumerClient
from azure.eventhub.exceptions import AuthenticationError, EventHubError
from reading import Reading, client_of, dialled

from twinkle_host.hub.events.log import PARTITIONS, partition_of
from twinkle_host.waiting import PATIENCE_S, eventually

BEGINNING = "-1"


@pytest.fixture(autouse=True)
def alone(hub):
    """No reader of before is there any more, nor taken for one of the test's own."""
    until_nobody_reads(hub)


@pytest.fixture
def connected(hub, device, device_id):
    """The same, as azure-iot-device, connected."""
    return device(text=hub.call("connection_string", device_id))


@pytest.fixture
def partition(device_id):
    return str(partition_of(device_id))


@pytest.fixture
def end(hub, device_id, partition):
    """Where the partition ends before the test's own events, which come at a later millisecond than all before."""
    hub.keep(device_id)
    kept = hub.server.events.events.partitions[int(partition)]
    eventually(lambda: time.time() * 1000 >= kept.enqueued + 1)
    return kept.next


def bodies(count, start=0):
    return [f"event {number}".encode() for number in range(start, start + count)]


def texts(count, start=0):
    return [f"event {number}" for number in range(start, start + count)]


# --- the tutorial


def test_the_tutorials_reader_to_the_letter(hub, connected, device_id):
    """The tutorial's program, with the arguments of a hub whose authority is its own."""
    seen = queue.Queue()

    def on_event_batch(partition_context, events):
        for event in events:
            seen.put((partition_context.partition_id, event))
        partition_context.update_checkpoint()

    def on_error(partition_context, error):
        seen.put(error)

    client = EventHubConsumerClient.from_connection_string(
        conn_str=dialled(hub.info["eventHubConnectionString"]),
        consumer_group="$default",
        connection_verify=hub.info["caFile"],
    )
    thread = threading.Thread(
        target=client.receive_batch, kwargs={"on_event_batch": on_event_batch, "on_error": on_error}
    )
    thread.start()
    with client:
        until_read_by(hub, PARTITIONS)
        connected.send_message('{"temperature": 21}')
        partition_id, event = seen.get(timeout=PATIENCE_S)
    thread.join(PATIENCE_S)
    assert event.body_as_str(encoding="UTF-8") == '{"temperature": 21}'
    assert partition_id == str(partition_of(device_id))
    assert event.system_properties[b"iothub-connection-device-id"].decode() == device_id


# --- where a reader begins


def test_it_begins_where_it_is_told(hub, device_id, partition, end):
    hub.keep(device_id, *bodies(5))
    rows = hub.stored(int(partition), end)
    moment = datetime.datetime.fromtimestamp(rows[0].enqueued / 1000, datetime.UTC)
    for position, inclusive, expected in [
        (rows[1].sequence, False, 2),
        (rows[1].sequence, True, 1),
        (str(rows[3].offset), False, 4),
        (str(rows[3].offset), True, 3),
        (moment, True, 0),
        (moment - datetime.timedelta(milliseconds=1), False, 0),
    ]:
        client = client_of(hub)
        options = {"starting_position": position, "starting_position_inclusive": inclusive}
        with Reading(client, partition_id=partition, **options) as reading:
            assert reading.bodies(5 - expected) == texts(5 - expected, expected), (position, inclusive)


def test_from_the_beginning_it_sees_everything_and_from_the_end_only_what_comes(hub, device_id, partition):
    hub.keep(device_id, *bodies(3))
    log = hub.server.events.events.partitions[int(partition)]
    with Reading(client_of(hub), partition_id=partition, starting_position=BEGINNING) as reading:
        seen = [reading.next() for _ in range(log.next - log.begin)]
    assert [event.sequence_number for event in seen] == list(range(log.begin, log.next))
    assert [event.body_as_str() for event in seen[-3:]] == texts(3)
    until_nobody_reads(hub)
    with Reading(client_of(hub), partition_id=partition, starting_position="@latest") as reading:
        until_read_by(hub, 1)
        hub.keep(device_id, *bodies(2, 3))
        assert reading.bodies(2) == texts(2, 3)


def until_read_by(hub, count):
    """Wait until so many readers are there."""
    event_hub = hub.server._amqp.event_hub
    eventually(lambda: sum(map(len, event_hub._readers.values())) >= count)


def until_nobody_reads(hub):
    """Wait until the hub knows that all have left: a client that is closed does not wait for that."""
    eventually(lambda: not hub.server._amqp.event_hub._readers)


def test_a_reader_that_dies_goes_on_from_its_offset_without_loss_or_repeat(hub, device_id, partition, end):
    hub.keep(device_id, *bodies(10))
    seen = []
    with Reading(client_of(hub), partition_id=partition, starting_position=end - 1) as reading:
        seen += [reading.next() for _ in range(4)]
    hub.keep(device_id, *bodies(5, 10))
    with Reading(client_of(hub), partition_id=partition, starting_position=seen[-1].offset) as reading:
        seen += [reading.next() for _ in range(11)]
    assert [event.body_as_str() for event in seen] == texts(15)


# --- sharing


def test_two_readers_share_the_partitions_and_checkpoints(hub):
    store = InMemoryCheckpointStore()
    options = {"group": "second", "checkpoint_store": store, "load_balancing_interval": 1}
    ids = [f"shared-{number}" for number in range(12)]
    for device_id in ids:
        hub.add(device_id)
    seen = []
    first, second = (client_of(hub, **options) for _ in range(2))
    with (
        Reading(first, starting_position="@latest") as one,
        Reading(second, starting_position="@latest") as two,
    ):
        until_read_by(hub, PARTITIONS)
        both_read(hub, one, two, ids, seen)
    assert all(ids.count(device_id) == 1 for device_id in ids) and seen


def both_read(hub, one, two, ids, seen):
    """Send until both have got something; each event comes to one of them alone."""

    def look():
        for device_id in ids:
            hub.keep(device_id, b"x")
        return not one.events.empty() and not two.events.empty()

    eventually(look)
    seen += [event.sequence_number for _, event in [*one.events.queue, *two.events.queue]]


def test_a_higher_owner_level_takes_over(hub, device_id, partition):
    options = {"partition_id": partition, "starting_position": "@latest"}
    with Reading(client_of(hub), owner_level=1, **options) as low:
        until_read_by(hub, 1)
        with Reading(client_of(hub), owner_level=2, **options) as high:
            error = low.error()
            assert isinstance(error, EventHubError) and "stolen" in str(error).lower()
            hub.keep(device_id, *bodies(2))
            assert high.bodies(2) == texts(2)
            with Reading(client_of(hub), **options) as without:
                assert "owner level" in str(without.error())


def test_five_readers_and_no_more(hub, device_id, partition):
    options = {"partition_id": partition, "starting_position": "@latest"}
    with contextlib.ExitStack() as stack:
        five = [stack.enter_context(Reading(client_of(hub), **options)) for _ in range(5)]
        until_read_by(hub, 5)
        with Reading(client_of(hub, retry_total=0), **options) as sixth:
            assert "5 readers" in str(sixth.error())
        hub.keep(device_id, *bodies(1))
        assert [reading.bodies(1) for reading in five] == [texts(1)] * 5


def test_the_last_event_of_a_partition_is_told_with_each(hub, device_id, partition, end):
    hub.keep(device_id, *bodies(3))
    options = {"partition_id": partition, "track_last_enqueued_event_properties": True}
    with Reading(client_of(hub), starting_position=end - 1, **options) as reading:
        context, event = reading.events.get(timeout=PATIENCE_S)
    last = context.last_enqueued_event_properties
    assert event.body_as_str() == "event 0" and last["sequence_number"] == end + 2
    assert int(last["offset"]) > int(event.offset) and last["enqueued_time"] >= event.enqueued_time


def test_facts_of_the_hub_and_its_partitions(hub, device_id, partition):
    hub.keep(device_id, *bodies(1))
    with client_of(hub) as client:
        facts = client.get_eventhub_properties()
        assert facts["eventhub_name"] == "contoso" and facts["partition_ids"] == ["0", "1", "2", "3"]
        part = client.get_partition_properties(partition)
        assert (
            part["last_enqueued_sequence_number"]
            == hub.server.events.events.partitions[int(partition)].next - 1
        )
        assert part["is_empty"] is False and part["id"] == partition


# --- many


def test_100_000_events_are_read_back_in_order_for_each_device(hub):
    devices = [f"many-{number}" for number in range(20)]
    for device_id in devices:
        hub.add(device_id)
    hub.keep(devices[-1])  # what was told of their making is in front of their own events
    log = hub.server.events.events
    start = [part.next for part in log.partitions]
    for block in range(25):
        for device_id in devices:
            hub.keep(device_id, *(b"%d" % number for number in range(block * 200, block * 200 + 200)))
    positions = {str(number): max(at - 1, 0) if at else BEGINNING for number, at in enumerate(start)}
    with Reading(client_of(hub, prefetch=3000), starting_position=positions, max_batch_size=1000) as reading:
        events = [reading.next() for _ in range(100_000)]
    # A reader that takes more than half a minute may get two neighbours the wrong way round: from then on its thread
    # that keeps the connection alive reads there, too (azure-eventhub 5.15, AMQPClient._keep_alive).
    events.sort(key=lambda event: event.sequence_number)
    seen = {device_id: [] for device_id in devices}
    for event in events:
        device_id = event.system_properties[b"iothub-connection-device-id"].decode()
        seen[device_id].append(int(event.body_as_str()))
    assert all(numbers == list(range(5000)) for numbers in seen.values())


# --- asyncio


def test_asyncio_reads_as_well(hub, device_id, partition, end):
    hub.keep(device_id, *bodies(3))

    async def read():
        client = AioConsumerClient.from_connection_string(
            dialled(hub.info["eventHubConnectionString"]), "$Default", connection_verify=hub.info["caFile"]
        )
        seen, done = [], asyncio.Event()

        async def on_event(context, event):
            seen.append(event.body_as_str())
            if len(seen) == 3:
                done.set()

        async with client:
            receiving = asyncio.ensure_future(
                client.receive(on_event, partition_id=partition, starting_position=end - 1)
            )
            await asyncio.wait_for(done.wait(), PATIENCE_S)
            facts = await client.get_eventhub_properties()
        receiving.cancel()
        return seen, facts["partition_ids"]

    assert asyncio.run(read()) == (texts(3), ["0", "1", "2", "3"])


# --- what is refused


def refusal(hub, text=None, group="$Default", partition="0"):
    """What a reader is told."""
    with Reading(client_of(hub, text, group, retry_total=0), partition_id=partition) as reading:
        return reading.error()


def test_a_wrong_key(hub):
    text = hub.info["eventHubConnectionString"]
    key = text.partition("SharedAccessKey=")[2].partition(";")[0]
    error = refusal(hub, text.replace(key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="))
    assert isinstance(error, AuthenticationError) and "neither the primary nor the secondary key" in str(
        error
    )


def test_a_policy_that_may_not(hub):
    access = hub.server.hub.access
    text = access.event_hub_connection_string("contoso.example", "contoso", "registryRead")
    assert isinstance(refusal(hub, text), EventHubError)


def test_a_group_that_is_not_registered(hub):
    assert "no consumer group" in str(refusal(hub, group="nobody"))


def test_an_event_hub_of_another_name(hub):
    text = hub.info["eventHubConnectionString"].replace("EntityPath=contoso", "EntityPath=fabrikam")
    assert isinstance(refusal(hub, text), EventHubError)
