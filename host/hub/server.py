"""The local hub as a running service: core, what lasts, certificates and every port."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aiohttp import web
from OpenSSL import SSL

from ..private_file import write_private
from .blobs import BlobStore
from .certificates import UNUSABLE, Certificates
from .core import Event, Hub, Provisioning, Uploads
from .core.messages.events import ANSWER_DROPPED, REQUEST_REFUSED, STORE_FAILED
from .doors.amqp import AmqpEndpoint
from .doors.mqtt import Endpoint
from .doors.tls_port import TlsPort
from .events.gathering import Gathering
from .events.log import EventLog
from .faults.line import BadLine
from .faults.rules import FaultError, Faults, load
from .names import LOOPBACK, dialled, reached
from .nodes import EventHub
from .page.models import ModelError, load_models
from .page.site import Site
from .rest.blobs import BlobRest
from .rest.configurations import RestConfigurations
from .rest.devices import DeviceRest
from .rest.jobs import RestJobs
from .rest.modules import RestModules
from .rest.notices import RestNotices
from .rest.provisioning import ProvisioningRest
from .rest.registration import RegistrationRest
from .rest.service import Rest, http_log
from .rest.side_door import SideDoor
from .rest.websocket import add_websockets
from .settings import AMQPS_PORT, Settings
from .start_errors import BusyPort, ServerError
from .store import SqliteStore
from .ticker import Ticker
from .x509 import read_certificate

log = logging.getLogger("twinkle.hub")

CA = "ca"  # the folder of certificates
UPLOADS = "uploads"  # the folder of files that devices uploaded
AT_START = "at-start.sqlite"  # the records as they were then, for a reset


class RealClock:
    """The computer's clocks."""

    monotonic = staticmethod(time.monotonic)
    utc = staticmethod(time.time)


def _log(event: dict[str, Any]) -> None:
    """What no endpoint logs: they tell of connections."""
    if event["body"]["what"] in (REQUEST_REFUSED, ANSWER_DROPPED, STORE_FAILED):
        log.warning("device %s: %s", event["deviceId"], event["body"]["reason"])


