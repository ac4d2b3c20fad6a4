"""What a hub's AMQP links lead to: tokens, facts of partitions, events, and messages to devices.

``EventHub`` is what all connections share, ``HubContainer`` one connection's own part of it.
"""

from .container import HubContainer
from .event_hub import EventHub

__all__ = ["EventHub", "HubContainer"]
