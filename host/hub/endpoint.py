"""The device-facing MQTT endpoint: sockets, TLS and time limits around the core.

One task a connection. Everything it decides by itself is about bytes and time:
whether a CONNECT comes soon enough, whether the keep-alive is kept, whether the
peer reads what it is sent. All else is the core's.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from OpenSSL import SSL

from . import codec
from .core import Certificate, ConnectRefused, Hello, Hub, Provisioning, Session, Will, is_registration
from .faults import Faults
from .patience import Patience
from .secure import SecureStream, TlsFailed
from .ticker import Ticker

log = logging.getLogger("twinkle.hub")

CONNECT_S = 10.0  # for the TLS handshake, and again for the CONNECT
MAX_WAITING = 1000  # connections that have not yet said who they are
MAX_KEEP_ALIVE_S = 1767.0  # IoT Hub's own ceiling, also for a client that asked for none
MAX_UNREAD = 1 << 20  # bytes a device may leave unread before it is dropped
READ_BYTES = 65536


class Kept(Protocol):
    """Where the core's events are kept."""

    def after(self, act: Callable[[bool], None]) -> None:
        """Call ``act`` once what has come is kept: True, or False when it could not be."""


class Endpoint:
    """Listens for devices. ``kept``: a message at QoS 1 is acknowledged once it is kept there."""

    def __init__(
        self, hub: Hub, provisioning: Provisioning, ticker: Ticker, context: SSL.Context, kept: Kept
    ):
        self._hub = hub
        self.kept = kept
        self._provisioning = provisioning
        self._ticker = ticker
        self._context = context
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task] = set()
        # How to be rid of each connection that has not yet said who it is, the oldest first.
        self._waiting: dict[asyncio.Task, Callable[[], None]] = {}
        self.refused_early = 0  # of these, those that had to make room
        self.faults: Faults | None = None  # what it does wrong on purpose

    def certificate(self, stream: SecureStream, username: str | None) -> Certificate | None:
        """The client certificate of a connection, judged by the authorities of the service it is for."""
        if is_registration(username):
            return stream.certificate(self._provisioning.enrolments.signers())
        return stream.certificate(self._hub.authorities.certificates)

    def admit(self, hello: Hello, link: "Connection"):
        """Hand a CONNECT to the hub, or to the provisioning service that shares its port."""
        service = self._provisioning if is_registration(hello.username) else self._hub
        return service.connect(hello, link)

    @property
    def waiting(self) -> int:
        """How many connections have not yet said who they are."""
        return len(self._waiting)

    @contextlib.contextmanager
    def greeting(self, abort: Callable[[], None]) -> Iterator[None]:
        """The time until a connection has said who it is; ``abort()`` ends it."""
        if len(self._waiting) >= MAX_WAITING:
            # The one that has waited longest makes room: an honest device is done in a moment.
            self._waiting.pop(next(iter(self._waiting)))()
            self.refused_early += 1
        task = asyncio.current_task()
        self._waiting[task] = abort
        try:
            yield
        finally:
            self._waiting.pop(task, None)

    async def start(self, bind: str, port: int) -> int:
        """Listen; answers the port (``port`` 0 takes any free one). OSError when it cannot."""
        self._server = await asyncio.start_server(self._accept, bind, port, backlog=1024)
        return self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        try:
            stream = SecureStream(self._context, reader, writer)
            who = "{}:{}".format(*writer.get_extra_info("peername")[:2])
            await Connection(self, self._ticker, stream, who).run()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.discard(task)


