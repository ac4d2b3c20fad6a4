"""``twinkle hub``: the local hub in the foreground."""

import asyncio
import contextlib
import gc
import ipaddress
import logging
import math
import re
import signal
import sqlite3
import webbrowser
from pathlib import Path

import click

from ..failure import EXIT_STATUSES, USAGE, Failure
from ..known_hubs import remember
from ..paths import default_hub_state
from ..screen import plain, show, show_json

ROUTES = (
    *("twinChangeEvents", "digitalTwinChangeEvents"),
    *("deviceConnectionStateEvents", "deviceLifecycleEvents"),
)  # the core's, which is imported late
PORT = click.IntRange(0, 65535)
# RFC 1123, section 2.1; some use _ in names of their own networks.
# Azure Resource Manager's naming rules, Microsoft.EventHub/namespaces/eventhubs/consumergroups.
GROUP = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?")
LABEL, LONGEST_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"), 253
PAGE_PORT = 8444
COLLECT_AFTER = 50_000  # new objects; CPython's own 700 are soon made where there are a thousand devices


@click.command(
    epilog="\b\nExample: twinkle hub\n"
    "On a bench, for boards on the network: twinkle hub --bind 0.0.0.0 --host-name 192.168.1.5\n\n"
    + EXIT_STATUSES
)
@click.option(
    "--state",
    # What is written down for other commands must hold wherever they are run.
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    help="Directory for identities, twins, keys.",
)
@click.option("--bind", default="127.0.0.1", show_default=True, metavar="ADDR", help="Address to listen on.")
@click.option(
    "--port",
    type=PORT,
    default=8883,
    show_default=True,
    help="For devices, MQTT over TLS; 0 takes a free one.",
)
@click.option(
    "--rest-port", type=PORT, default=8443, show_default=True, help="For services, HTTPS; 0 takes a free one."
)
@click.option(
    "--amqp-port",
    type=PORT,
    default=5671,
    show_default=True,
    help="For reading events, AMQP over TLS; 0 takes a free one.",
)
@click.option(
    "--plain-amqp-port",
    type=PORT,
    metavar="PORT",
    help="The same without TLS, on loopback only (5672, with UseDevelopmentEmulator=true); not opened without this.",
)
@click.option(
    "--page-port",
    type=PORT,
    metavar="PORT",
    help="For the page, HTTP on loopback only; 0 takes a free one.  [default: 8444, or a free one]",
)
@click.option("--page/--no-page", default=True, help="Whether there is a page to look at.")
@click.option("--open", "opens", is_flag=True, help="Open the page in this computer's browser.")
@click.option(
    "--model",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="A file with a DTDL model, of which the page makes forms; repeatable.",
)
@click.option(
    "--route",
    multiple=True,
    type=click.Choice(["all", *ROUTES]),
    help="Notifications for readers beside telemetry; repeatable. Without it none, as on Azure.",
)
@click.option(
    "--consumer-group",
    multiple=True,
    callback=lambda context, option, names: tuple(map(_group_name, names)),
    metavar="NAME",
    help="A group of readers beside $Default; repeatable.",
)
@click.option(
    "--name",
    default="localhost",
    show_default=True,
    callback=lambda context, option, name: _host_name(name),
    help="The hub's own name, in devices' strings, tokens and events, and where devices are assigned to.",
)
@click.option(
    "--host-name",
    multiple=True,
    callback=lambda context, option, names: tuple(map(_host_name, names)),
    metavar="NAME",
    help="A name or address the hub is reached by, for its certificate; repeatable.",
)
@click.option(
    "--throttle",
    type=click.FloatRange(0, min_open=True),
    metavar="SHARE",
    help="Refuse with 429 what is above this share of IoT Hub's rates for one S1 unit; 1 for all of them.",
)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Misbehave by the rules in this file, on all levels; host/hub/faults/rules.py says what there is.",
)
@click.option(
    "--keep-hours",
    type=click.FloatRange(0, min_open=True),
    default=24.0,
    show_default=True,
    callback=lambda context, option, hours: _finite(hours),
    help="How long events are kept for readers; IoT Hub has 24 to 168.",
)
@click.option(
    "--keep-megabytes",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="How much of events is kept; the oldest leave first.",
)
@click.option(
    "--upload-megabytes",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="How much of devices' files is kept; more is refused.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once it is ready.")
