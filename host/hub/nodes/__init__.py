"""What a hub's AMQP links lead to: tokens, facts of partitions, events, and messages to devices.

``House`` is what all connections share, ``Guest`` one connection's own part of it.
"""

from .guest import Guest
from .house import House

__all__ = ["Guest", "House"]
