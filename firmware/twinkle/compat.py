"""The differences between CPython and MicroPython, met once.

Each name below means the same on both. No other module asks where it runs.
"""

import binascii
import gc
import os
import select
import socket
import sys
import time

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:
    from . import on_micropython as own
else:
    from . import on_cpython as own

memory = own.memory
sleep = own.sleep
sync = own.sync
sync_directory = own.sync_directory
tls_context = own.tls_context

# Trouble on a socket. MicroPython reports a certificate it will not accept as ValueError.
SOCKET_ERRORS = (OSError, ValueError)

SLICE_MS = 50  # the longest single wait between two calls of idle()


def crc32(data):
    """CRC-32 as an unsigned number (MicroPython's may come out signed)."""
    return binascii.crc32(data) & 0xFFFFFFFF


def random():
    """A number from 0.0 up to 1.0, from the system's entropy."""
    return int.from_bytes(os.urandom(3), "big") / 16777216


def utc():
    """Seconds since 1970, UTC; None when the clock was never set.

    Some MicroPython ports count from 2000. A clock that shows a year before 2024
    has never been set: no release of this program is older.
    """
    seconds = time.time()
    if time.gmtime(0)[0] == 2000:
        seconds += 946684800
    return seconds if seconds > 1704067200 else None


def look_up(host, port):
    """The addresses of a host, as getaddrinfo has them; OSError when it has none.

    Blocks for as long as the system's resolver does.
    """
    return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)


def answers(address, ms, idle):
    """Whether somebody accepts TCP connections at one of getaddrinfo's addresses, found out within ``ms``."""
    try:
        close(_connect(address, ms, idle))
    except OSError:
        return False
    return True


def close(sock):
    """Let go of a socket. Raises nothing: answers the error that was met, or None."""
    try:
        sock.close()
    except Exception as error:
        return error


class Ticks:
    """Milliseconds since it was made, from a counter that may wrap."""

    def __init__(self):
        self._last = own.ticks()
        self._total = 0

    def now(self):
        """Must be called at least once in every half period of the counter (6 days)."""
        counter = own.ticks()
        if counter != self._last:
            # A clock source that steps back must not move time back.
            self._total += max(0, own.ticks_diff(counter, self._last))
            self._last = counter
        return self._total


class Connection:
    """A TLS connection that never blocks: what cannot be done now answers None."""

    def __init__(self, addresses, context, name, ms, idle):
        """Connect to the first of ``addresses`` that answers within ``ms``; ``idle()`` is called meanwhile.

        That one becomes the first.
        """
        failure = None
        for address in list(addresses):
            try:
                idle()
                plain = _connect(address, ms, idle)
                addresses.remove(address)
                addresses.insert(0, address)
                break
            except OSError as error:
                failure = error
        else:
            raise failure or OSError("no address for " + name)
        try:
            # The handshake is done by the first write, bit by bit, without blocking.
            self._sock = context.wrap_socket(plain, server_hostname=name, do_handshake_on_connect=False)
        except SOCKET_ERRORS:
            close(plain)
            raise
        self._poll = select.poll()
        self._poll.register(self._sock, select.POLLIN)

    def holds(self):
        """Whether it is worth a try to receive before there was a wait."""
        return own.holds(self._sock)

    def receive(self, size):
        """Up to ``size`` bytes; None when there are none yet, b"" at the end."""
        return own.receive(self._sock, size)

    def transmit(self, data):
        """How many bytes were taken; 0 when none could be, None when TLS must hear from the peer first."""
        return own.transmit(self._sock, data)

    def wait(self, ms, writing=False):
        """Wait until something can be read (if ``writing``: written). Answers whether it can."""
        if not writing and own.pending(self._sock):
            return True
        self._poll.modify(self._sock, select.POLLOUT if writing else select.POLLIN)
        return bool(self._poll.poll(ms))

    def close(self):
        """Let go of it; see close()."""
        return close(self._sock)


def _connect(address, ms, idle):
    plain = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        plain.setblocking(False)
        try:
            plain.connect(address[-1])
        except OSError as error:
            if error.args[0] not in (115, 36, 119):  # "in progress": Linux and lwIP, macOS, Windows
                raise
        poll = select.poll()
        poll.register(plain, select.POLLOUT)
        events, begun = [], own.ticks()
        while not events and own.ticks_diff(own.ticks(), begun) < ms:
            events = poll.poll(SLICE_MS)
            idle()
        if not events:
            raise OSError(110, "no answer")
        if events[0][1] & (select.POLLERR | select.POLLHUP):
            plain.recv(1)  # raises what has become of the connection
            raise OSError(103, "connection lost")
        return plain
    except OSError:
        close(plain)
        raise


def unload(*names):
    """Let go of modules that are not needed for now; their next import loads them again."""
    for name in names:
        sys.modules.pop(name, None)
        package, _, own = name.rpartition(".")
        if hasattr(sys.modules.get(package), own):
            delattr(sys.modules[package], own)
    gc.collect()


def load_umqtt():
    """The module umqtt.simple."""
    own.name_modules()
    import umqtt.simple

    return umqtt.simple
