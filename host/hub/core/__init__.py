"""The pure core of the local hub: what IoT Hub does, without sockets, files, threads or clocks.

Time, randomness, storage and connections are passed in (``ports``), so a test
runs a week of token renewals in milliseconds. The skins around it speak MQTT to
devices and HTTPS to services. Typical use::

    hub = Hub("contoso.azure-devices.net", clock, MemoryStore(), os.urandom)
    hub.create_device("dev1", {})
    session = hub.connect(Hello("dev1", username, password), link)
    session.subscribe([("$iothub/twin/res/#", 1)])
    session.publish("$iothub/twin/GET/?$rid=1", b"", 1)     # answered through link.send
    delay = hub.step()                                      # after every call; sleep that long
"""

from .access.policies import (
    DEVICE_CONNECT,
    ENROLLMENT_READ,
    ENROLLMENT_WRITE,
    REGISTRY_READ,
    REGISTRY_WRITE,
    SERVICE_CONNECT,
    STATUS_READ,
    STATUS_WRITE,
)
from .access.services import Access, Grant
from .access.tokens import TokenRefused
from .bulk import run_bulk
from .errors import CODES, ConnectRefused, HubError
from .hub import Hub
from .messages.events import ROUTES, Event
from .ports import Certificate, Clock, Hello, Link, MemoryStore, MethodResult, Store, Will
from .provisioning.provisioning import Provisioning
from .provisioning.registration import is_registration, open_registration
from .sessions.session import Session
from .uploads.uploads import Blob, Uploads

__all__ = [
    "CODES",
    "DEVICE_CONNECT",
    "ENROLLMENT_READ",
    "ENROLLMENT_WRITE",
    "REGISTRY_READ",
    "REGISTRY_WRITE",
    "ROUTES",
    "SERVICE_CONNECT",
    "STATUS_READ",
    "STATUS_WRITE",
    "Access",
    "Blob",
    "Certificate",
    "Clock",
    "ConnectRefused",
    "Event",
    "Grant",
    "Hello",
    "Hub",
    "HubError",
    "Link",
    "MemoryStore",
    "MethodResult",
    "Provisioning",
    "Session",
    "Store",
    "TokenRefused",
    "Uploads",
    "Will",
    "is_registration",
    "open_registration",
    "run_bulk",
]
