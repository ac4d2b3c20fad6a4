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


def of_device(world: World, flavour: str) -> Table:
    """azure-iot-device's, ``sync`` or ``aio``."""
    return asyncio.run(_of_device(world, flavour))


async def _of_device(world: World, flavour: str) -> Table:
    table: Table = {}
    for kind, calls in zip(devices.CLASSES[flavour], DEVICE, strict=True):
        table[kind.__name__] = await rows(kind, lambda kind=kind, calls=calls: calls(kind, world), None)
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
    """Both packages, with their versions."""
    logging.getLogger("azure").setLevel(logging.CRITICAL)  # what they say of refusals stands in the rows
    logging.getLogger("uamqp").setLevel(logging.CRITICAL)
    return {
        "Python azure-iot-hub": {"version": version("azure-iot-hub"), "classes": of_service(world)},
        "Python azure-iot-device": {
            "version": version("azure-iot-device"),
            "classes": of_device(world, "sync"),
        },
        "Python azure-iot-device (aio)": {
            "version": version("azure-iot-device"),
            "classes": of_device(world, "aio"),
        },
    }
