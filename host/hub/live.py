"""A local hub in a thread of this process, for tests, and waiting for what it tells."""

import asyncio
import json
import queue
import threading
import time
from operator import attrgetter
from pathlib import Path

from ..waiting import PATIENCE_S
from .core import ROUTES
from .core.messages.telemetry import Message
from .core.provisioning.tables import GROUP, INDIVIDUAL
from .server import Server
from .settings import Settings


class LiveHub:
    """A running server. ``events`` collects everything its core tells."""

    def __init__(self, state: Path, **settings):
        self.settings = Settings(
            state, **{"port": 0, "rest_port": 0, "amqp_port": 0, "routes": ROUTES, **settings}
        )
        self.events: queue.Queue = queue.Queue()
        self._ready = threading.Event()
        self._thread = None
        self._failure = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Come up; raises what the server raised, which holds nothing then."""
        self._ready.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._thread.start()
        if not self._ready.wait(PATIENCE_S):
            self.stop()
            raise AssertionError("the hub did not start")
        if self._failure:
            self._thread.join(PATIENCE_S)
            raise self._failure

    def stop(self):
        """Go down."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(PATIENCE_S)
            assert not self._thread.is_alive(), "the hub did not stop"

    async def _live(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._failure = None
        self.server = Server(self.settings, [self.events.put])
        try:
            await self.server.start()
        except Exception as failure:
            self._failure = failure
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self.server.stop()

    @property
    def info(self):
        """What ``hub.json`` holds."""
        return self.server.info

    def call(self, function, *arguments, **named):
        """Call a method of the core, in the hub's own thread: ``call("get_twin", "dev")``."""
        return self._in_its_thread(self.server.hub, function, *arguments, **named)

    def keep(self, device_id, *bodies):
        """Put events of a device into the log, as if it had sent them; returns when all that came is kept."""

        async def append():
            kept = asyncio.get_running_loop().create_future()
            device = self.server.hub.devices.find(device_id)
            for body in bodies:
                self.server.hub.events.telemetry(device, Message({}, {}, body), "{}")
            self.server.events.after(kept.set_result)
            assert await kept

        asyncio.run_coroutine_threadsafe(append(), self._loop).result(PATIENCE_S)

    def stored(self, partition, sequence):
        """Some rows of the log, from a sequence number on."""
        return self._in_its_thread(self.server.events.events, "read", partition, sequence)

    def misbehave(self, *rules):
        """Follow these rules (see the module ``faults``), none to behave; the Faults, which count."""
        rules = json.dumps({"seed": 1, "rules": rules}) if rules else None
        return self._in_its_thread(self.server, "misbehave", rules)

    def drop(self, device_id, reason="dropped by a test"):
        """End a device's connection, as a network that goes away does; nothing when there is none."""
        session = self.call("devices.find", device_id).session
        if session:
            self._in_its_thread(session, "close", reason)

    def provision(self, function, *arguments, **named):
        """Call a method of the provisioning service likewise."""
        return self._in_its_thread(self.server.provisioning, function, *arguments, **named)

    def enrol(self, name, group=False, certificate=None, authority=None, **members):
        """Enrol a device or a group of them; its primary key, None where a certificate is to be shown.

        ``certificate``: the device's own, as text; ``authority``: a registered one.
        """
        attestation = {"type": "symmetricKey"}
        if certificate or authority:
            x509 = {"clientCertificates": {"primary": {"certificate": certificate}}}
            attestation = {
                "type": "x509",
                "x509": {"caReferences": {"primary": authority}} if authority else x509,
            }
        kind = GROUP if group else INDIVIDUAL
        body = {kind.member: name, "attestation": attestation, **members}
        self.provision("enrolments.put", kind, name, body)
        return self.provision("enrolments.attestation", kind, name).get("symmetricKey", {}).get("primaryKey")

    def _in_its_thread(self, who, function, *arguments, **named):
        async def run():
            result = attrgetter(function)(who)(*arguments, **named)
            self.server.ticker.touch()
            return result

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE_S)

    def pass_time(self, seconds):
        """Until what the hub has put off by so much, or less, before this call has been done."""

        async def ring():
            # Timers of one event loop ring in the order of their moments.
            rung = asyncio.get_running_loop().create_future()
            self._loop.call_later(seconds, rung.set_result, None)
            await rung

        asyncio.run_coroutine_threadsafe(ring(), self._loop).result(seconds + PATIENCE_S)

    def add(self, device_id):
        """Register a device; its connection string."""
        self.call("create_device", device_id, {})
        return self.call("connection_string", device_id)

    def reported(self, device_id):
        """A device's reported properties, without the hub's own members."""
        section = self.call("get_twin", device_id)["properties"]["reported"]
        return {name: value for name, value in section.items() if not name.startswith("$")}

    def event(self, source, wanted=lambda event: True, limit=PATIENCE_S):
        """The next event of ``source`` that ``wanted`` accepts; fails when it does not come."""
        end, seen = time.monotonic() + limit, []
        while (left := end - time.monotonic()) > 0:
            try:
                event = self.events.get(timeout=left)
            except queue.Empty:
                break
            seen.append(event)
            if event["source"] == source and wanted(event):
                return event
        told = "\n".join(str(event)[:300] for event in seen)
        raise AssertionError(f"no such {source} event; there were:\n{told}")

    def until_reported(self, device_id, **members):
        """Wait until these members are reported with these values; answers all of them."""
        if not self._has(device_id, members):
            self.event("twinChangeEvents", lambda event: self._has(device_id, members))
        return self.reported(device_id)

    def _has(self, device_id, members):
        reported = self.reported(device_id)
        return all(name in reported and reported[name] == value for name, value in members.items())
