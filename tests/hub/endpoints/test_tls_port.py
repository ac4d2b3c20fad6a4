"""What a port of TLS gives to those who speak there: time limits in virtual time, flow both ways over real TLS."""

import asyncio
import contextlib
import socket
import ssl

import pytest
from simulated import VirtualLoop

from twinkle_host.hub.certificates import Certificates
from twinkle_host.hub.doors.secure import HANDSHAKE_S, STALL_S, SecureTransport
from twinkle_host.hub.doors.tls_port import TlsPort
from twinkle_host.waiting import PATIENCE_S

MANY = 20  # turns of the loop: whoever has something to read has read it


class Below(asyncio.Transport):
    """asyncio's transport, whose peer reads ``pace`` bytes a second of ``unsent``."""

    def __init__(self, unsent=0, pace=0):
        super().__init__()
        self._unsent, self._pace = unsent, pace
        self._loop = asyncio.get_running_loop()
        self.over = asyncio.Event()

    def get_write_buffer_size(self):
        return max(0, self._unsent - self._pace * self._loop.time())

    def close(self):
        """As asyncio's transports do: it is over once all is read."""
        if self._pace:
            self._loop.call_later(self._unsent / self._pace, self.over.set)

    def abort(self):
        self.over.set()


def seconds(certificates, begin, **below):
    """When it is over for a transport that has been made, after ``begin(transport)``."""

    async def run():
        made = Below(**below)
        transport = TlsPort(certificates.context(), asyncio.Protocol).accept()
        transport.connection_made(made)
        begin(transport)
        await made.over.wait()
        transport.connection_lost(None)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def test_a_handshake_has_a_limit(certificates):
    """aiohttp's own limit is on Python's TLS, which is not used here."""
    assert seconds(certificates, lambda transport: None) == HANDSHAKE_S


def secured_and(act):
    def begin(transport):
        transport._protocol = asyncio.Protocol()  # as after the handshake
        transport._timer.cancel()
        act(transport)

    return begin


def stop_at_last(transport):
    """A good deal is still read, not the rest."""
    transport.pause_writing()
    transport.close()
    transport.resume_writing()


@pytest.mark.parametrize(
    ("act", "limit"),
    [(SecureTransport.pause_writing, 2 * STALL_S), (SecureTransport.close, STALL_S), (stop_at_last, STALL_S)],
)
def test_a_peer_that_reads_nothing_is_dropped(certificates, act, limit):
    """In the middle of an answer, and at its end."""
    assert seconds(certificates, secured_and(act), unsent=100_000) == limit


def test_a_peer_that_reads_slowly_has_the_time_it_takes(certificates):
    assert seconds(certificates, secured_and(SecureTransport.close), unsent=100_000, pace=100) == 1000


def test_a_peer_that_has_caught_up_is_left_alone(certificates):
    def act(transport):
        transport.pause_writing()
        asyncio.get_running_loop().call_later(2 * STALL_S - 1, transport.resume_writing)
        asyncio.get_running_loop().call_later(1000, transport.abort)

    assert seconds(certificates, secured_and(act), unsent=100_000) == 1000


# --- over TLS


class Hearer(asyncio.Protocol):
    """Keeps what it hears, and who spoke; ``paused`` tells that it is to wait before it writes."""

    def __init__(self):
        self.heard = bytearray()
        self.paused = False
        self.lost = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.heard += data

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False

    def connection_lost(self, error):
        self.lost.set()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    made = Certificates(tmp_path_factory.mktemp("ca"))
    made.prepare()
    return made


class Peer:
    """A client of an endpoint, in its loop: it says and reads as much as can be without waiting."""

    def __init__(self, certificates, port):
        self._plain = socket.create_connection(("localhost", port), PATIENCE_S)
        self._plain.setblocking(False)
        context = ssl.create_default_context(cafile=certificates.ca_file)
        self.tls = context.wrap_socket(
            self._plain, server_hostname="localhost", do_handshake_on_connect=False
        )

    async def shake(self):
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                return self.tls.do_handshake()
            await asyncio.sleep(0)

    async def say(self, data):
        """How many bytes of this went out before the other side held it up."""
        held, sent = 0, 0
        while held < MANY and sent < len(data):
            try:
                # OpenSSL wants what it could not send to be sent again.
                sent += self.tls.send(data[sent : sent + 65536])
                held = 0
            except ssl.SSLWantWriteError:
                held += 1
            await asyncio.sleep(0)
        return sent

    async def say_all(self, data):
        """The same, however long it is held up: a busy computer carries nothing for many turns."""
        while data:
            data = data[await self.say(data) :]

    async def read(self, size):
        got = bytearray()
        while len(got) < size:
            try:
                got += self.tls.recv(65536)
            except ssl.SSLWantReadError:
                await asyncio.sleep(0)
        return bytes(got)


