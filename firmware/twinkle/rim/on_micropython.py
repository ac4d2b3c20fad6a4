"""What compat has of MicroPython; the same names as in on_cpython, where they are described."""

import gc
import time

try:
    import ssl as tls
except ImportError:
    import tls  # builds without the ssl wrapper have the same class here

memory = gc.mem_alloc
sleep, ticks, ticks_diff = time.sleep_ms, time.ticks_ms, time.ticks_diff


def sync(file):
    """Nothing to do: littlefs commits when the file is closed."""


def sync_directory(path):
    """Nothing to do: littlefs commits a rename at once."""


def tls_context(roots, own):
    """See on_cpython."""
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    context.load_verify_locations(roots)
    if own:
        context.load_cert_chain(*[_content(path) for path in own])
    return context


def _content(path):
    with open(path, "rb") as file:
        return file.read()


def receive(sock, size):
    """See on_cpython."""
    return sock.read(size)


def transmit(sock, data):
    """See on_cpython."""
    # poll() knows itself which of the two TLS waits for.
    return sock.write(data) or 0


def pending(sock):
    """No: poll() already knows of bytes that TLS holds."""
    return False


def holds(sock):
    """A try costs nothing."""
    return True


def name_modules():
    """They have their names."""
