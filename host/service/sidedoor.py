"""Requests to the local hub's side door, and what they may end in."""

from typing import Any

from ..failure import REFUSED, UNREACHABLE, Failure
from .hub import Hub, explain


def call(hub: Hub, method: str, path: str, body: Any = None, instead: str = "") -> Any:
    """One request; its JSON, or None. ``instead`` says what does this on Azure."""
    import requests

    if not hub.is_local:
        raise Failure(f"{hub.address} is not a local hub; {instead}")
    try:
        answer = requests.request(
            method,
            f"https://{hub.address}/twinkle/{path}",
            json=body,
            headers={"Authorization": hub.token()},
            verify=hub.ca_file,
            timeout=20,
        )
    except requests.exceptions.SSLError:
        raise Failure(
            f"{hub.address} has a certificate of another authority; see --ca-file", REFUSED
        ) from None
    except requests.exceptions.ConnectionError:
        raise Failure(f"{hub.address} does not answer; is the hub running?", UNREACHABLE) from None
    if answer.status_code >= 400:
        raise explain(answer.status_code, answer.text, answer.reason)
    return answer.json() if answer.content else None
