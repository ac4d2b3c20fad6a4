"""The rows of the Python SDKs: every public method of their clients, and what its call came to."""

import asyncio
import logging
from importlib.metadata import version
from typing import Any

from . import devices, service
from .devices import Device
from .modules import Module, Provisioning
from .rows import NO_CALL, Row, aside, judged, public
from .service import CLASSES, Configurations, Jobs, Registry
from .service_runtime import DigitalTwins, Runtime
from .world import World, may_bind_https

SERVICE = dict(
    zip(
        (kind.__name__ for kind in CLASSES),
        (Registry, Jobs, Configurations, Runtime, DigitalTwins),
        strict=True,
    )
)
DEVICE = (Device, Module, Provisioning)
OF_DEVICES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Python azure-iot-device", "sync", {}),
    ("Python azure-iot-device (aio)", "aio", {}),
    ("Python azure-iot-device (WebSocket)", "sync", {"websockets": True}),
)
ON_443 = {"get_storage_info_for_blob", "notify_blob_upload_status", "invoke_method"}
AT_ONCE = 6  # calls that are under way at a time

Table = dict[str, dict[str, Row]]


def of_service(world: World) -> Table:
    """azure-iot-hub's."""
    return asyncio.run(_of_service(world))


async def _of_service(world: World) -> Table:
    table: Table = {}
    for kind in service.CLASSES:
        calls = await aside(SERVICE[kind.__name__], world)
        table[kind.__name__] = await rows(kind, calls, lambda function: aside(function))
    return table


def of_device(world: World, flavour: str, **how: Any) -> Table:
    """azure-iot-device's, ``sync`` or ``aio``; ``how`` its clients come to the hub, in options of theirs."""
    return asyncio.run(_of_device(world, flavour, how))


async def _of_device(world: World, flavour: str, how: dict[str, Any]) -> Table:
    table: Table = {}
    for kind, calls in zip(devices.CLASSES[flavour], DEVICE, strict=True):
        table[kind.__name__] = await rows(kind, lambda kind=kind, calls=calls: calls(kind, world, how), None)
    return table


async def rows(kind: type, calls: Any, threaded: Any) -> dict[str, Row]:
    """A class's rows. A method that nobody has written a call for has one, too, which says so."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def row(name: str) -> Row:
        if name in ON_443 and not may_bind_https():
            return {"outcome": NO_CALL, "words": "it is made to port 443, which this user may not listen on"}
        async with gate:
            one = calls if threaded else calls()
            function = getattr(one, name, None)
            if function is None:
                return {"outcome": NO_CALL, "words": "nobody has written a call of it"}
            if threaded:
                return await judged(lambda: threaded(function))
            try:
                return await judged(function)
            finally:
                await one.leave()

    names = public(kind)
    return dict(zip(names, await asyncio.gather(*map(row, names)), strict=True))


def python_packages(world: World) -> dict[str, Any]:
    """Both packages, with their versions. What is over WebSocket dials port 443, and is tried where one may."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what they say of refusals stands in the rows
    logging.getLogger("uamqp").setLevel(logging.CRITICAL)
    found = {"Python azure-iot-hub": {"version": version("azure-iot-hub"), "classes": of_service(world)}}
    for name, flavour, how in OF_DEVICES:
        if may_bind_https() or not how:
            classes = of_device(world, flavour, **how)
            found[name] = {"version": version("azure-iot-device"), "classes": classes}
    return found