class Connection:
    """One device's connection; the core's Link."""

    def __init__(self, endpoint: Endpoint, ticker: Ticker, stream: SecureStream, who: str):
        self._endpoint = endpoint
        self._ticker = ticker
        self._stream = stream
        self._who = who
        self._decoder = codec.Decoder()
        self._session: Session | None = None
        self._packet_id = 0
        self._device = ""  # its id, once it is known
        self._until_killed: int | None = None  # bytes
        self._held: bytearray | None = None  # what is not sent while it is stalled
        self._behind: list[bytes] = []  # what lets the next message pass first
        self._over = False
        self._patience: Patience | None = None

    # --- the core's Link

    def send(self, topic: str, payload: bytes, qos: int) -> int | None:
        """Deliver a PUBLISH; a peer that does not read is dropped."""
        packet_id = 0
        if qos:
            self._packet_id = packet_id = self._packet_id % 65535 + 1
        faults = self._endpoint.faults
        if faults is None:
            self._write(codec.publish(topic, payload, qos, packet_id))
            return packet_id or None
        later = asyncio.get_running_loop().call_later
        for delay, *message in faults.deliver(self._device, topic, payload):
            data = codec.publish(*message, qos, packet_id)
            if delay:
                later(delay, self._write, data)
            elif not self._behind and (seconds := faults.value("reorder", self._device)) is not None:
                self._behind.append(data)
                later(seconds, self._catch_up)
            else:
                self._write(data)
                self._catch_up()
        return packet_id or None

    def _catch_up(self) -> None:
        behind, self._behind = self._behind, []
        for data in behind:
            self._write(data)

    def close(self, reason: str) -> None:
        """Drop the connection once what was said has been sent."""
        log.info("%s closed: %s", self._who, reason)
        self._session = None
        self._over = True
        self._stream.close()

    # --- the connection's life

    async def run(self) -> None:
        """From the first byte to the last."""
        clean, reason = False, "the connection broke"
        try:
            limit, packets = await self._greet()
            clean = await self._serve(limit, packets)
        except codec.ProtocolError as error:
            reason = f"the device broke the protocol: {error}"
            log.warning("%s: %s", self._who, reason)
        except TimeoutError:
            reason = "the device was silent for longer than its keep-alive allows"
            log.info("%s: %s", self._who, reason)
        except TlsFailed as error:
            reason = f"TLS failed: {error}"
            log.info("%s: %s", self._who, reason)
        except ConnectionError as error:
            log.debug("%s is gone: %s", self._who, error)
        finally:
            session, self._session = self._session, None
            if self._patience is not None:
                self._patience.stop()
            if session is not None:
                session.end(clean, None if clean else reason)
                self._ticker.touch()
            self._over = True
            self._stream.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(self._stream.wait_closed(), CONNECT_S)

    async def _greet(self) -> tuple[float, Iterator[codec.Packet]]:
        # The longest silence that it is allowed, and what it has said already.
        with self._endpoint.greeting(self._stream.abort):
            async with asyncio.timeout(CONNECT_S):
                await self._stream.handshake()
            async with asyncio.timeout(CONNECT_S):
                connect = None
                while connect is None:
                    data = await self._stream.read(READ_BYTES)
                    if not data:
                        return 0.0, iter(())
                    packets = self._decoder.feed(data)
                    connect = next(packets, None)
        self._answer_connect(connect)
        return min(connect.keep_alive * 1.5 or MAX_KEEP_ALIVE_S, MAX_KEEP_ALIVE_S), packets

    def _answer_connect(self, connect: codec.Connect) -> None:
        if connect.level != 4:
            self._stream.write(codec.connack(1))
            return
        hello = Hello(
            connect.client_id,
            connect.username,
            connect.password,
            connect.clean_session,
            connect.keep_alive,
            Will(*connect.will) if connect.will else None,
            self._endpoint.certificate(self._stream, connect.username),
        )
        faults, self._device = self._endpoint.faults, connect.client_id
        if faults is not None and (code := faults.value("refuse", self._device)) is not None:
            self._stream.write(codec.connack(code))
            return
        try:
            self._session = self._endpoint.admit(hello, self)
        except ConnectRefused as refused:
            log.warning("%s refused: %s", self._who, refused.reason)
            self._stream.write(codec.connack(refused.code))
            return
        self._who = f"device {self._session.device_id}"
        self._stream.write(codec.connack(0, self._session.present))
        if faults is not None:
            self._begin_faults(faults)

    def _begin_faults(self, faults: Faults) -> None:
        self._until_killed = faults.value("kill", self._device)
        if (seconds := faults.value("stall", self._device)) is not None:
            self._held = bytearray()
            asyncio.get_running_loop().call_later(seconds, self._release)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            self._write(bytes(held))

    async def _serve(self, limit: float, packets: Iterator[codec.Packet]) -> bool:
        # Answers whether the device left by DISCONNECT.
        self._patience = Patience(limit, self._stream.abort)
        while self._session is not None:
            for packet in packets:
                if isinstance(packet, codec.Disconnect):
                    return True
                self._handle(packet)
            self._ticker.touch()
            if self._session is None:
                break
            data = await self._stream.read(READ_BYTES)
            await self._stream.drain()
            if self._patience.over:
                raise TimeoutError
            if not data:
                return False
            self._patience.renew()
            packets = self._decoder.feed(data)
        return False

    def _handle(self, packet: codec.Packet) -> None:
        session = self._session
        if session is None:
            return
        match packet:
            case codec.Publish():
                session.publish(packet.topic, packet.payload, packet.qos, packet.retain)
                # The core has it; if it did not like it, the session is over and nothing is said.
                faults = self._endpoint.faults
                swallowed = packet.qos == 1 and faults is not None and faults.value("swallow", self._device)
                if packet.qos == 1 and self._session is not None and not swallowed:
                    self._endpoint.kept.after(partial(self._acknowledge, packet.packet_id))
            case codec.Subscribe():
                self._write(codec.suback(packet.packet_id, session.subscribe(list(packet.filters))))
            case codec.Unsubscribe():
                session.unsubscribe(list(packet.filters))
                self._write(codec.unsuback(packet.packet_id))
            case codec.Puback():
                session.acknowledged(packet.packet_id)
            case codec.Pingreq():
                self._write(codec.pingresp())

    def _acknowledge(self, packet_id: int, kept: bool) -> None:
        if kept:
            self._write(codec.puback(packet_id))
        elif not self._over:
            # Without an acknowledgement the device has the message still, and sends it on its next connection.
            log.warning("%s dropped: what it sent could not be kept", self._who)
            self._stream.abort()

    def _write(self, data: bytes) -> None:
        if self._over:
            return  # what a fault made late
        if self._held is not None and len(self._held) <= MAX_UNREAD:
            self._held += data
            return
        if self._until_killed is not None:
            self._until_killed -= len(data)
            if self._until_killed < 0:
                self._stream.write(data[: self._until_killed])
                self._stream.abort()
                return
        if self._held is not None or self._stream.unsent > MAX_UNREAD:
            log.warning("%s does not read what it is sent; dropped", self._who)
            self._stream.abort()
            return
        self._stream.write(data)
