"""P11: events, from the device to a reader over AMQP, and what keeping them costs."""

import asyncio
import base64
import contextlib
import json
import os
import ssl
import threading
import time

from twinkle_host.hub.events.log import partition_of
from twinkle_host.hub.mqtt import publish

from .goals import Measurement
from .hub_load import Load, register
from .hub_process import ADDRESS, HubProcess
from .process_facts import resident_kb
from .samples import percentile, ratio, summarize

ABOUT = """azure-eventhub, under asyncio, reads all partitions of `twinkle hub`, in a process beside it,
while a load process makes 1, 10 and 1,000 TLS connections and publishes at QoS 1, each device its next
message when the last was acknowledged: events a second are those that reached the reader's code meanwhile.
The latency is from the moment a device begins to publish to the call of the reader's code, one message
under way and the reader, without asyncio, on its partition alone: on all of them such a one waits for each
quiet one in turn, and on one it looks for more during 0.2 s before it calls (0.05 s under asyncio). What
the log costs is the hub's processor time for a message with it, against a hub of the same code that keeps
none, floods taking turns and nobody reading. Memory is the growth of the hub's resident set for each
further reader of a partition, on a connection of its own."""

COUNTS = (1, 10, 1000)
DEVICES = 100  # that flood for the log's cost
READERS = 20  # for the memory: five of each partition
SETTLE_S = 2.0
PATIENCE_S = 60
LATENCY = "latency"  # the device that it is taken of
LOG, NO_LOG = "hub", "hub without its log"


def measure(bench) -> list[Measurement]:
    """Floods of 3 s, 10 s in the full form."""
    rounds, flood_s, samples = (3, 3, 100) if bench.quick else (5, 10, 1000)
    key = base64.b64encode(os.urandom(32)).decode()
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p11", port=0))
        bare = stack.enter_context(
            HubProcess(bench.folder / "hub-p11-bare", port=0, module="benchmark.hub_without_log")
        )
        for each in (hub, bare):
            register(each, key)
        costs = _costs(stack, {LOG: hub, NO_LOG: bare}, key, rounds, flood_s, bench.say)
        bench.say("a reader's memory")
        memory = _memory(hub)
        bench.say("latency")
        with Reader(hub, str(partition_of(LATENCY))) as reader:
            latencies = _latencies(hub, reader, samples)
        rates = {}
        with AsyncioReader(hub) as reader:
            load = stack.enter_context(Load(hub, hub.ca_file, key, bench.say))
            for count in COUNTS:
                load.connect(count)
                before = reader.count
                begun = time.monotonic()
                load.flood(f"{count} devices and a reader", flood_s, 1)
                rates[count] = (reader.count - before) / (time.monotonic() - begun)
    with_log, without = (summarize(costs[name], "µs") for name in (LOG, NO_LOG))
    median = summarize(latencies, "ms")
    return [
        *(
            Measurement(
                "P11",
                f"events a second from {count:,} {'devices' if count > 1 else 'device'} to a reader",
                summarize([rate], "events/s"),
            )
            for count, rate in rates.items()
        ),
        Measurement("P11", "publish to a reader's code", median, {}, median.median),
        Measurement("P11", "publish to a reader's code, p99", summarize([percentile(latencies, 0.99)], "ms")),
        Measurement(
            *("P11", "cost of a message on the hub that keeps it", with_log, {NO_LOG: without}),
            ratio(with_log.median, without.median),
        ),
        Measurement("P11", "memory of the hub for each reader", summarize([memory], "KB")),
    ]


def _costs(stack, hubs, key, rounds, seconds, say) -> dict[str, list[float]]:
    costs: dict[str, list[float]] = {name: [] for name in hubs}
    with contextlib.ExitStack() as loads_end:
        loads = {
            name: loads_end.enter_context(Load(hub, hub.ca_file, key, say)) for name, hub in hubs.items()
        }
        for load in loads.values():
            load.connect(DEVICES)
        for _ in range(rounds):
            for name, load in loads.items():
                costs[name].append(load.flood(name, seconds, 1)[1])
    return costs


def client_of(hub: HubProcess, kind):
    """An EventHubConsumerClient of this kind."""
    return kind.from_connection_string(
        hub.info["eventHubConnectionString"],
        "$Default",
        connection_verify=hub.ca_file,
        custom_endpoint_address=f"sb://{ADDRESS}:{hub.info['amqpPort']}",
    )


class AsyncioReader:
    """Reads all partitions, as much as it can get. ``count``: events so far."""

    def __init__(self, hub: HubProcess):
        self.count = 0
        self._hub = hub
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), daemon=True)

    def __enter__(self) -> "AsyncioReader":
        self._thread.start()
        time.sleep(SETTLE_S)
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join(PATIENCE_S)

    async def _read(self) -> None:
        from azure.eventhub.aio import EventHubConsumerClient

        async def take(_, events) -> None:
            self.count += len(events)

        async with client_of(self._hub, EventHubConsumerClient) as client:
            reading = asyncio.ensure_future(
                client.receive_batch(take, starting_position="@latest", max_batch_size=1000)
            )
            await asyncio.to_thread(self._end.wait)
            reading.cancel()


class Reader:
    """Reads one partition. ``moments``: when a body with an ``n`` was seen."""

    def __init__(self, hub: HubProcess, partition: str):
        from azure.eventhub import EventHubConsumerClient

        self.moments: dict[int, float] = {}
        self._client = client_of(hub, EventHubConsumerClient)
        self._thread = threading.Thread(
            target=self._client.receive_batch,
            kwargs={
                "on_event_batch": self._take,
                "partition_id": partition,
                "starting_position": "@latest",
                "max_batch_size": 1000,
            },
            daemon=True,
        )

    def __enter__(self) -> "Reader":
        self._thread.start()
        time.sleep(SETTLE_S)
        return self

    def __exit__(self, *_) -> None:
        self._client.close()
        self._thread.join(PATIENCE_S)

    def _take(self, _, events) -> None:
        now = time.perf_counter()
        for event in events:
            body = event.body_as_str()
            if body.startswith('{"n":'):
                self.moments[json.loads(body)["n"]] = now


def _latencies(hub: HubProcess, reader: Reader, samples: int) -> list[float]:
    from .load import Device
    from .sas import Credentials

    context = ssl.create_default_context(cafile=hub.ca_file)
    device = Device(Credentials(hub.service().add(LATENCY)), ADDRESS, hub.port, context)
    times = []
    for number in range(samples):
        begun = time.perf_counter()
        device.write(
            publish(f"devices/{LATENCY}/messages/events/", b'{"n":%d}' % number, 1, number % 65535 + 1)
        )
        end = begun + PATIENCE_S
        while number not in reader.moments:
            device.receive()
            if time.perf_counter() > end:
                raise RuntimeError("an event did not reach its reader")
            time.sleep(0.0005)
        times.append(1000 * (reader.moments[number] - begun))
    return times


def _memory(hub: HubProcess) -> float:
    with contextlib.ExitStack() as stack:
        for number in range(4):
            stack.enter_context(Reader(hub, str(number)))
        before = resident_kb(hub.pid)
        for number in range(READERS - 4):
            stack.enter_context(Reader(hub, str(number % 4)))
        return (resident_kb(hub.pid) - before) / (READERS - 4)
