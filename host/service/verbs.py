"""``devices``, ``twin``, ``method`` and ``query``: the service's side of a hub."""

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ..device_certificate import make_certificate, thumbprint_of
from ..failure import EXIT_STATUSES, FAILED, REFUSED, Failure
from ..screen import show, show_json
from .finding import find
from .hub import VARIABLE, Hub

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DIRECTORY = click.Path(file_okay=False, path_type=Path)
CONFLICT = 409
METADATA = click.option(
    "--metadata",
    is_flag=True,
    help="Show also when each property was set ($metadata); with --json it is there anyway.",
)
DEVICE_ID = click.argument("device_id", metavar="DEVICE")


def on_hub(function):
    """Gives a verb the options that say which hub, and --json.

    The function is called with ``hub`` and ``say``; what it says is printed as text
    for people, or as one line of JSON for scripts.
    """

    @functools.wraps(function)
    def run(service, state, ca_file, as_json, **arguments):
        function(find(service, state, ca_file), functools.partial(_say, as_json), **arguments)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts."),
        click.option(
            "--ca-file", type=click.Path(exists=True, dir_okay=False), help="CA of a hub with its own."
        ),
        click.option("--state", metavar="DIR", help="State directory of a local hub."),
        click.option(
            "--service",
            "--service-connection-string",
            "service",
            metavar="TEXT",
            help=f"Service connection string; also from {VARIABLE}. Without it, the local hub that runs.",
        ),
    ):
        run = option(run)
    return run


def example(text: str) -> str:
    """The end of a verb's help."""
    return f"\b\nExample: {text}\n\n{EXIT_STATUSES}"


def _say(as_json: bool, result: Any, *lines: str) -> None:
    """Print ``result`` as one line of JSON; for people ``lines``, or else indented JSON."""
    if as_json or not lines:
        show_json(result, None if as_json else 2)
    else:
        for line in lines:
            show(line)


def plain(value: Any) -> Any:
    """Dicts and lists from the SDK's objects."""
    if hasattr(value, "serialize"):
        return value.serialize(keep_readonly=True) | (value.additional_properties or {})
    return [plain(item) for item in value] if isinstance(value, list) else value


def parse(text: str, what: str) -> Any:
    """JSON from the command line."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.UsageError(
            f"{what} is not JSON ({error}); quote it, as in '{{\"configId\": 3}}'"
        ) from None


@click.group()
def devices() -> None:
    """Identities of devices on a hub."""


@devices.command("add", epilog=example("twinkle devices add kitchen --json"))
@on_hub
@DEVICE_ID
@click.option("--gateway", metavar="NAME", help="Name or address to dial instead of the hub's own name.")
@click.option(
    "--x509", metavar="DIR", type=DIRECTORY, help="Make it a key and a certificate, in this directory."
)
@click.option(
    "--certificate", type=FILE, help="Its own certificate (PEM), which the hub knows by its thumbprint."
)
@click.option("--authority", is_flag=True, help="It has a certificate of an authority that the hub knows.")
def add(hub: Hub, say, device_id: str, gateway: str | None, x509, certificate, authority: bool):
    """Register DEVICE and print its connection string, which is a secret if it holds a key.

    The device proves itself with a key that the hub makes, unless one of --x509,
    --certificate and --authority says otherwise.
    """
    if bool(x509) + bool(certificate) + authority > 1:
        raise click.UsageError("--x509, --certificate and --authority exclude one another")
    with hub.registry() as registry, _new(device_id):
        if authority:
            made = registry.create_device_with_certificate_authority(device_id, "enabled")
        elif x509 or certificate:
            own = thumbprint_of(certificate) if certificate else make_certificate(x509, device_id)
            made = registry.create_device_with_x509(device_id, own, own, "enabled")
        else:
            made = registry.create_device_with_sas(device_id, None, None, "enabled")
    _say_connection(hub, say, made, gateway)


@contextlib.contextmanager
def _new(device_id: str) -> Iterator[None]:
    """A device that is registered already, in words."""
    from msrest.exceptions import HttpOperationError

    try:
        yield
    except HttpOperationError as error:
        if error.response.status_code != CONFLICT:
            raise
        raise Failure(
            f"{device_id} is registered already; twinkle devices connection-string {device_id} prints its "
            f"connection string, and twinkle devices remove {device_id} removes it",
            REFUSED,
        ) from None


@devices.command("connection-string", epilog=example("twinkle devices connection-string kitchen"))
@on_hub
@DEVICE_ID
@click.option("--gateway", metavar="NAME", help="Name or address to dial instead of the hub's own name.")
def connection_string(hub: Hub, say, device_id: str, gateway: str | None):
    """Print DEVICE's connection string, which is a secret."""
    with hub.registry() as registry:
        known = registry.get_device(device_id)
    _say_connection(hub, say, known, gateway)


