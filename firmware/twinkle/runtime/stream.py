"""The seam under umqtt.simple.

umqtt.simple is used as it comes. Left alone it waits for ever on a silent peer,
forgets its time limits after every message and takes packets of any size. All
of that is solved below it: the one thing it takes from outside is its socket
module, and it is handed a Network in that place. The Stream it gets from there
is verified TLS with a limit on every wait and on every packet.

This works for the releases with ``ssl_params`` (1.3.4) and for those that take
a TLS context alike, since neither is asked to do TLS.
"""

from .. import compat
from ..core.errors import ProtocolError, Unreachable, WireError

CONNECT_MS = 10000
HANDSHAKE_MS = 15000  # on a Pico W an EC handshake takes two to four seconds
PATIENCE_MS = 10000  # for any other read or write that has begun
EXCHANGE_MS = 30000  # for all that one call of umqtt.simple reads and writes
LENGTH_BYTES = 4  # MQTT 3.1.1, section 2.2.3
GATHER = 1024  # bytes of small writes that go out as one TLS record
CHUNK = 1024  # bytes that are asked of TLS at once, at most: each is an allocation of its own
AHEAD = 256  # and at least: umqtt.simple reads a packet in five pieces, and most are short
PACE = 8  # pieces from one look at the time to the next; none takes as much as a tenth of a second
LARGEST_SKIP = 1 << 20  # a peer that announces more than this is not a hub
SPARED = 7  # times as long as a look-up in vain took: until the next; it stops everything meanwhile
MOST_NAMES = 4  # whose addresses are remembered: those of two hubs and of two services


class Network:
    """Stands where umqtt.simple expects its socket module.

    ``context`` verifies the peer (see certificates). ``largest``: bytes of the
    largest message body that is taken; a larger one is skipped and flagged.
    ``idle()`` is called while waiting, every compat.SLICE_MS. ``ticks()`` is
    monotonic milliseconds; ``look_up(host, port)`` answers addresses.

    A look-up can be neither divided nor ended, and takes 10 to 14 s when no name server
    answers. So a host is looked up once a try at most, not while ``sure`` says that it can
    be had where it was found last, and not sooner than SPARED times as long after one in
    vain: an eighth of the time is lost, whatever the outage. Meanwhile, it is tried where it
    was found last.

    ``missing`` is what the port's network waits for, as a text, or None when it can be used.
    """

    missing = None

    def __init__(self, context, ticks, idle, look_up, largest=65536):
        self.context = context
        self.ticks = ticks
        self.idle = idle
        self.largest = largest
        self._look_up = look_up
        self.found = {}  # by host: addresses, that which answered last the first
        self._look_due = 0
        self._failure = ()  # what the last look-up in vain raised
        self.sure = False  # the last try ended in a connection, or somebody answers there
        self.stream = None

    def getaddrinfo(self, host, port):
        """The name itself as the address: Stream.connect() looks it up, with a limit."""
        return ((0, 0, 0, "", (host, port)),)

    def socket(self):
        """A new Stream, kept in ``stream`` for the runner."""
        self.stream = Stream(self)
        return self.stream

    def addresses(self, host, port):
        """Where to try to find a host, as getaddrinfo has it; OSError when that is not known."""
        found = self.found.get(host)
        sure, self.sure = self.sure, False
        begun = self.ticks()
        if not (sure and found) and begun >= self._look_due:
            try:
                found = self._look_up(host, port)
                if len(self.found) >= MOST_NAMES:
                    self.found = {}
                self.found[host] = found
            except compat.SOCKET_ERRORS as error:
                now = self.ticks()
                self._look_due = now + SPARED * (now - begun)
                self._failure = error.args
        if not found:
            raise OSError(*self._failure)
        return found


