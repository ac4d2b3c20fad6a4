"""Which hub is meant: the one that is named, or else the local one that runs."""

import base64
import json
import os
import shlex
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..failure import FAILED, NOT_FOUND, UNREACHABLE, USAGE, Failure, note
from ..known_hubs import known
from ..paths import default_hub_state
from .hub import EVENTS_VARIABLE, MQTT_PORT, VARIABLE, Hub

START_S = 10.0  # what a local hub takes to start, on a busy computer
LOOK_S = 0.1

T = TypeVar("T")


def find(connection_string: str | None, state: str | None, ca_file: str | None) -> Hub:
    """The hub meant: by connection string, by a local hub's state directory, or the local hub that runs.

    A local hub that is starting is waited for.
    """
    if connection_string is not None and not connection_string.strip():
        raise Failure("the service connection string is empty; copy it whole, or leave --service out", USAGE)
    if ca_file:
        _check_authorities(ca_file)
    connection_string = connection_string or (None if state else os.environ.get(VARIABLE))
    if connection_string:
        _check(connection_string)
        # A local hub's own files know its authority and its device port.
        for local in [local_hub(state)] if state else _all():
            if _host(connection_string) == _host(local.connection_string):
                return _by_string(local, connection_string, ca_file)
        return Hub(connection_string, ca_file, events_string=os.environ.get(EVENTS_VARIABLE))
    return awaited(state)


def awaited(state: str | None = None) -> Hub:
    """The local hub of a state directory, or the one that runs; one that is starting is waited for, for START_S.

    Of several that run the one started last, which is said. Failure when none does.
    """
    hub = _wait(lambda: _running(state))
    if hub is not None:
        return hub
    if state:
        where, start = local_hub(state).address, f"twinkle hub --state {shlex.quote(state)}"
    else:
        stopped = _all()
        if not stopped:
            raise Failure(
                f"no hub is named and none is running here: start one (twinkle hub), give --service or set {VARIABLE}",
                NOT_FOUND,
            )
        where, start = stopped[0].address, _start_of(stopped[0])
    raise Failure(
        f"no local hub is running here, the last one at {where} does not answer: start it ({start}), "
        f"give --service or set {VARIABLE}",
        UNREACHABLE,
    )


def of_device(connection_string: str, patient: bool = False) -> Hub | None:
    """The local hub that a device's connection string names, be it running or not.

    ``patient``: one that is starting for the first time is waited for. None when no hub known here is dialled by
    that name, at that port.
    """
    parts = dict(pair.partition("=")[::2] for pair in connection_string.split(";"))
    name = parts.get("HostName", "").lower()
    port = parts.get("Port", str(MQTT_PORT))
    dialled = (parts.get("GatewayHostName") or name).lower()

    def named() -> list[Hub]:
        here = [hub for hub in _all() if str(hub.mqtt_port) == port]
        # By the address alone where it tells them apart: all may have the same name.
        return [hub for hub in here if dialled == hub.host.strip("[]").lower()] or [
            hub for hub in here if name in (hub.host.lower(), (hub.name or "").lower())
        ]

    found = (_wait(named) if patient else named()) or []
    return next((hub for hub in found if hub.accepts()), next(iter(found), None))


def _wait(look: Callable[[], T | None]) -> T | None:
    """What ``look()`` finds, within START_S."""
    end = time.monotonic() + START_S
    told = False
    while not (found := look()) and time.monotonic() < end:
        if not told:
            note(f"no local hub answers here; waiting up to {START_S:.0f} s for one that is starting")
            told = True
        time.sleep(LOOK_S)
    return found


def _running(state: str | None) -> Hub | None:
    if state:
        try:
            hub = local_hub(state)
        except Failure:  # its files may not be there yet, or not all of them
            return None
        return hub if hub.accepts() else None
    found = [hub for hub in _all() if hub.accepts()]
    if len(found) > 1:
        others = ", ".join(hub.address for hub in found[1:])
        note(
            f"this is for {found[0].address}, started last; {others} {'run' if len(found) > 2 else 'runs'} too: "
            "choose with --state or --service"
        )
    return found[0] if found else None


def _all() -> list[Hub]:
    """Those known, the last one first, one for each address: who started later has taken it over."""
    hubs: dict[tuple[str, int], Hub] = {}
    for directory in known():
        if (directory / "hub.json").exists():
            try:
                hub = local_hub(str(directory))
            except Failure:  # being written, or of another release
                continue
            hubs.setdefault((hub.address, hub.mqtt_port), hub)
    return list(hubs.values())


def local_hub(state: str) -> Hub:
    """The local hub of a state directory, as its files tell of it."""
    directory = Path(state)
    try:
        info = json.loads((directory / "hub.json").read_text())
        text, ca_file = info["serviceConnectionString"] + "", info["caFile"] + ""
        events = info["eventHubConnectionString"]
        own = (info["host"] + "", info["provisioningConnectionString"], info["idScope"], directory)
        return Hub(text, ca_file, info["mqttPort"], events, info["amqpPort"], *own, tuple(info["routes"]))
    except FileNotFoundError:
        raise Failure(
            f"{state} is not the state of a local hub; give the --state that the hub was started with",
            NOT_FOUND,
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Failure(f"{directory}/hub.json cannot be read ({error}); restart the hub", FAILED) from None


def _start_of(hub: Hub) -> str:
    default = hub.state is None or hub.state.absolute() == default_hub_state().absolute()
    return "twinkle hub" if default else f"twinkle hub --state {shlex.quote(str(hub.state))}"


def _by_string(local: Hub, connection_string: str, ca_file: str | None) -> Hub:
    """A local hub, asked by the policy of this string and by no other of those that its files tell of."""
    hub = replace(local, connection_string=connection_string, ca_file=ca_file or local.ca_file)
    named = ("SharedAccessKeyName", "SharedAccessKey")
    if all(hub.parts[name] == local.parts[name] for name in named):
        return hub
    events = dict(pair.partition("=")[::2] for pair in (local.events_string or "").split(";"))
    events |= {name: hub.parts[name] for name in named}
    return replace(
        hub,
        provisioning_string=None,
        events_string=";".join(f"{name}={value}" for name, value in events.items() if name),
    )


def _host(connection_string: str) -> str:
    return connection_string.partition("HostName=")[2].partition(";")[0].lower()


def _check_authorities(file: str) -> None:
    # A client of HTTPS takes a file without any for one that trusts nobody.
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        raise Failure(f"{file} holds no PEM certificate, or one that is damaged", USAGE) from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", NOT_FOUND) from None


def _check(connection_string: str) -> None:
    parts = Hub(connection_string).parts
    for name in ("HostName", "SharedAccessKeyName", "SharedAccessKey"):
        if not parts.get(name):
            raise Failure(
                f"the service connection string has no {name}; copy it whole, from a shared access policy of the hub",
                USAGE,
            )
    try:
        base64.b64decode(parts["SharedAccessKey"], validate=True)
    except ValueError:  # binascii's among them
        raise Failure(
            "the SharedAccessKey of the service connection string is not base64; copy it whole, with its closing =",
            USAGE,
        ) from None
