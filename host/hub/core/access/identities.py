"""Device identities in the documented shape.

IoT Hub developer guide, "Identity registry": device identity properties, and the
REST reference for ``/devices/{id}``.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from .. import jsontext
from ..errors import HubError
from ..times import NEVER, iso
from .policies import new_key

# At most 128 characters: ASCII 7-bit alphanumerics and these (developer guide, identity registry).
DEVICE_ID = re.compile(r"[A-Za-z0-9\-:.+%_#*?!(),=@;$']{1,128}")
# The ids that survive MQTT topics and a SAS resource without double encoding.
EASY_ID = re.compile(r"[A-Za-z0-9\-_.]{1,128}")

KEY_BYTES = range(16, 65)  # a symmetric key is 16 to 64 bytes before base64
MAX_TEXT = 128  # statusReason and managedBy, characters
# Of the model AuthenticationMechanism; an identity of type "none" has no credentials and connects by a policy's.
AUTHENTICATION = ("sas", "selfSigned", "certificateAuthority", "none")

THUMBPRINT = re.compile(r"(?:[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})")


def check_device_id(device_id: Any) -> str:
    """The id, or ArgumentInvalid that says what an id may hold."""
    if not isinstance(device_id, str) or not DEVICE_ID.fullmatch(device_id) or device_id in (".", ".."):
        raise invalid(
            f"The device id {str(device_id)[:140]!r} is not valid: use 1 to 128 of the characters A-Z a-z 0-9 "
            "- : . + % _ # * ? ! ( ) , = @ ; $ ' (letters, digits, '-', '_' and '.' work everywhere)."
        )
    return device_id


def invalid(message: str) -> HubError:
    """400004 with a message."""
    return HubError("ArgumentInvalid", message)


def new_identity(
    device_id: str,
    module_id: str | None,
    body: Any,
    utc: float,
    generation: int,
    random_bytes: Callable[[int], bytes],
) -> dict[str, Any]:
    """A new identity from the body of ``PUT /devices/{id}``, or of a module of it; missing keys are made up."""
    fresh: dict[str, Any] = {
        "deviceId": device_id,
        "generationId": str(generation),
        "etag": "",
        "status": "enabled",
        "statusReason": None,
        "connectionStateUpdatedTime": NEVER,
        "statusUpdatedTime": NEVER,
        "lastActivityTime": NEVER,
        "cloudToDeviceMessageCount": 0,
        "authentication": {
            "symmetricKey": {"primaryKey": None, "secondaryKey": None},
            "x509Thumbprint": {"primaryThumbprint": None, "secondaryThumbprint": None},
            "type": "sas",
        },
        "capabilities": {"iotEdge": False},
    }
    if module_id is not None:
        fresh |= {"moduleId": module_id, "managedBy": None}
    return changed_identity(fresh, body, utc, random_bytes)


def changed_identity(
    old: dict[str, Any], body: Any, utc: float, random_bytes: Callable[[int], bytes]
) -> dict[str, Any]:
    """``old`` with what the body changes, and a new etag. Nothing is changed in place.

    A key or thumbprint that the body leaves out or gives as null stays, and a key that is empty is
    made anew; read-only members (times, state, generationId, etag) are ignored. A module has no status and
    no capabilities of its own, and an owner, ``managedBy``.
    """
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise invalid("The body of an identity must be a JSON object.")
    for name in ("deviceId", "moduleId"):
        named = body.get(name)
        if named is not None and name in old and named != old[name]:
            raise invalid(
                f"The member '{name}' is not the one of the address, {old[name]!r}; make them equal."
            )
    identity = jsontext.copy(old)
    if "moduleId" in old:
        identity["managedBy"] = _text(body, "managedBy", old)
    else:
        status = body.get("status") or old["status"]
        if status not in ("enabled", "disabled"):
            raise invalid("The member 'status' must be 'enabled' or 'disabled'.")
        if status != old["status"]:
            identity["statusUpdatedTime"] = iso(utc)
        identity["status"] = status
        identity["statusReason"] = _text(body, "statusReason", old)
        _capabilities(identity, body)
    identity["authentication"] = _authentication(
        old["authentication"], body.get("authentication"), random_bytes, "moduleId" in old
    )
    identity["etag"] = _new_etag(old["etag"], random_bytes)
    return identity


def _text(body: dict[str, Any], name: str, old: dict[str, Any]) -> str | None:
    text = body.get(name, old[name])
    if text is not None and (not isinstance(text, str) or len(text) > MAX_TEXT):
        raise invalid(f"The member '{name}' must be text of at most {MAX_TEXT} characters.")
    return text


def _authentication(
    old: dict[str, Any], body: Any, random_bytes: Callable[[int], bytes], of_module: bool
) -> dict[str, Any]:
    body = _object("authentication", body)
    kind = body.get("type") or _guess_type(body) or old["type"]
    if kind not in AUTHENTICATION:
        raise invalid(f"The member 'authentication.type' must be one of {', '.join(AUTHENTICATION)}.")
    given_keys = _object("authentication.symmetricKey", body.get("symmetricKey"))
    given_prints = _object("authentication.x509Thumbprint", body.get("x509Thumbprint"))
    keys = {}
    for name in ("primaryKey", "secondaryKey"):
        key = given_keys.get(name, old["symmetricKey"][name])
        key = old["symmetricKey"][name] if key is None else key
        if kind == "sas":
            keys[name] = check_key(name, key) if key else new_key(random_bytes)
        else:
            keys[name] = None
    prints = {}
    for name in ("primaryThumbprint", "secondaryThumbprint"):
        value = given_prints.get(name) or old["x509Thumbprint"][name]
        if value and not (isinstance(value, str) and THUMBPRINT.fullmatch(value)):
            raise invalid(f"The member '{name}' must be 40 (SHA-1) or 64 (SHA-256) hexadecimal digits.")
        prints[name] = value if value and kind == "selfSigned" else None
    # A module may do without: azure-sdk-for-net, SessionRecords, ModulesClient_BulkUpdate.
    if kind == "selfSigned" and not any(prints.values()) and not of_module:
        raise invalid("Authentication of type 'selfSigned' needs x509Thumbprint.primaryThumbprint.")
    return {"symmetricKey": keys, "x509Thumbprint": prints, "type": kind}


def _guess_type(body: dict[str, Any]) -> str | None:
    prints = body.get("x509Thumbprint")
    return "selfSigned" if isinstance(prints, dict) and any(prints.values()) else None


def _object(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"The member '{name}' must be a JSON object.")
    return value


def check_key(name: str, key: Any) -> str:
    try:
        size = len(base64.b64decode(key, validate=True)) if isinstance(key, str) else 0
    except (binascii.Error, ValueError):
        size = 0
    if size not in KEY_BYTES:
        raise invalid(
            f"The member '{name}' must be base64 of {KEY_BYTES.start} to {KEY_BYTES.stop - 1} bytes; "
            "leave it out and the hub makes one."
        )
    return key


def _capabilities(identity: dict[str, Any], body: dict[str, Any]) -> None:
    edge = _object("capabilities", body.get("capabilities")).get("iotEdge", False)
    if edge is not False and edge is not None:
        raise HubError("FeatureNotSupported", "This hub has no IoT Edge; set capabilities.iotEdge to false.")
    for name in ("deviceScope", "parentScopes"):
        if body.get(name):
            raise HubError(
                "FeatureNotSupported", f"This hub has no IoT Edge hierarchies; leave out '{name}'."
            )


def _new_etag(old: str, random_bytes: Callable[[int], bytes]) -> str:
    number = int.from_bytes(random_bytes(4), "big")
    etag = base64.b64encode(str(number).encode()).decode("ascii")
    # Two equal draws in a row would make a changed identity look unchanged.
    return etag if etag != old else base64.b64encode(str(number + 1).encode()).decode("ascii")


def etag_matches(given: str | None, etag: str) -> bool:
    """Whether an If-Match value admits ``etag``: none, a star, or the etag; quoted or not."""
    if given is None:
        return True
    given = given.strip().removeprefix("W/")
    if len(given) >= 2 and given[0] == given[-1] == '"':
        given = given[1:-1]
    return given in ("*", etag)


def check_etag(given: str | None, etag: str, what: str) -> None:
    """412001 unless the If-Match value admits ``etag``."""
    if not etag_matches(given, etag):
        raise HubError(
            "PreconditionFailed",
            f"The {what} was changed since the etag {given[:64]!r} was read (it is {etag!r} now); "
            "read it again and repeat the change, or send If-Match: * to overwrite.",
        )
