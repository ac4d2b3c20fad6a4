"""A hub as a service sees it, local or Azure: Azure's own SDK behind short verbs.

azure-iot-hub is imported late, since it takes most of a second.
"""

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..failure import NOT_ONLINE, REFUSED, UNREACHABLE, USAGE, Failure, of_refusal

VARIABLE = "TWINKLE_SERVICE_CONNECTION_STRING"
EVENTS_VARIABLE = "TWINKLE_EVENTS_CONNECTION_STRING"
MQTT_PORT = 8883
HTTPS_PORT = 443
ANSWER_S = 1.0
PORT = re.compile(r":\d+$")  # after a name, or an IPv6 address in brackets
AMQP_PORT = 5671

# How urllib3, which tries again by itself, says that it gave up.
TOO_MANY = re.compile(r"too many (\d+) error responses")
NOT_ONLINE_CODES = ("404103", "404104")


@dataclass(frozen=True)
class Hub:
    """One hub and how to reach it. ``ca_file`` is set for a hub with its own authority.

    ``events_string``: the connection string of its built-in endpoint, if it is known. ``name``: a local
    hub's own, by which it need not be reached. ``provisioning_string``: the connection string of the provisioning
    service beside it, whose id scope is ``id_scope``; ``state``: its state directory; ``routes``: the sources of
    notifications that its readers get, None where that is not known.
    """

    connection_string: str = field(repr=False)
    ca_file: str | None = None
    mqtt_port: int = MQTT_PORT
    events_string: str | None = field(default=None, repr=False)
    amqp_port: int = AMQP_PORT
    name: str | None = None
    provisioning_string: str | None = field(default=None, repr=False)
    id_scope: str | None = None
    state: Path | None = None
    routes: tuple[str, ...] | None = None

    def stranger(self) -> Failure:
        """It shows the certificate of an authority that is not trusted."""
        return Failure(f"{self.address} has a certificate of another authority; see --ca-file", REFUSED)

    def unheard(self) -> Failure:
        """It does not answer, or no longer."""
        return Failure(f"{self.address} stopped, or does not answer; is the hub running?", UNREACHABLE)

    @property
    def parts(self) -> dict[str, str]:
        """The connection string's fields."""
        return dict(pair.partition("=")[::2] for pair in self.connection_string.split(";"))

    @property
    def address(self) -> str:
        """``host`` or ``host:port``."""
        return self.parts["HostName"]

    @property
    def host(self) -> str:
        """The hub's name, as devices sign it."""
        return PORT.sub("", self.address)

    def accepts(self) -> bool:
        """Whether somebody accepts connections at its address."""
        parts = urlsplit(f"//{self.address}")
        try:
            socket.create_connection((parts.hostname, parts.port or HTTPS_PORT), ANSWER_S).close()
        except (OSError, ValueError):
            return False
        return True

    @property
    def is_local(self) -> bool:
        """True for the hub of this project, which has doors that Azure's has not."""
        return self.ca_file is not None

    def registry(self) -> contextlib.AbstractContextManager[Any]:
        """An IoTHubRegistryManager; what it raises becomes a Failure."""
        return self._client("IoTHubRegistryManager")

    def digital_twins(self) -> contextlib.AbstractContextManager[Any]:
        """A DigitalTwinClient likewise."""
        return self._client("DigitalTwinClient")

    @contextlib.contextmanager
    def _client(self, name: str) -> Iterator[Any]:
        from azure.iot import hub

        with failures(self):
            client = getattr(hub, name).from_connection_string(self.connection_string)
            if self.ca_file:
                client.protocol.config.connection.verify = self.ca_file
            yield client

    def token(self) -> str:
        """A fresh token of the service, for the local hub's side door."""
        from azure.iot.hub.sastoken import SasToken

        parts = self.parts
        return str(SasToken(parts["HostName"], parts["SharedAccessKey"], parts["SharedAccessKeyName"]))

    def device_connection_string(self, device_id: str, key: str | None, gateway: str | None = None) -> str:
        """What a device needs to connect; without a key it is one with a certificate."""
        return self._connection_string(f"DeviceId={device_id}", key, gateway)

    def registration_connection_string(
        self, id_scope: str, name: str, key: str | None, gateway: str | None = None
    ) -> str:
        """What a device needs to be provisioned by this hub's own service, likewise."""
        return self._connection_string(f"IdScope={id_scope};RegistrationId={name}", key, gateway)

    def _connection_string(self, who: str, key: str | None, gateway: str | None) -> str:
        name = self.name or self.host
        gateway = gateway or (self.host if self.host != name else None)
        text = f"HostName={name};{who};{self.proof(key)}"
        return f"{text};GatewayHostName={gateway}" if gateway else text

    def proof(self, key: str | None) -> str:
        """The end of a connection string. Port is ours, and only there when it is not the standard's."""
        text = f"SharedAccessKey={key}" if key else "x509=true"
        return text if self.mqtt_port == MQTT_PORT else f"{text};Port={self.mqtt_port}"


@contextlib.contextmanager
def failures(hub: Hub) -> Iterator[None]:
    """What the SDK and its libraries raise, as one line each."""
    from azure.core import exceptions as azure
    from msrest import exceptions as msrest
    from requests import exceptions as requests

    try:
        yield
    except msrest.HttpOperationError as error:
        raise explain(error.response.status_code, error.response.text, error.response.reason) from None
    except (msrest.ClientRequestError, azure.ServiceRequestError, requests.RequestException) as error:
        text = str(error)
        if "CERTIFICATE" in text.upper():
            raise Failure(
                f"the certificate of {hub.address} is not trusted here; name the hub's CA file with --ca-file",
                REFUSED,
            ) from None
        refused = TOO_MANY.search(text)
        if refused:
            raise Failure(
                f"{hub.address} answered {refused[1]} again and again; "
                "try later, it is the hub's own trouble",
                UNREACHABLE,
            ) from None
        raise Failure(
            f"{hub.address} does not answer; is the hub running and the name right?", UNREACHABLE
        ) from None
    except msrest.DeserializationError as error:
        raise Failure(
            f"Azure's SDK cannot read the answer ({error}); in a query, name columns other than members of a twin (AS)"
        ) from None
    except (ValueError, msrest.ValidationError) as error:
        raise Failure(f"the request cannot be made: {error}", USAGE) from None


def explain(status: int, body: str, reason: str) -> Failure:
    """A Failure from a refusal's body, whichever of the hub's two styles it has."""
    text, code = reason, ""
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        text = json.loads(body).get("Message") or reason
        inner = json.loads(text)
        text, code = inner.get("message", text), str(inner.get("errorCode", ""))
    name, _, rest = text.partition(";")
    if name.startswith("ErrorCode:") and rest:
        text = rest
    exit_code = NOT_ONLINE if code in NOT_ONLINE_CODES else of_refusal(status)
    return Failure(f"the hub refused ({status} {code or name.removeprefix('ErrorCode:')}): {text}", exit_code)
