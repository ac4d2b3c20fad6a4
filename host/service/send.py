"""``send``: a message from the cloud to a device, by azure-iot-hub, on the local hub and on Azure."""

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import click

from ..failure import FAILED, NOT_ONLINE, REFUSED, UNREACHABLE, Failure
from .hub import AMQP_PORT, Hub
from .verbs import DEVICE_ID, example, on_hub

FULL_QUEUE = 50  # messages that a device's queue takes
AUTHENTICATION_S = 20
TOKEN = b"servicebus.windows.net:sastoken"
ACKS = ("none", "positive", "negative", "full")
# What this verb itself says of a message, and where.
OWN = {"messageId": "", "iothub-ack": "; see --ack", "expiryTimeUtc": "; see --lifetime"}


@click.command(epilog=example('twinkle send kitchen "turn it down" --property level=3 --ack full --wait 60'))
@on_hub
@DEVICE_ID
@click.argument("text")
@click.option("--property", "properties", multiple=True, metavar="NAME=VALUE", help="A property; repeatable.")
@click.option(
    "--lifetime",
    type=click.IntRange(60, 172800),
    default=3600,
    show_default=True,
    help="Seconds until it expires.",
)
@click.option(
    "--ack", type=click.Choice(ACKS), default="none", show_default=True, help="Feedback to ask for."
)
@click.option(
    "--wait",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Wait so long for the feedback; without it, none is read. Feedback for others is given back.",
)
def send(hub: Hub, say, device_id: str, text: str, properties, lifetime: int, ack: str, wait) -> None:
    """Send TEXT to DEVICE as a cloud-to-device message; it waits in the hub while the device is away."""
    if wait and ack == "none":
        raise click.UsageError("--wait needs --ack positive, negative or full")
    message_id = str(uuid.uuid4())
    said: dict[str, Any] = {**_named(properties), "messageId": message_id, "iothub-ack": ack}
    said["expiryTimeUtc"] = int((time.time() + lifetime) * 1000)
    with hub.registry() as registry:
        registry.get_device(
            device_id
        )  # so that an unknown one is refused by name: AMQP's error is not passed on
        with _unreachable(hub):
            refusals = over_amqp(hub, registry)
            _send(registry, device_id, text, said, refusals)
    result = {"deviceId": device_id, "queued": True, "messageId": message_id}
    if not wait:
        say(result, f"queued for {device_id}")
        return
    with _unreachable(hub):
        record = _feedback(hub, message_id, wait)
    if record is None:
        raise Failure(f"no feedback within {wait:g} s; the message waits for {device_id}", NOT_ONLINE)
    say({**result, "feedback": record}, f"{record['statusCode']}: {record['description']}")
    if record["statusCode"] != "Success":
        raise Failure(f"the message to {device_id} ended as {record['statusCode']}", FAILED)


def _named(properties: Iterable[str]) -> dict[str, str]:
    named = {}
    for pair in properties:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.UsageError(f"--property wants NAME=VALUE, and not {pair!r}")
        if name in OWN:
            raise click.UsageError(f"{name} is no property of your own{OWN[name]}")
        named[name] = value
    return named


def _send(registry: Any, device_id: str, text: str, said: dict[str, Any], refusals: list[str]) -> None:
    try:
        registry.send_c2d_message(device_id, text, said)
    except Exception as error:
        # azure-iot-hub raises a bare Exception, whatever the reason.
        if type(error) is not Exception:
            raise
        waiting = registry.get_device(device_id).cloud_to_device_message_count
        full = f"{waiting} messages wait for it already"
        reason = full if waiting >= FULL_QUEUE else "; ".join(refusals) or str(error)
        raise Failure(f"the hub refused the message for {device_id}: {reason}", REFUSED) from None


def over_amqp(hub: Hub, registry: Any) -> list[str]:
    """Make azure-iot-hub's sender dial a hub that has a port, or an authority, of its own.

    Answers the list to which that hub's reasons will be added: azure-iot-hub passes none on.
    """
    import uamqp

    class Remembering(uamqp.errors.ErrorPolicy):
        def on_message_error(self, error: Any) -> Any:
            refusals.append(_text(error.description or error.condition))
            return super().on_message_error(error)

    logging.getLogger("uamqp").setLevel(logging.CRITICAL)  # what it notes of errors, it raises as well
    refusals: list[str] = []
    if hub.is_local:
        sender = registry.amqp_svc_client
        sender.amqp_client.close()
        target = f"amqps://{hub.host}/messages/devicebound"
        sender.amqp_client = uamqp.SendClient(target, auth=_auth(hub), error_policy=Remembering())
    return refusals


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _auth(hub: Hub) -> Any:
    from azure.core.credentials import AccessToken
    from uamqp.authentication import JWTTokenAuth

    auth = JWTTokenAuth(
        f"https://{hub.host}",
        f"https://{hub.host}",
        lambda: AccessToken(hub.token(), int(time.time()) + 3600),
        port=hub.amqp_port if hub.amqp_port != AMQP_PORT else None,
        timeout=AUTHENTICATION_S,
        verify=hub.ca_file,
        token_type=TOKEN,
    )
    auth.update_token()
    return auth


def _feedback(hub: Hub, message_id: str, wait: float) -> dict[str, Any] | None:
    """The record about a message; None when it did not come in time."""
    import uamqp

    end, others = time.monotonic() + wait, []
    source = f"amqps://{hub.host}/messages/serviceBound/feedback"
    receiver = uamqp.ReceiveClient(source, auth=_auth(hub), auto_complete=False)
    try:
        while (left := end - time.monotonic()) > 0:
            for message in receiver.receive_message_batch(
                max_batch_size=1, timeout=int(min(left, 1.0) * 1000) or 1
            ):
                records = json.loads(b"".join(message.get_data()))
                found = next(
                    (record for record in records if record["originalMessageId"] == message_id), None
                )
                if found is not None and len(records) == 1:
                    message.accept()
                else:
                    others.append(message)  # somebody else waits for what is in it
                if found is not None:
                    return found
        return None
    finally:
        for message in others:
            message.release()
        receiver.close()


@contextlib.contextmanager
def _unreachable(hub: Hub) -> Iterator[None]:
    from uamqp import errors

    try:
        yield
    except (errors.AMQPConnectionError, errors.AuthenticationException, TimeoutError, OSError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise Failure(f"{hub.address} stopped, or does not answer over AMQP ({said})", UNREACHABLE) from None
