"""``digital-twin``: a device by its model: properties, components and commands."""

import click

from ..failure import FAILED, Failure
from .hub import Hub
from .verbs import DEVICE_ID, example, on_hub, parse


@click.group("digital-twin")
def digital_twin() -> None:
    """A device's digital twin, for devices that announce a Plug and Play model."""


@digital_twin.command("get", epilog=example("twinkle digital-twin get kitchen"))
@on_hub
@DEVICE_ID
def get(hub: Hub, say, device_id: str) -> None:
    """Print DEVICE's digital twin.

    Values stand by component; $metadata says what is desired and acknowledged of each.
    """
    with hub.digital_twins() as client:
        say(client.get_digital_twin(device_id))


@digital_twin.command(
    "patch",
    epilog=example(
        'twinkle digital-twin patch kitchen \'[{"op": "add", "path": "/targetTemperature", "value": 42}]\''
    ),
)
@on_hub
@DEVICE_ID
@click.argument("operations", metavar="JSON")
@click.option("--etag", help="Only if the digital twin still has this etag.")
def patch(hub: Hub, say, device_id: str, operations: str, etag: str | None) -> None:
    """Apply a JSON Patch to DEVICE's digital twin.

    The operations are add, replace and remove; JSON is an array of operations, or one operation. Paths are /property,
    /component or /component/property.
    """
    body = parse(operations, "the patch")
    with hub.digital_twins() as client:
        answer = client.protocol.digital_twin.update_digital_twin(
            device_id, body if isinstance(body, list) else [body], etag, raw=True
        )
    etag = answer.headers["ETag"].strip('"')
    say({"deviceId": device_id, "etag": etag}, f"accepted; the etag is {etag}")


@digital_twin.command(
    "command",
    epilog=example("twinkle digital-twin command kitchen getMaxMinReport '\"2026-01-01T00:00:00Z\"'")
    + "\nA device status of 400 or more counts as failed.",
)
@on_hub
@DEVICE_ID
@click.argument("name")
@click.argument("payload", default="null")
@click.option("--component", help="The component that has the command; without it, the device itself.")
@click.option("--timeout", default=30, show_default=True, help="Seconds to wait for the answer (5 to 300).")
@click.option(
    "--connect-timeout", default=0, show_default=True, help="Seconds to wait for the device (0 to 300)."
)
def command(hub: Hub, say, device_id, name, payload, component, timeout, connect_timeout) -> None:
    """Call the command NAME on DEVICE, with PAYLOAD as JSON."""
    # The SDK refuses None as a payload; an empty text is what it sends for nothing elsewhere.
    value = parse(payload, "the payload")
    call = (name, "" if value is None else value, connect_timeout, timeout)
    with hub.digital_twins() as client:
        operations = client.protocol.digital_twin
        answer = (
            operations.invoke_component_command(device_id, component, *call, raw=True)
            if component
            else operations.invoke_root_level_command(device_id, *call, raw=True)
        )
    status = int(answer.headers["x-ms-command-statuscode"])
    say({"status": status, "payload": answer.output})
    if status >= 400:
        raise Failure(f"{name} answered with status {status}", FAILED)