def _say_connection(hub: Hub, say, device, gateway):
    if device.authentication.type == "none":
        raise Failure(
            f"{device.device_id} has no credentials of its own (authentication of type 'none'), so that there is no "
            "connection string of it; sign its token with a policy's key, or give it a key",
            FAILED,
        )
    key = device.authentication.symmetric_key.primary_key
    text = hub.device_connection_string(device.device_id, key, gateway)
    say({"deviceId": device.device_id, "connectionString": text}, text)


@devices.command("list", epilog=example("twinkle devices list"))
@on_hub
def list_devices(hub: Hub, say):
    """List the devices, a line each."""
    with hub.registry() as registry:
        known = registry.get_devices(1000)
    lines = [f"{d.device_id:<32} {d.status:<9} {d.connection_state}" for d in known]
    rows = [
        {"deviceId": d.device_id, "status": d.status, "connectionState": d.connection_state} for d in known
    ]
    say(rows, *lines or ["no devices"])


@devices.command("remove", epilog=example("twinkle devices remove kitchen"))
@on_hub
@DEVICE_ID
def remove(hub: Hub, say, device_id: str):
    """Remove DEVICE and its twin."""
    with hub.registry() as registry:
        registry.delete_device(device_id)
    say({"deviceId": device_id, "removed": True}, f"removed {device_id}")


@click.group()
def twin() -> None:
    """A device's twin."""


@twin.command("get", epilog=example("twinkle twin get kitchen"))
@on_hub
@DEVICE_ID
@METADATA
def twin_get(hub: Hub, say, device_id: str, metadata: bool):
    """Print DEVICE's twin."""
    with hub.registry() as registry:
        _say_twin(say, plain(registry.get_twin(device_id)), metadata)


def _say_twin(say, twin: dict[str, Any], metadata: bool) -> None:
    """For scripts all of it; for people without $metadata, which is longer than all the rest, unless asked for."""
    shown = twin
    if not metadata:
        properties = {
            name: {key: value for key, value in section.items() if key != "$metadata"}
            for name, section in (twin.get("properties") or {}).items()
        }
        shown = {**twin, "properties": properties}
    say(twin, *json.dumps(shown, indent=2).splitlines())


@twin.command(
    "patch", epilog=example('twinkle twin patch kitchen \'{"configId": 3, "sendFrequency": "5m"}\'')
)
@on_hub
@DEVICE_ID
@click.argument("desired", metavar="JSON")
@click.option("--tags", is_flag=True, help="JSON is for the tags, not for the desired properties.")
@click.option("--etag", help="Only if the twin still has this etag.")
@METADATA
def twin_patch(hub: Hub, say, device_id: str, desired: str, tags: bool, etag: str | None, metadata: bool):
    """Merge JSON into DEVICE's desired properties; null deletes a member."""
    patch = parse(desired, "the patch")
    if not isinstance(patch, dict):
        raise click.UsageError("the patch must be a JSON object")
    with hub.registry() as registry:
        from azure.iot.hub.models import Twin, TwinProperties

        body = Twin(tags=patch) if tags else Twin(properties=TwinProperties(desired=patch))
        _say_twin(say, plain(registry.update_twin(device_id, body, etag)), metadata)


@click.command(
    epilog=example("twinkle method kitchen blink 2") + "\nA device status of 400 or more counts as failed."
)
@on_hub
@DEVICE_ID
@click.argument("name")
@click.argument("payload", required=False)
@click.option("--timeout", default=30, show_default=True, help="Seconds to wait for the answer (5 to 300).")
@click.option(
    "--connect-timeout", default=0, show_default=True, help="Seconds to wait for the device (0 to 300)."
)
def method(hub: Hub, say, device_id, name, payload, timeout, connect_timeout) -> None:
    """Call the direct method NAME on DEVICE, with PAYLOAD as JSON."""
    value = None if payload is None else parse(payload, "the payload")
    with hub.registry() as registry:
        from azure.iot.hub.models import CloudToDeviceMethod

        call = CloudToDeviceMethod(
            method_name=name,
            payload=value,
            response_timeout_in_seconds=timeout,
            connect_timeout_in_seconds=connect_timeout,
        )
        answer = registry.invoke_device_method(device_id, call)
    say({"status": answer.status, "payload": answer.payload})
    if answer.status >= 400:
        raise Failure(f"{name} answered with status {answer.status}", FAILED)


@click.command(
    epilog=example('twinkle query "SELECT * FROM devices WHERE is_defined(properties.reported.rebootTime)"')
    + "\nOr counted: SELECT modelId, count() AS devices FROM devices GROUP BY modelId"
)
@on_hub
@click.argument("text", metavar="QUERY")
def query(hub: Hub, say, text) -> None:
    """Print the twins, or the columns of them, that QUERY selects."""
    rows, continuation = [], None
    with hub.registry() as registry:
        from azure.iot.hub.models import QuerySpecification

        while True:
            # The SDK makes twins of all rows, columns too; the answer itself is below.
            page = registry.protocol.query.get_twins(
                QuerySpecification(query=text), continuation, 100, raw=True
            )
            rows += page.response.json()
            continuation = page.headers["x-ms-continuation"]
            if not continuation:
                break
    say(rows)