class Stream:
    """What umqtt.simple reads and writes, through ``network``.

    Raises WireError for everything that goes wrong on the line, with a text that
    says who is at fault.
    """

    def __init__(self, network):
        self._network = network
        self._ticks = network.ticks
        self._connection = None
        self._blocking = True
        self._greeted = False
        self._host = ""
        self._gathered = bytearray()
        self._ahead = b""  # received, and not yet read
        self._end = self._idled = self._pieces = 0  # of the exchange; when idle() was called; since it began
        self._singles = 0  # bytes read one by one since a packet began
        self.skipped = False  # the last read was larger than allowed and thrown away
        self.heard = 0  # bytes received so far
        self.unclosed = None

    def connect(self, address):
        """Open TCP; the TLS handshake follows with the first bytes that are sent."""
        host, port = address
        try:
            network = self._network
            addresses = network.addresses(host, port)
            self._connection = compat.Connection(addresses, network.context, host, CONNECT_MS, network.idle)
        except compat.SOCKET_ERRORS as error:
            failure = Unreachable("%s:%d cannot be reached (%s)" % (host, port, error), "is the hub running?")
            # Linux says that it was refused, and lwIP that it was reset.
            failure.answered = error.args[:1] in ((111,), (104,))
            raise failure from None
        self._host = host
        self.begin()

    def begin(self):
        """One exchange begins. What it reads and writes must be done within EXCHANGE_MS.

        umqtt.simple goes on reading until what it waits for has come, and so for as long
        as the peer says something else.
        """
        self._pieces = 0
        self._end = self._ticks() + EXCHANGE_MS

    def settimeout(self, seconds):
        """Limits are the Stream's own; what umqtt.simple wishes does not count."""

    def setblocking(self, blocking):
        """False: the next read answers None when nothing has come. umqtt.simple calls it at each packet's begin."""
        self._blocking = blocking
        self._singles = 0

    def read(self, size):
        """``size`` bytes; or None if not blocking and there are none.

        What is larger than the largest message, or than the free memory, is thrown
        away: it answers b"" and sets ``skipped``.
        """
        self.flush()
        if size == 0:
            return b""
        self._singles = self._singles + 1 if size == 1 else 0
        if size < 0 or self._singles > LENGTH_BYTES:
            raise ProtocolError("the hub broke the protocol (a packet's length is wrong)")
        if size > self._network.largest:
            return self._skip(size)
        data = None
        if self._ahead or self._connection.holds() or not self._blocking:
            data = self._receive(min(size, CHUNK))
        if not data:
            if data is None and not self._blocking:
                return None
            if data == b"":
                self._closed()
            data = b""
        if len(data) == size:
            return data
        try:
            whole = bytearray(size)
        except MemoryError:
            return self._skip(size - len(data))
        at = 0
        deadline = self._ticks() + PATIENCE_MS
        while True:
            whole[at : at + len(data)] = data
            at += len(data)
            if at == size:
                return whole
            data = self._more(min(size - at, CHUNK), deadline)

    def write(self, data, size=None):
        """Take ``data``, or its first ``size`` bytes; flush() sends what has gathered.

        umqtt.simple writes a packet in four or five pieces; each would become a TLS
        record and a segment of its own.
        """
        if isinstance(data, str):
            data = data.encode()
        if size is not None:
            data = data[:size]
        if len(self._gathered) + len(data) > GATHER:
            self.flush()
        if len(data) > GATHER:
            self._send(data)
        else:
            self._gathered.extend(data)

    def flush(self):
        """Send what write() has gathered. read() and close() do it by themselves."""
        if self._gathered:
            data, self._gathered = self._gathered, bytearray()
            self._send(data)

    def wait(self, ms):
        """Wait up to ``ms`` for something to read. Answers whether there is."""
        return bool(self._ahead) or self._connection.wait(ms)

    def close(self):
        """Send the rest, as far as that is possible, and close.

        Raises nothing, since whoever closes has done with it: ``unclosed`` is the error that was met.
        """
        connection, self._connection = self._connection, None
        if connection:
            try:
                if self._gathered:
                    connection.transmit(self._gathered)
            except Exception as error:
                self.unclosed = error
            self.unclosed = connection.close() or self.unclosed

    def _send(self, data):
        rest = memoryview(data)
        deadline = self._ticks() + (PATIENCE_MS if self._greeted else HANDSHAKE_MS)
        while len(rest):
            self._pace()
            try:
                taken = self._connection.transmit(rest)
            except compat.SOCKET_ERRORS as error:
                raise self._broken(error) from None
            if taken:
                rest = rest[taken:]
            else:
                self._wait(deadline, taken is not None)
        self._greeted = True

    def _receive(self, size):
        self._pace()
        if not self._ahead:
            try:
                data = self._connection.receive(max(size, AHEAD))
            except compat.SOCKET_ERRORS as error:
                raise self._broken(error) from None
            if not data:
                return data
            self.heard += len(data)
            self._ahead = data
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data

    def _more(self, size, deadline):
        while True:
            data = self._receive(size)
            if data:
                return data
            if data == b"":
                self._closed()
            self._wait(deadline, False)

    def _wait(self, deadline, writing):
        now = self._ticks()
        if now >= deadline:
            raise WireError("the hub did not answer in time", "it will be tried again")
        due = min(deadline, self._idled + compat.SLICE_MS)
        if now < due:
            self._connection.wait(due - now, writing)
        self._go_on()

    def _pace(self):
        # Bytes that keep coming leave nothing to wait for: idle() is called here then.
        self._pieces += 1
        if self._pieces % PACE == 0 and self._go_on() >= self._end:
            raise WireError("the hub did not let an exchange come to its end", "it will be tried again")

    def _go_on(self):
        now = self._ticks()
        if now - self._idled >= compat.SLICE_MS:
            self._network.idle()
            now = self._idled = self._ticks()
        return now

    def _skip(self, size):
        if size > LARGEST_SKIP:
            raise WireError("a packet of %d bytes was announced" % size, "the peer is not an IoT Hub")
        deadline = self._ticks() + PATIENCE_MS
        while size:
            size -= len(self._more(min(size, CHUNK), deadline))
        self.skipped = True
        return b""

    def _broken(self, error):
        from . import diagnosis

        error = diagnosis.line(str(error), self._host, self._greeted)
        compat.unload(diagnosis.__name__)
        return error

    def _closed(self):
        if self._blocking:
            raise ProtocolError("the hub closed the connection in the middle of an exchange")
        raise WireError("the hub closed the connection")
