"""AMQP 1.0 as a hub needs it, the server's side, without I/O: bytes in, bytes out.

``types`` and ``performatives`` are what goes over the wire, ``frames`` cuts a stream into it,
``connection``, ``session`` and ``link`` are the protocol's three levels. What a link is for is
decided by a ``Container``. Section numbers are those of the OASIS standard, AMQP version 1.0.
"""

from .connection import Connection
from .errors import AmqpError, Refused
from .link import Container, Link, Sink, Source
from .messages import Message, read_message, section
from .performatives import Outcome

__all__ = [
    "AmqpError",
    "Connection",
    "Container",
    "Link",
    "Message",
    "Outcome",
    "Refused",
    "Sink",
    "Source",
    "read_message",
    "section",
]
