"""Requests and their answers over a pair of links: a node is asked on one and answers on the other.

AMQP management, working draft: an answer has the request's message id as its correlation id, in its type,
and goes to the link that the request's ``reply-to`` names. azure-eventhub and uamqp name none; their
answers go to the link that reads from the same node.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from ..amqp.errors import NOT_ALLOWED, RESOURCE_LIMIT_EXCEEDED
from ..amqp.link import Link, Outcome, Refused
from ..amqp.messages import APPLICATION, VALUE, Message, properties, read_message, section
from ..amqp.types import Int

OK = 200
MAX_ANSWERS = 64  # that wait for a client to read them

Answer = tuple[int, str, Any]  # status, its text, body


class Answers:
    """A link's answers, waiting to be read."""

    asks = False

    def __init__(self, link: Link):
        self.link = link
        self._waiting: deque[bytes] = deque()

    def put(self, answer: bytes) -> None:
        """One more; Refused when too many wait."""
        if len(self._waiting) >= MAX_ANSWERS:
            raise Refused(
                RESOURCE_LIMIT_EXCEEDED, f"{MAX_ANSWERS} answers wait to be read; give credit for them first."
            )
        self._waiting.append(answer)

    def next(self) -> bytes | None:
        return self._waiting.popleft() if self._waiting else None

    def settled(self, number: int, outcome: Outcome | None) -> None:
        """An answer is said once."""


class Requests:
    """The sink of a node's requests. ``answer(message)`` makes the answer; ``ends`` are the links that read answers."""

    def __init__(self, link: Link, ends: list[Answers], answer: Callable[[Message], Answer]):
        self._address = link.address.lower()
        self._ends = ends
        self._answer = answer

    def take(self, payload: bytes) -> None:
        """Answer a request; Refused when nobody reads the answer."""
        message = read_message(payload)
        reply_to, correlation = message.properties.get("reply_to"), message.properties.get("message_id")
        same = [end for end in self._ends if end.link.address.lower() == self._address and not end.link.gone]
        named = [end for end in same if reply_to is not None and end.link.reply_to == reply_to]
        if not same:
            raise Refused(
                NOT_ALLOWED, "A request needs a link that reads its answer; attach one to this node."
            )
        status, text, body = self._answer(message)
        (named or same)[-1].put(
            properties(correlation_id=correlation, to=reply_to)
            + section(
                APPLICATION,
                {
                    **{"status-code": Int(status), "statusCode": Int(status)},
                    **{"status-description": text, "statusDescription": text},
                },
            )
            + section(VALUE, body)
        )