def tunnelled(certificates, story):
    """Run ``story(peer, hearer)`` over a connection whose handshake is over."""

    async def run():
        hearers = []
        endpoint = TlsPort(certificates.context(), lambda: hearers.append(Hearer()) or hearers[0])
        peer = Peer(certificates, await endpoint.start("127.0.0.1", 0))
        await peer.shake()
        while not hearers:
            await asyncio.sleep(0)
        await story(peer, hearers[0])
        peer.tls.close()
        await hearers[0].lost.wait()
        assert not endpoint.lobby
        endpoint.stop()

    asyncio.run(run())


BODY = bytes(range(256)) * (16 << 12)  # 16 MB, more than two sockets' buffers hold


def test_who_does_not_want_to_hear_is_not_talked_to(certificates):
    """What comes meanwhile stays with TCP; then it comes whole, and in order."""

    async def story(peer, hearer):
        hearer.transport.pause_reading()
        sent = await peer.say(BODY)
        assert not hearer.heard and sent < len(BODY)
        hearer.transport.resume_reading()
        await peer.say_all(BODY[sent:])
        while len(hearer.heard) < len(BODY):
            await asyncio.sleep(0)
        assert hearer.heard == BODY

    tunnelled(certificates, story)


def test_who_pauses_while_it_hears_hears_no_more_of_it(certificates):
    """Of what has come already, up to 256 KB at once (asyncio), it is given a record."""

    async def story(peer, hearer):
        def once(data):
            Hearer.data_received(hearer, data)
            hearer.transport.pause_reading()

        hearer.data_received = once
        await peer.say_all(BODY[:200_000])
        while not hearer.heard:
            await asyncio.sleep(0)
        first = len(hearer.heard)
        assert first <= 16384
        while len(hearer.heard) < 200_000:
            before = len(hearer.heard)
            hearer.transport.resume_reading()
            while len(hearer.heard) == before:
                await asyncio.sleep(0)
            assert len(hearer.heard) - before <= 16384
        assert hearer.heard == BODY[:200_000]
        hearer.transport.resume_reading()  # or it would not hear of the end

    tunnelled(certificates, story)


def test_a_writer_is_told_when_nobody_reads(certificates):
    async def story(peer, hearer):
        size, hearer_limit = 0, 200_000
        hearer.transport.set_write_buffer_limits(hearer_limit)
        while not hearer.paused:
            hearer.transport.write(BODY[size : size + 50_000])
            size += 50_000
            await asyncio.sleep(0)
        assert hearer_limit < hearer.transport.get_write_buffer_size() < hearer_limit + 60_000
        assert await peer.read(size) == BODY[:size]
        while hearer.paused:
            await asyncio.sleep(0)
        hearer.transport.writelines([b"bye", b"", memoryview(b" now")])
        assert await peer.read(7) == b"bye now"
        hearer.transport.close()
        hearer.transport.close()
        assert hearer.transport.is_closing()
        assert await asyncio.wait_for(hearer.lost.wait(), PATIENCE_S)
        assert peer.tls.recv(1) == b"", "it was said goodbye"

    tunnelled(certificates, story)


def test_what_is_written_last_is_read_before_the_end(certificates):
    async def story(peer, hearer):
        hearer.transport.write(BODY)
        hearer.transport.close()
        hearer.transport.write(b"too late")
        assert await peer.read(len(BODY)) == BODY

    tunnelled(certificates, story)


def test_what_is_known_of_a_connection(certificates):
    """aiohttp asks for these: whose socket it is, and whether the scheme is https."""

    async def story(peer, hearer):
        known = hearer.transport.get_extra_info
        assert known("peername") == peer.tls.getsockname() and known("sockname") == peer.tls.getpeername()
        assert known("socket").family == socket.AF_INET
        assert known("sslcontext") and known("certificate")({}) is None
        assert known("nothing", 5) == 5

    tunnelled(certificates, story)


class Breaking(asyncio.Transport):
    """asyncio's transport over a socket whose peer is gone: the write fails, and is the end in the next turn.

    ``_SelectorSocketTransport.write``, ``_fatal_error``, ``_force_close`` of Lib/asyncio/selector_events.py.
    """

    def __init__(self, stream, written):
        super().__init__()
        self._stream, self._written = stream, written
        self.broken = self._closing = False

    def write(self, data):
        if self.broken and not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._stream.connection_lost, ConnectionResetError())
        elif not self.broken:
            self._written.write(data)

    def is_closing(self):
        return self._closing


def test_who_is_gone_at_the_handshakes_end_is_given_to_nobody(certificates):
    """aiohttp's handler begins in the next turn, and may not have lost its connection by then."""

    async def story():
        made = []
        endpoint = TlsPort(certificates.context(), lambda: made.append(Hearer()) or made[-1])
        stream = endpoint.accept()
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = ssl.create_default_context(cafile=certificates.ca_file).wrap_bio(
            back, there, server_hostname="localhost"
        )
        transport = Breaking(stream, back)
        stream.connection_made(transport)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        stream.data_received(there.read())
        client.do_handshake()
        transport.broken = True
        stream.data_received(there.read())
        await asyncio.sleep(0)
        assert transport.is_closing() and made == [] and not endpoint.lobby

    asyncio.run(story())
