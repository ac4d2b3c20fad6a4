"""``enrolments``: who may be provisioned by the local hub's stand-in for DPS."""

from urllib.parse import quote

import click

from ..failure import REFUSED, UNREACHABLE, Failure
from .hub import MQTT_PORT, Hub, explain
from .verbs import example, on_hub


@click.group()
def enrolments() -> None:
    """Enrolments of the local hub's provisioning service.

    On Azure they are kept with the Device Provisioning Service itself.
    """


@enrolments.command("add", epilog=example("twinkle enrolments add shed-7"))
@on_hub
@click.argument("name")
@click.option(
    "--group", is_flag=True, help="NAME is a group; its devices' keys are derived from the group's."
)
@click.option("--device-id", metavar="ID", help="Device id to assign instead of the registration id.")
def add(hub: Hub, say, name: str, group: bool, device_id: str | None) -> None:
    """Enrol the registration id NAME and print its connection string for twinkle run, which is a secret."""
    made = call(hub, "PUT", "/" + quote(name, safe=""), {"group": group, "deviceId": device_id})
    key = made["keys"][0]
    result = {"name": name, "group": group, "idScope": made["idScope"], "primaryKey": key}
    if group:
        say(result, f"id scope {made['idScope']}, group key {key}")
        return
    text = f"HostName={hub.host};IdScope={made['idScope']};RegistrationId={name};SharedAccessKey={key}"
    if hub.mqtt_port != MQTT_PORT:
        text += f";Port={hub.mqtt_port}"
    say({**result, "connectionString": text}, text)


@enrolments.command("list", epilog=example("twinkle enrolments list"))
@on_hub
def list_enrolments(hub: Hub, say) -> None:
    """List the enrolments, a line each."""
    known = call(hub, "GET", "")
    lines = [f"{e['name']:<32} {'group' if e['group'] else 'individual'}" for e in known]
    say(known, "\n".join(lines) or "no enrolments")


@enrolments.command("remove", epilog=example("twinkle enrolments remove shed-7"))
@on_hub
@click.argument("name")
def remove(hub: Hub, say, name: str) -> None:
    """Remove the enrolment NAME; devices keep their identities."""
    call(hub, "DELETE", "/" + quote(name, safe=""))
    say({"name": name, "removed": True}, f"removed {name}")


def call(hub: Hub, method: str, path: str, body=None):
    """One request to the side door's enrolments; its JSON, or a Failure."""
    import requests

    if not hub.is_local:
        raise Failure(
            f"{hub.address} is not a local hub; keep enrolments with the Device Provisioning Service"
        )
    try:
        answer = requests.request(
            method,
            f"https://{hub.address}/twinkle/enrolments{path}",
            json=body,
            headers={"Authorization": hub.token()},
            verify=hub.ca_file,
            timeout=20,
        )
    except requests.exceptions.SSLError:
        raise Failure(
            f"{hub.address} has a certificate of another authority; see --ca-file", REFUSED
        ) from None
    except requests.exceptions.ConnectionError:
        raise Failure(f"{hub.address} does not answer; is the hub running?", UNREACHABLE) from None
    if answer.status_code >= 400:
        raise explain(answer.status_code, answer.text, answer.reason)
    return answer.json() if answer.content else None
