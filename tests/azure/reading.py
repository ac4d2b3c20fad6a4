"""A reader of the local hub's events, by azure-eventhub, unmodified: what came is waited for, never slept for."""

import contextlib
import queue
import threading

from azure.eventhub import EventHubConsumerClient
from support import own_address

from twinkle_host.waiting import PATIENCE_S

HOST = "contoso.example"


def dialled(text):
    """A connection string of the local hub with the address at which this process has it."""
    return text.replace(HOST, own_address())


def client_of(hub, text=None, group="$Default", **options):
    """An EventHubConsumerClient."""
    return EventHubConsumerClient.from_connection_string(
        dialled(text or hub.info["eventHubConnectionString"]),
        group,
        connection_verify=hub.info["caFile"],
        **options,
    )


class Reading:
    """``receive_batch`` in a thread, since ``receive`` waits 0.2 s for each quiet partition before each event.

    ``events`` has (partition, event), ``errors`` what on_error was told.
    """

    def __init__(self, client, **options):
        self.client = client
        self.events, self.errors = queue.Queue(), queue.Queue()
        self._options = options
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.client.close()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    def _receive(self):
        with contextlib.suppress(OSError):
            self.client.receive_batch(on_event_batch=self._take, on_error=self._fail, **self._options)

    def _take(self, context, events):
        for event in events:
            self.events.put((context, event))

    def _fail(self, context, error):
        self.errors.put((context, error))

    def next(self):
        """The next event."""
        return self.events.get(timeout=PATIENCE_S)[1]

    def bodies(self, count):
        """The bodies of so many events."""
        return [self.next().body_as_str() for _ in range(count)]

    def error(self):
        """The next error."""
        return self.errors.get(timeout=PATIENCE_S)[1]


def system_of(event):
    """System properties with text for bytes."""
    return {_text(name): _text(value) for name, value in event.system_properties.items()}


def application_of(event):
    """Application properties likewise."""
    return {_text(name): _text(value) for name, value in (event.properties or {}).items()}


def _text(value):
    return value.decode() if isinstance(value, bytes) else value