class Server:
    """One local hub. ``listeners`` hear every event of its core, which is another one after a reset.

    ``failed(error)`` is told of a reset after which it could not come up again: it is to be stopped then.
    """

    def __init__(
        self,
        settings: Settings,
        listeners: Sequence[Callable[[Event], None]] = (),
        failed: Callable[[Exception], None] = lambda error: None,
    ):
        self.settings = settings
        self._listeners = listeners
        self._failed = failed
        self.info: dict[str, Any] = {}
        # What is to be closed: all of it, and all but the page.
        self._opened = self._parts = contextlib.AsyncExitStack()
        self._claims = contextlib.ExitStack()
        self._claimed: dict[str, int] = {}  # its ports, by their flags
        self.page: Site | None = None
        self._resetting = asyncio.Lock()

    async def start(self) -> None:
        """Come up. ServerError (BusyPort among them), StoreError or FaultError says why it cannot.

        OSError and sqlite3.Error are the disk's. What was opened before any of them is closed again.
        """
        async with contextlib.AsyncExitStack() as opened:
            opened.callback(self._claims.close)
            await self._open()
            opened.push_async_callback(self._close)
            await self._open_page(opened)
            self._publish()
            self._opened = opened.pop_all()

    async def _open(self) -> None:
        """Everything but the page, which stays when the rest is reset."""
        settings = self.settings
        faults = load(settings.faults, time.monotonic) if settings.faults is not None else None
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with contextlib.AsyncExitStack() as opened:
            self._open_state(opened)
            context = self._certified()
            event_hub = self._build(context, opened)
            await self._open_ports(context, faults, event_hub, opened)
            self.ticker.touch()
            self._parts = opened.pop_all()

    def _certified(self) -> SSL.Context:
        folder, names = self.settings.state / CA, self.settings.host_names
        if dialled(self.settings.bind) != "localhost":
            names = (*names, self.settings.bind)
        certificates = Certificates(folder, names)
        self._ca_file = certificates.ca_file
        try:
            certificates.prepare()
            return certificates.context()
        except UNUSABLE as error:
            raise ServerError(
                f"the certificates in {folder} cannot be used ({error}); move that folder away, and the hub makes "
                "new ones: give their ca.pem to devices and services then"
            ) from None

    def _build(self, context: SSL.Context, opened: contextlib.AsyncExitStack) -> EventHub:
        """The core and what speaks for it."""
        settings, clock = self.settings, RealClock()
        name, *aliases = *settings.host_names, dialled(settings.bind)
        self.hub = Hub(
            name, clock, self._store, os.urandom, aliases, settings.throttle, self.events, settings.routes
        )
        self.hub.events.watch(_log)
        for listener in self._listeners:
            self.hub.listen(listener)
        self.ticker = Ticker(self.hub)
        opened.callback(self.ticker.stop)
        self.provisioning = Provisioning(self.hub, clock, self._store, os.urandom, read_certificate)
        self._endpoint = Endpoint(self.hub, self.provisioning, self.ticker, context, self.events)
        event_hub = EventHub(self.hub, self.events.events, settings.groups, self.ticker.touch)
        self._amqp = AmqpEndpoint(event_hub, self.events, f"twinkle hub {name}", context)
        self._rest = Rest(self.hub, self.ticker)
        self.blobs = BlobStore(settings.state / UPLOADS, settings.upload_bytes)
        uploads = Uploads(self.hub, self._store, clock, os.urandom, self.blobs.find)
        DeviceRest(self.hub, uploads, self._rest, self.ticker, self.events, self._host_of)
        BlobRest(uploads, self.blobs, self._rest)
        ProvisioningRest(self.provisioning, self._rest, self.ticker)
        for routes in (RestModules, RestJobs, RestConfigurations, RestNotices):
            routes(self.hub, self._rest, self.ticker)
        RegistrationRest(self.provisioning, self._rest, self.ticker)
        self._side_door = SideDoor(self.hub, self._rest)
        add_websockets(self._rest, self._amqp, self._endpoint)
        return event_hub

    async def _open_ports(
        self,
        context: SSL.Context,
        faults: Faults | None,
        event_hub: EventHub,
        opened: contextlib.AsyncExitStack,
    ) -> None:
        settings = self.settings
        application = self._rest.application
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, logger=http_log)
        opened.push_async_callback(runner.cleanup)
        await runner.setup()
        self._https = TlsPort(context, runner.server)
        opened.callback(self._https.stop)
        opened.push_async_callback(self._amqp.stop)
        opened.push_async_callback(self._endpoint.stop)
        opened.callback(self._side_door.close)
        bind = settings.bind
        mqtt_port = await self._listen(partial(self._open_mqtt, faults, opened), bind, "--port")
        rest_port = await self._listen(self._https.start, bind, "--rest-port")
        event_hub.port = await self._listen(self._amqp.start, bind, "--amqp-port")
        self._plain_port = None
        if settings.plain_amqp_port is not None:
            self._plain_port = await self._listen(self._amqp.start_plain, LOOPBACK, "--plain-amqp-port")
        self._describe(mqtt_port, rest_port, event_hub)

    def _host_of(self, request: web.Request) -> str:
        settings, info = self.settings, self.info
        asked = request.url.host or ""
        return reached(settings.bind, info["address"], settings.host_names[1:], asked, info["restPort"])

    async def _open_page(self, opened: contextlib.AsyncExitStack) -> None:
        settings = self.settings
        if settings.page_port is None:
            return
        self._store.copy_to(settings.state / AT_START)
        try:
            models = load_models(settings.models)
        except ModelError as error:
            raise ServerError(f"{error}; check --model") from None
        self.page = Site(models, settings.state)
        opened.push_async_callback(self.page.stop)
        self.page.show(self)
        try:
            await self.page.start(settings.page_port)
        except OSError as error:
            if not settings.page_anywhere or error.errno != 98:
                raise ServerError(
                    f"the page cannot listen on {LOOPBACK}:{settings.page_port} ({error.strerror}); "
                    "choose another port with --page-port"
                ) from None
            await self.page.start(0)

    @property
    def faults(self) -> Faults | None:
        """The rules by which it misbehaves now."""
        return self._endpoint.faults

    def turned_away(self) -> dict[str, int]:
        """What it had no room for since its start or its reset: every counter of what was refused or dropped."""
        return {
            "eventsLost": self.events.lost,
            "connectionsRefused": self._endpoint.lobby.refused
            + self._https.lobby.refused
            + self._amqp.refused,
            "filesRefused": self.blobs.refused,
            "noticesDropped": self.hub.feedback.dropped + self.hub.files.dropped,
            "throttled": sum(self.hub.throttles.refused.values()),
        }

    async def reset(self) -> None:
        """Be as when it was started: every record as then, and the faults of the start; all events and files go.

        Devices and services are disconnected, and find it at the same ports. Only a hub with a page remembers how
        it began.
        """
        async with self._resetting:
            self.page.hide()
            try:
                await self._close()
                self._forget()
                await self._open()
                self.page.show(self)
                self._publish()
            except Exception as error:
                self._failed(error)
                raise

    def _forget(self) -> None:
        state = self.settings.state
        for file in (*state.glob("hub.sqlite-*"), *state.glob("events.sqlite*")):
            file.unlink()
        write_private(state / "hub.sqlite", (state / AT_START).read_bytes())
        shutil.rmtree(state / UPLOADS, ignore_errors=True)

    def misbehave(self, rules: str | None) -> Faults | None:
        """Follow these rules from now on (see the module ``faults``); none, and it behaves. FaultError for bad ones."""
        faults = load(rules, time.monotonic) if rules is not None else None
        if faults and faults.of_the_line:
            raise FaultError("the faults of the line must be there when the hub starts")
        self._endpoint.faults = self._rest.faults = faults
        return faults

    async def _open_mqtt(
        self, faults: Faults | None, opened: contextlib.AsyncExitStack, bind: str, port: int
    ) -> int:
        self._endpoint.faults = self._rest.faults = faults
        if faults is None or not faults.of_the_line:
            return await self._endpoint.start(bind, port)
        line = BadLine(faults)
        opened.callback(line.stop)
        return await line.start(bind, port, await self._endpoint.start(LOOPBACK, 0))

    async def stop(self) -> None:
        """Go down: devices and listeners are closed, the state is on disk. After a start that failed, nothing."""
        await self._opened.aclose()

    async def _close(self) -> None:
        await self._parts.aclose()

    async def _listen(self, start: Callable[[str, int], Awaitable[int]], bind: str, flag: str) -> int:
        port = getattr(self.settings, flag.removeprefix("--").replace("-", "_"))
        try:
            return await start(bind, self._claim(bind, port, flag))
        except OSError as error:
            if error.errno == 98:
                raise BusyPort(self.settings.bind, port, flag) from None
            raise ServerError(
                f"cannot listen on {self.settings.bind}:{port} ({os.strerror(error.errno or 0)}); "
                f"check --bind and {flag}"
            ) from None

    def _claim(self, bind: str, port: int, flag: str) -> int:
        # Bound and never listened on: while the hub is reset nothing listens there, and the port is given to nobody
        # else (ip(7)).
        if flag not in self._claimed:
            places = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)
            family, kind, _, _, place = min(places)  # IPv4 first, which every computer has
            claim = self._claims.enter_context(socket.socket(family, kind))
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                claim.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as asyncio's own
            claim.bind(place)
            self._claimed[flag] = claim.getsockname()[1]
        return self._claimed[flag]

    def _open_state(self, opened: contextlib.AsyncExitStack) -> None:
        """The files that are this hub's alone until it stops, or cannot start."""
        settings, state = self.settings, self.settings.state
        lock = opened.enter_context((state / "lock").open("wb"))
        try:
            # Two hubs on one state would overwrite each other.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ServerError(
                f"another hub is running with {state}; stop it or give another --state"
            ) from None
        self._store = SqliteStore(state / "hub.sqlite")
        opened.callback(self._store.close)
        self.events = Gathering(EventLog(state / "events.sqlite", settings.keep_s, settings.keep_bytes))
        opened.callback(self.events.close)

    def _describe(self, mqtt_port: int, rest_port: int, event_hub: EventHub) -> None:
        access, address = self.hub.access, dialled(self.settings.bind)
        endpoint = address if event_hub.port == AMQPS_PORT else f"{address}:{event_hub.port}"
        self.info = {
            "host": self.hub.host_name,
            "address": address,
            "bind": self.settings.bind,
            "mqttPort": mqtt_port,
            "restPort": rest_port,
            "amqpPort": event_hub.port,
            "routes": list(self.settings.routes),
            "idScope": self.provisioning.scope,
            "caFile": str(self._ca_file),
            "uploads": str(self.settings.state / UPLOADS),
            "provisioningConnectionString": self.provisioning.access.connection_string(
                f"{address}:{rest_port}"
            ),
            "serviceConnectionString": access.connection_string(f"{address}:{rest_port}"),
            "eventHubConnectionString": access.event_hub_connection_string(endpoint, event_hub.name),
        }
        if self._plain_port is not None:
            # The one word that makes Azure's readers do without TLS, and take the port from here.
            text = access.event_hub_connection_string(f"localhost:{self._plain_port}", event_hub.name)
            self.info["eventHubEmulatorConnectionString"] = f"{text};UseDevelopmentEmulator=true"

    def _publish(self) -> None:
        if self.page:
            self.info["pageUrl"], self.info["pageKey"] = self.page.address, self.page.access.key
        write_private(self.settings.state / "hub.json", json.dumps(self.info).encode())
