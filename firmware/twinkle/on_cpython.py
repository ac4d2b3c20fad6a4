"""What compat has of CPython; the same names as in on_micropython. It is not put on boards with MicroPython."""

import base64
import binascii
import os
import socket
import ssl
import struct
import sys
import time
import traceback


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


# By what follows the version in a key's sequence: RFC 5958, RFC 5915 and RFC 8017 (A.1.2).
KEY_LABELS = {b"\x30": "PRIVATE KEY", b"\x04": "EC PRIVATE KEY", b"\x02": "RSA PRIVATE KEY"}


class Context(ssl.SSLContext):
    """A TLS context that takes what MicroPython's takes: DER, and one certificate a call."""

    _chain = ""

    def load_verify_locations(self, der):
        """Trust this authority, too."""
        super().load_verify_locations(cadata=der)

    def load_cert_chain(self, der, key):
        """Show this certificate, after those of the calls before."""
        self._chain += ssl.DER_cert_to_PEM_cert(der)
        # OpenSSL takes a chain from a file alone; this one is never on a disk.
        with os.fdopen(os.memfd_create("own"), "w") as file:
            file.write(self._chain + _key_to_pem(key))
            file.flush()
            super().load_cert_chain("/proc/self/fd/%d" % file.fileno())


def _key_to_pem(der):
    version = {b"\x81": 3, b"\x82": 4}.get(der[1:2], 2)
    label = KEY_LABELS.get(der[version + 3 : version + 4])
    if label is None:
        raise ValueError("invalid key")
    return "-----BEGIN %s-----\n%s-----END %s-----\n" % (label, base64.encodebytes(der).decode(), label)


def tls_context():
    """A TLS client that checks certificate and host name, and trusts nobody yet.

    Authorities and its own certificate are given to it as MicroPython's ``tls`` takes them:
    ``load_verify_locations(der)`` and ``load_cert_chain(der, key)``, a certificate a call.
    """
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _print_exception(error, file):
    # The frames, the innermost last, then the error.
    told = traceback.TracebackException.from_exception(error)
    places = [(frame.filename, frame.lineno) for frame in told.stack]
    if isinstance(error, SyntaxError):
        places.append((error.filename, error.lineno))
    lines = ['  File "%s", line %s' % place for place in places]
    words = [*told.format_exception_only()][-1].rstrip("\n")
    kind, colon, rest = words.partition(":")
    lines.append(kind.rpartition(".")[2] + colon + rest)  # without its module
    file.write("\n".join(["Traceback (most recent call last):", *lines, ""]))


sys.print_exception = _print_exception  # which MicroPython has


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
