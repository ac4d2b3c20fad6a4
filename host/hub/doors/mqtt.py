"""The device-facing MQTT endpoint: sockets, TLS and time limits around the core.

Everything it decides by itself is about bytes and time: whether a CONNECT comes soon
enough, whether the keep-alive is kept, whether the peer reads what it is sent. All
else is the core's.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from OpenSSL import SSL

from .. import mqtt
from ..core import (
    Certificate,
    ConnectRefused,
    Hello,
    Hub,
    Provisioning,
    Session,
    Will,
    is_registration,
    open_registration,
)
from ..faults.rules import Faults
from ..ticker import Ticker
from .patience import Lobby, Patience
from .secure import CERTIFICATE, BadCertificate, known
from .tls_port import TlsPort

log = logging.getLogger("twinkle.hub")

CONNECT_S = 10.0  # for the CONNECT, and for what is sent last to be read
NOT_AUTHORIZED = 5  # CONNACK, MQTT 3.1.1 section 3.2.2.3
MAX_KEEP_ALIVE_S = 1767.0  # IoT Hub's own ceiling, also for a client that asked for none
MAX_UNREAD = 1 << 20  # bytes a device may leave unread before it is dropped


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
        self._tls = TlsPort(context, self.accept)
        self.connections: set[Connection] = set()
        self.faults: Faults | None = None  # what it does wrong on purpose

    @property
    def lobby(self) -> Lobby:
        """Those on its own port that have not yet said who they are."""
        return self._tls.lobby

    def certificate(self, transport: asyncio.BaseTransport, username: str | None) -> Certificate | None:
        """The client certificate of a connection, judged by the authorities of the service it is for."""
        shown = transport.get_extra_info(CERTIFICATE)
        if is_registration(username):
            return shown(self._provisioning.enrolments.signers())
        return shown(self._hub.authorities.certificates)

    def admit(self, hello: Hello, link: "Connection"):
        """Hand a CONNECT to the hub, or to the provisioning service that shares its port."""
        if is_registration(hello.username):
            return open_registration(self._provisioning, hello, link)
        return self._hub.connect(hello, link)

    def begin(self, connection: "Connection") -> None:
        """Count a connection."""
        self.connections.add(connection)

    async def start(self, bind: str, port: int) -> int:
        """Listen; answers the port (``port`` 0 takes any free one). OSError when it cannot."""
        return await self._tls.start(bind, port)

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._tls.stop()
        for connection in list(self.connections):
            connection.drop()
        await asyncio.sleep(0)

    def accept(self) -> "Connection":
        """What speaks MQTT with one more device, over a transport that is yet to be made."""
        return Connection(self, self._ticker)


class Connection(asyncio.Protocol):
    """One device's connection: the core's Link, and what is spoken over a transport.

    Until it has said who it is ``_timer`` limits that, afterwards ``_patience`` its silence, and in the end
    ``_timer`` again how long it may take to read the last word.
    """

    def __init__(self, endpoint: Endpoint, ticker: Ticker):
        self._endpoint = endpoint
        self._ticker = ticker
        self._loop = asyncio.get_running_loop()
        self._decoder = mqtt.Decoder()
        self._session: Session | None = None
        self._packet_id = 0
        self._device = ""  # its id, once it is known
        self._until_killed: int | None = None  # bytes
        self._held: bytearray | None = None  # what is not sent while it is stalled
        self._behind: list[bytes] = []  # what lets the next message pass first
        self._over = False
        # Whether it has proved who it is, which is later than the CONNECT where it is provisioned.
        self._known = False
        self._patience: Patience | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- the core's Link

    def send(self, topic: str, payload: bytes, qos: int) -> int | None:
        """Deliver a PUBLISH; a peer that does not read is dropped."""
        packet_id = 0
        if qos:
            self._packet_id = packet_id = self._packet_id % 65535 + 1
        faults = self._endpoint.faults
        if faults is None:
            self._write(mqtt.publish(topic, payload, qos, packet_id))
            return packet_id or None
        later = self._loop.call_later
        for delay, *message in faults.deliver(self._device, topic, payload):
            data = mqtt.publish(*message, qos, packet_id)
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
        self._finish()

    # --- the connection's life, as the transport tells it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._who = "{}:{}".format(*(transport.get_extra_info("peername") or ("?", 0))[:2])
        self._endpoint.begin(self)
        self._allow(CONNECT_S)

    def data_received(self, data: bytes) -> None:
        if self._patience is not None:
            self._patience.renew()
        try:
            for packet in self._decoder.feed(data):
                self._handle(packet)
                if self._over:
                    break
        except mqtt.ProtocolError as error:
            reason = f"the device broke the protocol: {error}"
            log.warning("%s: %s", self._who, reason)
            self._finish(reason)
        self._ticker.touch()

    def pause_writing(self) -> None:
        # Who does not read what it is sent is not listened to meanwhile.
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def eof_received(self) -> None:
        self._finish()

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(None if error is None else str(error))
        self._timer.cancel()
        self._endpoint.connections.discard(self)

    def drop(self) -> None:
        """End it, without a word."""
        self._finish()
        self._transport.abort()

    def _allow(self, seconds: float) -> None:
        # To go on to its next state; then it is dropped.
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._transport.abort)

    def _silent(self) -> None:
        reason = "the device was silent for longer than its keep-alive allows"
        log.info("%s: %s", self._who, reason)
        self._finish(reason)

    def _finish(self, reason: str | None = None, clean: bool = False) -> None:
        # ``clean``: it left by DISCONNECT.
        if self._over:
            return
        self._over = True
        if self._patience is not None:
            self._patience.stop()
        session, self._session = self._session, None
        if session is not None:
            session.end(clean, None if clean else reason or "the connection broke")
            self._ticker.touch()
        self._allow(CONNECT_S)
        self._transport.close()

    def _greet(self, connect: mqtt.Connect) -> None:
        self._timer.cancel()
        code = self._admit(connect)
        self._transport.write(mqtt.connack(code, code == 0 and self._session.present))
        if code:
            self._finish()
            return
        self._look_who()
        self._patience = Patience(
            min(connect.keep_alive * 1.5 or MAX_KEEP_ALIVE_S, MAX_KEEP_ALIVE_S), self._silent
        )
        if self._endpoint.faults is not None:
            self._begin_faults(self._endpoint.faults)

    def _look_who(self) -> None:
        if self._session is not None and self._session.known:
            self._known = True
            known(self._transport)

    def _admit(self, connect: mqtt.Connect) -> int:
        # The code for its CONNACK (3.2.2.3).
        if connect.level != 4:
            return 1
        faults, self._device = self._endpoint.faults, connect.client_id
        if faults is not None and (code := faults.value("refuse", self._device)) is not None:
            return code
        try:
            hello = Hello(
                connect.client_id,
                connect.username,
                connect.password,
                connect.clean_session,
                connect.keep_alive,
                Will(*connect.will) if connect.will else None,
                self._endpoint.certificate(self._transport, connect.username),
            )
            self._session = self._endpoint.admit(hello, self)
        except BadCertificate as error:
            log.warning("%s refused: %s", self._who, error)
            return NOT_AUTHORIZED
        except ConnectRefused as refused:
            log.warning("%s refused: %s", self._who, refused.reason)
            return refused.code
        self._who = f"device {self._session.device_id}"
        return 0

    def _begin_faults(self, faults: Faults) -> None:
        self._until_killed = faults.value("kill", self._device)
        if (seconds := faults.value("stall", self._device)) is not None:
            self._held = bytearray()
            self._loop.call_later(seconds, self._release)

    def _release(self) -> None:
        held, self._held = self._held, None
        if held:
            self._write(bytes(held))

    def _handle(self, packet: mqtt.Packet) -> None:
        session = self._session
        match packet:
            case mqtt.Connect():
                self._greet(packet)
            case mqtt.Publish():
                session.publish(packet.topic, packet.payload, packet.qos, packet.retain)
                if not self._known:
                    self._look_who()
                # The core has it; if it did not like it, the session is over and nothing is said.
                faults = self._endpoint.faults
                swallowed = packet.qos == 1 and faults is not None and faults.value("swallow", self._device)
                if packet.qos == 1 and self._session is not None and not swallowed:
                    self._endpoint.kept.after(partial(self._acknowledge, packet.packet_id))
            case mqtt.Subscribe():
                self._write(mqtt.suback(packet.packet_id, session.subscribe(list(packet.filters))))
            case mqtt.Unsubscribe():
                session.unsubscribe(list(packet.filters))
                self._write(mqtt.unsuback(packet.packet_id))
            case mqtt.Puback():
                session.acknowledged(packet.packet_id)
            case mqtt.Pingreq():
                self._write(mqtt.pingresp())
            case mqtt.Disconnect():
                self._finish(clean=True)

    def _acknowledge(self, packet_id: int, kept: bool) -> None:
        if kept:
            self._write(mqtt.puback(packet_id))
        elif not self._over:
            # Without an acknowledgement the device has the message still, and sends it on its next connection.
            log.warning("%s dropped: what it sent could not be kept", self._who)
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._over:
            return  # what a fault made late
        if self._held is not None and len(self._held) <= MAX_UNREAD:
            self._held += data
            return
        if self._until_killed is not None:
            self._until_killed -= len(data)
            if self._until_killed < 0:
                self._transport.write(data[: self._until_killed])
                self._transport.abort()
                return
        if self._held is not None or self._transport.get_write_buffer_size() > MAX_UNREAD:
            log.warning("%s does not read what it is sent; dropped", self._who)
            self._transport.abort()
            return
        self._transport.write(data)
