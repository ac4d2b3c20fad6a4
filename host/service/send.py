"""``send``: a message from the cloud to a device."""

from urllib.parse import quote

import click

from .hub import Hub
from .sidedoor import call
from .verbs import DEVICE_ID, example, on_hub


@click.command(epilog=example('twinkle send kitchen "turn it down" --property level=3'))
@on_hub
@DEVICE_ID
@click.argument("text")
@click.option("--property", "properties", multiple=True, metavar="NAME=VALUE", help="A property; repeatable.")
@click.option("--lifetime", default=3600, show_default=True, help="Seconds until it expires (60 to 172800).")
def send(hub: Hub, say, device_id: str, text: str, properties: tuple[str, ...], lifetime: int) -> None:
    """Send TEXT to DEVICE as a cloud-to-device message; it waits in the hub while the device is away.

    This is the local hub's side door. Azure IoT Hub takes such messages over AMQP.
    """
    pairs = dict(pair.partition("=")[::2] for pair in properties)
    body = {"body": text, "properties": pairs, "lifetimeSeconds": lifetime}
    call(
        hub,
        "POST",
        "messages/" + quote(device_id, safe=""),
        body,
        "send with: az iot device c2d-message send",
    )
    say({"deviceId": device_id, "queued": True}, f"queued for {device_id}")
