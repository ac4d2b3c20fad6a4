"""Events of a hub, local or Azure's, by Azure's own reader; what only the local hub tells, from its side door.

azure-eventhub runs in a thread of its own; what it gets waits in a bounded queue, so that a reader which is
slow slows the line down and loses nothing.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ..failure import FAILED, NOT_FOUND, REFUSED, USAGE, Failure
from .hub import EVENTS_VARIABLE, Hub
from .sidedoor import diagnostics

Event = dict[str, Any]

WAITING = 1000  # events that wait to be shown
LOOK_S = 0.25  # between two looks at whether it is over
DIAGNOSTICS = "hubDiagnostics"


def events(
    hub: Hub,
    group: str = "$Default",
    since: datetime | None = None,
    beginning: bool = False,
    seconds: float | None = None,
    ours: bool = True,
    theirs: bool = True,
    ticks: bool = False,
) -> Iterator[Event | None]:
    """Events from ``since`` on, or from the ``beginning``, or from now, until ``seconds`` have passed.

    ``ours``: the local hub's diagnostics; ``theirs``: everything else. With ``ticks`` a None comes when
    nothing else has for a moment. Failure when the hub cannot be read or stops.
    """
    line: queue.Queue[Event | Failure] = queue.Queue(WAITING)
    stop = threading.Event()
    start: Any = "-1" if beginning else since or (datetime.now(UTC) if hub.is_local else "@latest")
    threads = []
    if theirs:
        threads.append(threading.Thread(target=_read, args=(hub, group, start, line, stop), daemon=True))
    if ours and hub.is_local:
        threads.append(threading.Thread(target=_listen, args=(hub, line, stop), daemon=True))
    end = None if seconds is None else time.monotonic() + seconds
    for thread in threads:
        thread.start()
    try:
        while end is None or time.monotonic() < end:
            try:
                item = line.get(timeout=LOOK_S)
            except queue.Empty:
                if ticks:
                    yield None
                continue
            if isinstance(item, Failure):
                raise item
            yield item
    finally:
        stop.set()


# --- Azure's reader


def _read(hub: Hub, group: str, start: Any, line: queue.Queue, stop: threading.Event) -> None:
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what it retries is told as an error in the end
    try:
        asyncio.run(_receive(hub, group, start, line, stop))
    except Failure as failure:
        _put(line, failure, stop)
    except Exception as error:
        _put(line, _failure(hub, error), stop)


async def _receive(hub: Hub, group: str, start: Any, line: queue.Queue, stop: threading.Event) -> None:
    from azure.eventhub.aio import EventHubConsumerClient

    text = hub.events_string
    if text is None:
        raise Failure(
            f"the events of {hub.address} are read from its built-in endpoint: give its connection string with "
            f"--events, or in {EVENTS_VARIABLE} (in the portal: Event Hub-compatible endpoint)",
            USAGE,
        )
    failed: asyncio.Future = asyncio.get_running_loop().create_future()

    async def take(_, events) -> None:
        for event in events:
            await asyncio.to_thread(_put, line, shown(event), stop) if line.full() else line.put(shown(event))

    async def fail(_, error) -> None:
        if not failed.done():
            failed.set_result(error)

    options: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.3}
    if hub.ca_file:
        options["connection_verify"] = hub.ca_file
    endpoint = text.partition("Endpoint=")[2].partition(";")[0]
    if endpoint.rstrip("/").rpartition(":")[2].isdigit():
        options["custom_endpoint_address"] = endpoint  # a port in the Endpoint itself counts without TLS only
    try:
        client = EventHubConsumerClient.from_connection_string(text, group, **options)
    except ValueError as error:
        raise Failure(
            f"what --events or {EVENTS_VARIABLE} names is no connection string of a built-in endpoint, "
            f"Endpoint=sb://…;SharedAccessKeyName=…;SharedAccessKey=…;EntityPath=… ({error})",
            USAGE,
        ) from None
    async with client:
        receiving = asyncio.ensure_future(client.receive_batch(take, on_error=fail, starting_position=start))
        try:
            while not stop.is_set() and not failed.done() and not receiving.done():
                await asyncio.wait([failed, receiving], timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            receiving.cancel()
    if failed.done():
        raise _failure(hub, failed.result())
    if receiving.done() and not receiving.cancelled() and receiving.exception():
        raise receiving.exception()


def _put(line: queue.Queue, item: Any, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            line.put(item, timeout=LOOK_S)
        except queue.Full:
            continue
        return


def _failure(hub: Hub, error: Exception) -> Failure:
    from azure.eventhub import exceptions as azure

    text = " ".join(str(error).split()).partition(" Error condition:")[0]
    if isinstance(error, azure.AuthenticationError):
        return Failure(f"{hub.address} does not let this in: {text}", REFUSED)
    if "CERTIFICATE" in text.upper():
        return hub.stranger()
    if "stolen" in text:
        return Failure(f"another reader has taken over: {text}", REFUSED)
    if "not-found" in text or "consumer group" in text:
        return Failure(text, NOT_FOUND)
    if isinstance(
        error, (azure.ConnectError, azure.ConnectionLostError, azure.OperationTimeoutError, OSError)
    ):
        return hub.unheard()
    return Failure(f"the events of {hub.address} cannot be read: {text}", FAILED)


def shown(event: Any) -> Event:
    """An event of azure-eventhub as a dict that can be JSON."""
    # The hub's core reads bodies for its listeners alone: what stands in its log are a device's own bytes, so no
    # fault of the two can hide behind the other. Late, since few verbs need it.
    from ..hub.core.messages.telemetry import readable_body

    system = {_text(name): _text(value) for name, value in event.system_properties.items()}
    kind, body = readable_body(b"".join(event.body))
    return {
        "source": system.get("iothub-message-source", "Telemetry"),
        "deviceId": system.get("iothub-connection-device-id"),
        "enqueuedTime": event.enqueued_time.isoformat() if event.enqueued_time else None,
        "sequenceNumber": event.sequence_number,
        "offset": event.offset,
        "systemProperties": system,
        "applicationProperties": {
            _text(name): _text(value) for name, value in (event.properties or {}).items()
        },
        "bodyType": kind,
        "body": body,
    }


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


# --- the local hub's diagnostics


def _listen(hub: Hub, line: queue.Queue, stop: threading.Event) -> None:
    try:
        for event in diagnostics(hub):
            if stop.is_set():
                return
            if event:
                _put(line, event, stop)
    except Failure as failure:
        _put(line, failure, stop)
