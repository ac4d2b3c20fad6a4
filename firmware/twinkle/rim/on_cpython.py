"""What compat has of CPython; the same names as in on_micropython. It is not put on boards with MicroPython."""

import binascii
import os
import socket
import ssl
import struct
import sys
import time


def memory():
    """Bytes in use: the heap on MicroPython, the resident set on Linux."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sleep(ms):
    """Wait."""
    time.sleep(ms / 1000)


def ticks():
    """Milliseconds of a counter, which may wrap."""
    return time.monotonic_ns() // 1000000


def ticks_diff(later, earlier):
    """From one of its values to another."""
    return later - earlier


def sync(file):
    """Have the system put the file's bytes on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(path):
    """Have the system put a rename in this directory on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def tls_context(roots, own):
    """A TLS client that trusts only ``roots`` (PEM bytes) and checks the host name.

    ``own``: the paths of its certificate and its key (PEM), or None.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=roots.decode())
    if own:
        context.load_cert_chain(*own)
    return context


def receive(sock, size):
    """Up to ``size`` bytes; None when there are none yet, b"" at the end."""
    try:
        return sock.recv(size)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None


def transmit(sock, data):
    """How many bytes were taken; 0 when none could be, None when TLS must hear from the peer first."""
    try:
        return sock.send(data)
    except ssl.SSLWantReadError:
        return None
    except ssl.SSLWantWriteError:
        return 0


def pending(sock):
    """Whether TLS holds bytes of which poll() does not know."""
    return sock.pending() > 0


holds = pending  # whether it is worth a try to receive before a wait


def name_modules():
    """Give modules the names that umqtt.simple 1.3.4 imports them by."""
    for name, module in (("usocket", socket), ("ustruct", struct), ("ubinascii", binascii)):
        sys.modules.setdefault(name, module)
