"""What is asked of the local hub's side door, and what may come of it."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from ..failure import UNREACHABLE, USAGE, Failure
from .hub import Hub, explain

PATIENCE_S = 20
SILENCE_S = 15  # a stream says something every five seconds


def call(hub: Hub, method: str, path: str, body: Any = None, instead: str = "") -> Any:
    """One request; its JSON, or None. ``instead`` says what does this on Azure."""
    if not hub.is_local:
        raise Failure(f"{hub.address} is not a local hub; {instead}", USAGE)
    with _asked(hub, method, path, json=body, timeout=PATIENCE_S) as answer:
        return answer.json() if answer.content else None


def diagnostics(hub: Hub) -> Iterator[dict[str, Any] | None]:
    """The local hub's diagnostics as they come; None now and then. Failure when it stops."""
    with _asked(hub, "GET", "diagnostics", stream=True, timeout=(10, SILENCE_S)) as answer:
        for text in answer.iter_lines(chunk_size=1):
            yield json.loads(text) if text else None
    raise Failure(f"{hub.address} stopped", UNREACHABLE)


@contextlib.contextmanager
def _asked(hub: Hub, method: str, path: str, **options: Any) -> Iterator[Any]:
    import requests

    headers = {"Authorization": hub.token()}
    try:
        with requests.request(
            method, f"https://{hub.address}/twinkle/{path}", headers=headers, verify=hub.ca_file, **options
        ) as answer:
            if answer.status_code >= 400:
                raise explain(answer.status_code, answer.text, answer.reason)
            yield answer
    except requests.exceptions.SSLError:
        raise hub.stranger() from None
    except requests.exceptions.ReadTimeout:
        raise Failure(f"{hub.address} has fallen silent", UNREACHABLE) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
        raise hub.unheard() from None
