"""The real sockets, reachable while the stand-in for Wi-Fi lets packets pass."""

import network
from usocket import *  # noqa: F403
from usocket import getaddrinfo as _getaddrinfo


def getaddrinfo(*arguments):
    """Look a name up; OSError(-2) without a network, as on a Pico W."""
    if not network.passes():
        raise OSError(-2)
    return _getaddrinfo(*arguments)
