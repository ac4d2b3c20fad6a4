"""What compat has of MicroPython; the same names as in on_cpython, where they are described."""

import gc
import time

import tls  # and not ssl, which takes other arguments and is not in every build

memory = gc.mem_alloc
sleep, ticks, ticks_diff = time.sleep_ms, time.ticks_ms, time.ticks_diff


def nothing(*_):
    """littlefs commits when a file is closed, and a rename at once; poll() knows of bytes that TLS
    holds; and modules have the names that umqtt.simple imports them by."""


sync = sync_directory = pending = name_modules = nothing


def tls_context():
    """See on_cpython."""
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    return context


def receive(sock, size):
    """See on_cpython."""
    return sock.read(size)


def transmit(sock, data):
    """See on_cpython."""
    # poll() knows itself which of the two TLS waits for.
    return sock.write(data) or 0


def holds(sock):
    """A try costs nothing."""
    return True
