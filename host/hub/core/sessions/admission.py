"""Who may connect: user name, client id, password or certificate.

CONNACK codes (MQTT 3.1.1 section 3.2.2.3): 4 for a user name or password that
cannot be used as such, 2 for a client id that is malformed or not the user
name's, 5 for everything that fails authentication or identity.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from ..access.identities import DEVICE_ID
from ..access.policies import DEVICE_CONNECT, Policy
from ..access.tokens import Token, TokenRefused, check_token, covers, parse_token, same_host
from ..devices.device import Device, place_of
from ..errors import ConnectRefused, HubError
from ..messages.telemetry import read_message
from ..messages.topics import Telemetry, TopicRefused, parse_publish
from ..ports import Certificate, Hello, Will
from ..times import is_version

BAD_CLIENT_ID = 2
BAD_CREDENTIALS = 4
NOT_AUTHORISED = 5

_FIELD = r"(?=(?:api-version|DeviceClientType|model-id)=)"
_FIELDS = re.compile(rf"/(?:\?|{_FIELD})")
_BETWEEN_FIELDS = re.compile(rf"&|/{_FIELD}")  # an old .NET client has a slash there
# A DTDL model identifier: segments joined by colons, and a version.
_SEGMENT = r"_?[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?"
_MODEL = re.compile(rf"dtmi:{_SEGMENT}(?::{_SEGMENT})*(?:;[1-9][0-9]{{0,8}}(?:\.[0-9]{{1,6}})?)?")
_MAX_MODEL = 2048
_MAX_USERNAME = 8192


@dataclass(frozen=True)
class Username:
    """The parts of ``{host}/{clientId}/?api-version=…``; None for what it does not carry."""

    host: str
    client_id: str
    api_version: str | None
    model_id: str | None


@dataclass(frozen=True)
class Admission:
    """What a CONNECT was admitted with.

    ``expiry``: seconds since 1970 when the token ends, None with a certificate;
    ``signer``: the device key that signed it, None with a policy or certificate;
    ``auth_method``: the JSON text stamped on telemetry.
    """

    device: Device
    api_version: str | None
    model_id: str | None
    auth_method: str
    expiry: int | None = None
    signer: str | None = field(default=None, repr=False)


def parse_username(text: str | None) -> Username:
    """Take a user name apart; ConnectRefused 4 when it is none.

    The fields begin after ``/?`` (documented), or after a slash alone (older SDKs, which had
    no modules), in any order. A missing api-version is legacy and allowed.
    """
    if not text or len(text) > _MAX_USERNAME:
        raise ConnectRefused(
            BAD_CREDENTIALS,
            "the CONNECT has no usable user name; the device must send '{hub}/{deviceId}/?api-version=2021-04-12'",
        )
    host, _, rest = text.partition("/")
    found = _FIELDS.search(rest)
    client_id, query = (rest[: found.start()], rest[found.end() :]) if found else (rest, "")
    client_id = client_id.rstrip("/")
    if not client_id:
        raise ConnectRefused(
            BAD_CREDENTIALS, "the user name has no device id: it must be '{hub}/{deviceId}/?api-version=…'"
        )
    fields = {}
    for part in _BETWEEN_FIELDS.split(query):
        name, _, value = part.partition("=")
        fields[unquote(name)] = unquote(value)
    version, model = fields.get("api-version"), fields.get("model-id")
    if version is not None and not is_version(version):
        raise ConnectRefused(
            BAD_CREDENTIALS,
            f"the user name's api-version {version[:32]!r} is no date; use api-version=2021-04-12",
        )
    if model is not None and (len(model) > _MAX_MODEL or not _MODEL.fullmatch(model)):
        raise ConnectRefused(
            BAD_CREDENTIALS,
            f"the user name's model-id {model[:64]!r} is no DTDL identifier such as 'dtmi:com:example:Thermostat;1'",
        )
    return Username(host, client_id, version, model)


def admit(
    hello: Hello,
    hosts: Collection[str],
    find: Callable[[str], Device | None],
    policies: Mapping[str, Policy],
    now: float,
) -> Admission:
    """Admit a CONNECT or raise ConnectRefused with a reason that says who is at fault.

    ``hosts``: this hub's names in lower case, the main one first; ``find``: the
    device of an id; ``now``: seconds since 1970.
    """
    user = parse_username(hello.username)
    client_id = hello.client_id
    if not all(DEVICE_ID.fullmatch(part) for part in client_id.split("/", 1)):
        raise ConnectRefused(
            BAD_CLIENT_ID,
            "the client id is no valid device id; the device must connect with its device id, "
            "a module with DEVICE/MODULE",
        )
    if client_id != user.client_id:
        raise ConnectRefused(
            BAD_CLIENT_ID,
            f"the client id {client_id!r} is not the id in the user name ({user.client_id[:128]!r}); "
            "the device must send the same id in both (case matters)",
        )
    if not same_host(user.host, hosts):
        raise ConnectRefused(
            NOT_AUTHORISED,
            f"the user name is for the hub {user.host[:128]!r} and this hub is {next(iter(hosts))!r}; "
            "check HostName in the device's connection string",
        )
    device = find(client_id)
    admission = _authenticate(hello, user, device, hosts, policies, now)
    if not admission.device.enabled:
        raise ConnectRefused(
            NOT_AUTHORISED,
            f"the device {client_id!r} is disabled; enable it in the registry to let it connect",
        )
    if hello.will is not None:
        check_will(hello.will, client_id)
    return admission


def admit_request(
    device_id: str,
    header: str | None,
    certificate: Certificate | None,
    hosts: Collection[str],
    device: Device | None,
    policies: Mapping[str, Policy],
    now: float,
) -> Admission:
    """Admit a request over HTTPS by its Authorization header, or else by the certificate; 401003 with a reason."""
    user = Username(next(iter(hosts)), device_id, None, None)
    hello = Hello(device_id, None, header, certificate=certificate)
    try:
        if not header and certificate is None:
            raise ConnectRefused(
                BAD_CREDENTIALS,
                f"the request of {device_id[:128]!r} has no Authorization header and came without a client "
                "certificate; it must have a SAS token in the header, or show the registered certificate",
            )
        admission = _authenticate(hello, user, device, hosts, policies, now)
        if not admission.device.enabled:
            raise ConnectRefused(NOT_AUTHORISED, f"the device {device_id!r} is disabled; enable it first")
    except ConnectRefused as refused:
        raise HubError("IotHubUnauthorized", f"{refused.reason[0].upper()}{refused.reason[1:]}.") from None
    return admission


def _authenticate(
    hello: Hello,
    user: Username,
    device: Device | None,
    hosts: Collection[str],
    policies: Mapping[str, Policy],
    now: float,
) -> Admission:
    if hello.password:
        try:
            token = parse_token(hello.password)
        except TokenRefused as refused:
            raise ConnectRefused(BAD_CREDENTIALS, f"device {hello.client_id!r}: {refused.reason}") from None
        device = _known(device, hello.client_id)
        try:
            return _with_token(token, user, device, hosts, policies, now)
        except TokenRefused as refused:
            raise ConnectRefused(NOT_AUTHORISED, f"device {device.id!r}: {refused.reason}") from None
    if hello.certificate is not None:
        device = _known(device, hello.client_id)
        return Admission(
            device, user.api_version, user.model_id, _with_certificate(hello.certificate, device)
        )
    raise ConnectRefused(
        BAD_CREDENTIALS,
        f"device {hello.client_id!r} sent neither a password nor a client certificate; "
        "it must send a SAS token as the password",
    )


def _known(device: Device | None, device_id: str) -> Device:
    if device is None and "/" in device_id:
        raise ConnectRefused(
            NOT_AUTHORISED,
            f"the module {device_id!r} (DEVICE/MODULE) is not registered on this hub (ids are case-sensitive); "
            "create it, or correct DeviceId and ModuleId in the connection string",
        )
    if device is None:
        raise ConnectRefused(
            NOT_AUTHORISED,
            f"the device {device_id!r} is not registered on this hub (ids are case-sensitive); "
            "create it, or correct DeviceId in the device's connection string",
        )
    return device


def _with_token(
    token: Token,
    user: Username,
    device: Device,
    hosts: Collection[str],
    policies: Mapping[str, Policy],
    now: float,
) -> Admission:
    path = device.place.split("/")
    if not covers(token.resource, hosts, *path):
        raise TokenRefused(
            "resource",
            f"the token is for {token.resource[:256]!r}, not for {next(iter(hosts))}/{device.place}; "
            "it belongs to another device or hub: sign with this device's own connection string",
        )
    if token.policy is None:
        if token.resource.rstrip("/").count("/") < len(path):
            raise TokenRefused(
                "resource",
                f"the token is for all of {token.resource[:256]!r}; a key may only sign for its own device or module: "
                f"sign for {next(iter(hosts))}/{device.place}",
            )
        if not device.keys:
            raise TokenRefused(
                "key",
                f"the identity has no symmetric key, its authentication is of type {_kind(device)!r}; "
                "it must connect as that says",
            )
        signer = check_token(token, device.keys, now, f"device {device.id!r}")
        return Admission(
            device, user.api_version, user.model_id, auth_method(_scope(device), "sas"), token.expiry, signer
        )
    policy = policies.get(token.policy)
    if policy is None or DEVICE_CONNECT not in policy.permissions:
        raise TokenRefused(
            "key",
            f"the policy {token.policy[:64]!r} (skn) may not connect devices; "
            "sign with the device's own key and leave skn out",
        )
    check_token(token, policy.keys, now, f"policy {policy.name!r}")
    return Admission(device, user.api_version, user.model_id, auth_method("hub", "sas"), token.expiry)


def _with_certificate(certificate: Certificate, device: Device) -> str:
    authentication, kind = device.identity["authentication"], _kind(device)
    if kind == "selfSigned":
        allowed = {text.lower() for text in authentication["x509Thumbprint"].values() if text}
        if allowed.isdisjoint(text.lower() for text in certificate.thumbprints):
            raise ConnectRefused(
                NOT_AUTHORISED,
                f"the client certificate's thumbprint is not one of device {device.id!r}; "
                "register its thumbprint or use the registered certificate",
            )
        return auth_method(_scope(device), "x509Certificate")
    if kind == "certificateAuthority":
        if not certificate.authorities or certificate.common_name != device.id:
            raise ConnectRefused(
                NOT_AUTHORISED,
                f"the client certificate must be signed by a registered authority and have the subject CN={device.id}",
            )
        return auth_method(_scope(device), "x509CertificateAuthority")
    raise ConnectRefused(
        NOT_AUTHORISED,
        f"device {device.id!r} is registered with authentication of type {kind!r} and sent only a "
        "certificate; it must send a SAS token",
    )


def _kind(device: Device) -> str:
    return device.identity["authentication"]["type"]


def _scope(device: Device) -> str:
    return "device" if device.parent is None else "module"


def auth_method(scope: str, kind: str) -> str:
    """The JSON text telemetry is stamped with."""
    # Tokens are the hub's own, certificates somebody else's.
    issuer = "iothub" if kind == "sas" else "external"
    method = {"scope": scope, "type": kind, "issuer": issuer, "acceptingIpFilterRule": None}
    return json.dumps(method, separators=(",", ":"))


def check_will(will: Will, device_id: str) -> None:
    """A will must be a telemetry message at QoS 0 or 1; ConnectRefused otherwise."""
    try:
        request = parse_publish(will.topic, device_id)
        if not isinstance(request, Telemetry):
            raise TopicRefused(f"its topic must be {place_of(device_id)}/messages/events/")
        if will.qos > 1:
            raise TopicRefused("QoS 2 is not supported; use 0 or 1")
        read_message(request.bag, will.payload, will.retain)
    except TopicRefused as refused:
        raise ConnectRefused(
            NOT_AUTHORISED, f"the will of device {device_id!r} cannot be kept: {refused}"
        ) from None
