"""The provisioning service, local or Azure's, as its REST reference has it (service, 2021-10-01)."""

import contextlib
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from ..failure import USAGE, Failure, of_refusal
from .hub import Hub

VERSION = "2021-10-01"
PATIENCE_S = 20
INDIVIDUAL, GROUP = "enrollments", "enrollmentGroups"
IDS = {INDIVIDUAL: "registrationId", GROUP: "enrollmentGroupId"}
HUBS_DOMAIN = ".azure-devices."  # of IoT hubs; the service's own is azure-devices-provisioning


def service_of(hub: Hub) -> Hub:
    """The provisioning service beside a hub: the local one's own, on Azure the one that the string is of."""
    if hub.provisioning_string:
        return replace(hub, connection_string=hub.provisioning_string)
    if HUBS_DOMAIN in hub.host:
        raise Failure(
            f"{hub.host} is an IoT hub; enrolments are kept with a Device Provisioning Service: "
            "give the connection string of its policy provisioningserviceowner (--service)",
            USAGE,
        )
    return hub


def path(kind: str, name: str, *more: str) -> str:
    """Where an enrolment of a kind is."""
    return "/".join([kind, quote(name, safe=""), *more])


def call(service: Hub, method: str, place: str, body: Any = None, **headers: str) -> tuple[Any, str | None]:
    """One request; its JSON or None, and the continuation of the next page. Failure with the service's own words."""
    import requests

    try:
        answer = requests.request(
            method,
            f"https://{service.address}/{place}?api-version={VERSION}",
            json=body,
            headers={"Authorization": service.token(), **headers},
            verify=service.ca_file or True,
            timeout=PATIENCE_S,
        )
    except requests.exceptions.SSLError:
        raise service.stranger() from None
    except requests.exceptions.RequestException:
        raise service.unheard() from None
    if answer.status_code >= 400:
        raise _refused(answer.status_code, answer.text, answer.reason)
    return (answer.json() if answer.content else None), answer.headers.get("x-ms-continuation")


def query(service: Hub, kind: str) -> list[dict[str, Any]]:
    """All enrolments of a kind."""
    rows: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        page, token = call(service, "POST", f"{kind}/query", {"query": f"SELECT * FROM {kind}"}, **more)
        rows += page
        if not token:
            return rows
        more = {"x-ms-continuation": token}


def _refused(status: int, text: str, reason: str) -> Failure:
    code: Any = status
    with contextlib.suppress(ValueError, AttributeError, TypeError):
        body = json.loads(text)
        reason, code = body.get("message") or reason, body.get("errorCode") or code
    return Failure(f"the service refused ({status} {code}): {reason}", of_refusal(status))