@click.option("--quiet", is_flag=True, help="Do not log refused and closed connections.")
def hub(
    state,
    bind,
    port,
    rest_port,
    amqp_port,
    plain_amqp_port,
    page_port,
    page,
    opens,
    model,
    route,
    consumer_group,
    name,
    host_name,
    throttle,
    faults,
    keep_hours,
    keep_megabytes,
    upload_megabytes,
    as_json,
    quiet,
) -> None:
    """Run a local hub that speaks IoT Hub's protocols, until it is stopped.

    For a desk, a test or a workshop. Further names (--host-name) are what devices
    dial (GatewayHostName in their connection string).
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Plain("%(message)s"))
    logging.basicConfig(level=logging.ERROR if quiet else logging.INFO, handlers=[handler])
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    from .faults.rules import FaultError
    from .server import ServerError
    from .settings import Settings
    from .store import StoreError

    _differ(
        {
            "--port": port,
            "--rest-port": rest_port,
            "--amqp-port": amqp_port,
            "--plain-amqp-port": plain_amqp_port,
            "--page-port": page_port,
        }
    )
    if not page and (page_port is not None or opens):
        raise click.UsageError("--no-page goes with neither --page-port nor --open")
    try:
        rules = faults.read_text() if faults else None
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{faults} cannot be read: {error}", USAGE) from None
    settings = Settings(
        state or default_hub_state(),
        bind=bind,
        port=port,
        rest_port=rest_port,
        host_names=(name, *host_name),
        throttle=throttle,
        faults=rules,
        amqp_port=amqp_port,
        plain_amqp_port=plain_amqp_port,
        groups=consumer_group,
        routes=ROUTES if "all" in route else route,
        keep_s=keep_hours * 3600,
        keep_bytes=keep_megabytes << 20,
        page_port=(PAGE_PORT if page_port is None else page_port) if page else None,
        page_anywhere=page_port is None,
        models=model,
        upload_bytes=upload_megabytes << 20,
    )
    try:
        asyncio.run(_serve(settings, as_json, opens))
    except FaultError as error:
        raise Failure(f"{faults}: {error}", USAGE) from None
    except (ServerError, StoreError) as error:
        raise Failure(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise Failure(f"the hub's state in {settings.state} cannot be used: {error}; check --state") from None


def _host_name(name: str) -> str:
    """A name or an address that a certificate can be made out to; refused if it is neither."""
    with contextlib.suppress(ValueError):  # a name, then
        return str(ipaddress.ip_address(name))
    if len(name) > LONGEST_HOST or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise click.BadParameter(f"{name!r} is neither a host's name nor an address")
    return name


def _group_name(name: str) -> str:
    """A name that a consumer group may have on Azure; refused if it is none."""
    if not GROUP.fullmatch(name):
        raise click.BadParameter(
            f"{name!r} is no consumer group's name: 1 to 50 letters, digits, '.', '-' and '_', with a letter or a "
            "digit at both ends; $Default is always there"
        )
    return name


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise click.BadParameter(f"{number} is no number of hours")
    return number


def _differ(ports: dict[str, int | None]) -> None:
    """Refuse a port that is given twice; 0 is another one each time."""
    used: dict[int, str] = {}
    for option, port in ports.items():
        if port and port in used:
            raise click.UsageError(f"{used[port]} and {option} are both {port}; each needs a port of its own")
        used[port or 0] = option


async def _serve(settings, as_json: bool, opens: bool) -> None:
    from .server import Server

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    failures: list[Exception] = []

    def failed(error: Exception) -> None:
        failures.append(error)
        stop.set()

    server = Server(settings, failed=failed)
    await server.start()
    try:
        # What a start makes stays, and devices that come and go make little that refers to itself.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, 20, 20)
        remember(settings.state)  # so that the other verbs find this hub without being told
        address = server.page.ticket() if server.page else None
        if as_json:
            show_json(server.info if address is None else {**server.info, "pageAddress": address})
        else:
            for line in _welcome(server, address).splitlines():
                show(line)
        if opens:
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, server.page.ticket())
        await stop.wait()
        if failures:
            raise failures[0]
    finally:
        await server.stop()


class _Plain(logging.Formatter):
    """Names and errors are the devices' and services' own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return plain(super().formatMessage(record))


def _welcome(server, address: str | None) -> str:
    info = server.info
    page = f"  page       {address}  (good once)\n" if address else ""
    return f"""Local hub {info["host"]} is ready (not Azure: for a desk, a test or a workshop).
  devices    MQTT over TLS on {info["bind"]}:{info["mqttPort"]}
  services   HTTPS on {info["bind"]}:{info["restPort"]}
  readers    AMQP over TLS on {info["bind"]}:{info["amqpPort"]}
{page}  CA file    {info["caFile"]}
  for SDKs   serviceConnectionString, eventHubConnectionString and provisioningConnectionString are in
             {server.settings.state}/hub.json
Next: twinkle devices add NAME, then twinkle run, twinkle monitor. Ctrl-C stops the hub."""
