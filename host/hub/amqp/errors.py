"""What goes wrong, by the level that it ends, with the specification's conditions (2.8.15 to 2.8.18)."""

from typing import Any

DECODE_ERROR = "amqp:decode-error"
FRAME_SIZE_TOO_SMALL = "amqp:frame-size-too-small"
ILLEGAL_STATE = "amqp:illegal-state"
INTERNAL_ERROR = "amqp:internal-error"
INVALID_FIELD = "amqp:invalid-field"
NOT_ALLOWED = "amqp:not-allowed"
NOT_FOUND = "amqp:not-found"
NOT_IMPLEMENTED = "amqp:not-implemented"
RESOURCE_LIMIT_EXCEEDED = "amqp:resource-limit-exceeded"
UNAUTHORIZED_ACCESS = "amqp:unauthorized-access"
CONNECTION_FORCED = "amqp:connection:forced"
FRAMING_ERROR = "amqp:connection:framing-error"
WINDOW_VIOLATION = "amqp:session:window-violation"
UNATTACHED_HANDLE = "amqp:session:unattached-handle"
HANDLE_IN_USE = "amqp:session:handle-in-use"
ERRANT_LINK = "amqp:session:errant-link"
DETACH_FORCED = "amqp:link:detach-forced"
MESSAGE_SIZE_EXCEEDED = "amqp:link:message-size-exceeded"
TRANSFER_LIMIT_EXCEEDED = "amqp:link:transfer-limit-exceeded"
REDIRECT = "amqp:link:redirect"
STOLEN = "amqp:link:stolen"
ARGUMENT_ERROR = "com.microsoft:argument-error"  # Event Hubs' own


class AmqpError(Exception):
    """An error as a peer is told of it: condition, a text for people, and ``info`` (2.8.14)."""

    def __init__(self, condition: str, description: str, info: dict[str, Any] | None = None):
        super().__init__(condition, description)
        self.condition = condition
        self.description = description
        self.info = info

    def __str__(self) -> str:
        return f"{self.condition}: {self.description}"


class ConnectionBroken(AmqpError):
    """The connection must end."""


class SessionBroken(AmqpError):
    """The session must end; the others of the connection go on."""


class Refused(AmqpError):
    """One link or one message is refused; all else goes on."""


class NotAmqp(Exception):
    """What came is not AMQP; there is nobody to be told."""


def malformed(text: str) -> ConnectionBroken:
    """Bytes that are no value, or no value that belongs there."""
    return ConnectionBroken(DECODE_ERROR, text)
