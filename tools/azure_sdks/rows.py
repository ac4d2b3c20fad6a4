"""What a method came to, and how a class's methods are found."""

import asyncio
import contextlib
import inspect
import json
import re
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from twinkle_host.waiting import PATIENCE_S

LIMIT_S = 2 * PATIENCE_S  # for one call, and for what proves it; what takes longer has not worked
WORKS, REFUSED, FAILS, NO_CALL = "works", "refused", "fails", "no call"
# What is another one in each run: ids of requests and objects, addresses, moments.
PASSING = (
    (re.compile(r"Tracking ID:\S+"), ""),
    (re.compile(r"0x[0-9a-f]+"), "0x…"),
    (re.compile(r"127\.0\.\d+\.\d+(:\d+)?|localhost:\d+"), "HUB"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.Z+]+"), "TIME"),
    (re.compile(r"-[0-9a-z]{6,}\b(?=')"), "-ID"),
)

Row = dict[str, Any]


class Wrong(Exception):
    """The call came back, and had not done what it says."""


def public(kind: type) -> list[str]:
    """The names of a class's public methods and properties, taken from the class itself."""
    return sorted(name for name, _ in inspect.getmembers(kind) if not name.startswith("_"))


async def judged(call: Callable[[], Awaitable[Any]]) -> Row:
    """What a call came to. What it answers must be true of it: ``None`` and ``False`` are no proof."""
    try:
        if not await asyncio.wait_for(call(), LIMIT_S):
            raise Wrong("it came back, and nothing had happened")
    except TimeoutError:
        return {"outcome": FAILS, "words": f"no answer within {LIMIT_S:.0f} s"}
    except Exception as error:  # whatever a library may raise is what the row tells
        return refusal(error)
    return {"outcome": WORKS}


async def aside(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call what blocks, in a thread of its own: one that never comes back holds up neither the others nor the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(method: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            method(value)

    def run() -> None:
        try:
            outcome, value = future.set_result, function(*arguments, **options)
        except Exception as error:
            outcome, value = future.set_exception, error
        with contextlib.suppress(RuntimeError):  # nobody waits any longer
            loop.call_soon_threadsafe(settle, outcome, value)

    threading.Thread(target=run, daemon=True).start()
    return await future


def refusal(error: BaseException) -> Row:
    """A refusal by the hub with its status, or any other failure with its type."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if status is not None:
        return {"outcome": REFUSED, "status": status, "words": plain(said(response) or str(error))}
    found = re.search(
        r"\b(?:operation returned|HTTP status|status_code|[Ss]tatus)\D{0,3}(\d{3})\b",
        chain(error),
    )
    if found:
        return {"outcome": REFUSED, "status": int(found[1]), "words": plain(chain(error))}
    return {"outcome": FAILS, "words": plain(f"{type(error).__name__}: {chain(error)}")}


def chain(error: BaseException) -> str:
    """What an error and those that it comes from say."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 4:
        if str(cause) and str(cause) not in texts:
            texts.append(str(cause))
        cause = cause.__cause__
    return "; ".join(texts)


def said(response: Any) -> str:
    """The words of a refusal's body, which IoT Hub has as ``ErrorCode:NAME;words`` or as JSON within JSON."""
    try:
        message = json.loads(response.text).get("Message") or json.loads(response.text).get("message") or ""
    except (ValueError, AttributeError):
        return str(response.reason)
    try:
        return str(json.loads(message)["message"])
    except (ValueError, KeyError, TypeError):
        return message.partition(";")[2] or message


def plain(text: str) -> str:
    """One line, at most a sentence or two, without what is another one in each run."""
    for pattern, word in PASSING:
        text = pattern.sub(word, text)
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:159] + "…"
