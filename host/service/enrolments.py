"""``enrolments``: who may be provisioned, by the local hub's provisioning service or by Azure's."""

import base64

import click

from ..device_certificate import CERTIFICATE, der_of, make_certificate
from ..failure import NOT_FOUND, Failure
from .hub import Hub
from .provisioning import GROUP, IDS, INDIVIDUAL, call, path, query, service_of
from .verbs import DIRECTORY, FILE, example, on_hub


@click.group()
def enrolments() -> None:
    """Enrolments of the local hub's provisioning service, or of Azure's.

    For Azure's, --service is the connection string of its policy provisioningserviceowner.
    """


@enrolments.command("add", epilog=example("twinkle enrolments add shed-7"))
@on_hub
@click.argument("name")
@click.option(
    "--group", is_flag=True, help="NAME is a group; its devices' keys are derived from the group's."
)
@click.option("--authority", metavar="NAME", help="The group's devices have certificates of this authority.")
@click.option(
    "--x509", metavar="DIR", type=DIRECTORY, help="Make it a key and a certificate, in this directory."
)
@click.option("--certificate", type=FILE, help="Its own certificate (PEM).")
@click.option("--gateway", metavar="NAME", help="Name or address to dial instead of the hub's own name.")
@click.option("--device-id", metavar="ID", help="Device id to assign instead of the registration id.")
@click.option("--id-scope", metavar="ID", help="Of a service on Azure, which does not tell it to services.")
def add(
    hub: Hub, say, name: str, group: bool, gateway, device_id, authority, x509, certificate, id_scope
) -> None:
    """Enrol the registration id NAME and print its connection string for twinkle run.

    It is a secret if it holds a key.
    """
    if group and gateway:
        raise click.UsageError("--gateway is for a connection string, and a group has none")
    if (group and (x509 or certificate)) or (authority and not group):
        raise click.UsageError("a certificate of its own is for one device, an authority for a group")
    service, kind = service_of(hub), GROUP if group else INDIVIDUAL
    if x509:
        make_certificate(x509, name)
        certificate = x509 / CERTIFICATE
    body = {IDS[kind]: name, "attestation": _attestation(certificate, authority)}
    call(service, "PUT", path(kind, name), body | ({"deviceId": device_id} if device_id else {}))
    made, _ = call(service, "POST", path(kind, name, "attestationmechanism"))
    key, scope = (made.get("symmetricKey") or {}).get("primaryKey"), id_scope or hub.id_scope
    result = {"name": name, "group": group, "idScope": scope, "primaryKey": key}
    if group or not scope:
        say(result, f"id scope {scope or 'unknown'}" + (f", {'group ' * group}key {key}" if key else ""))
        return
    text = hub.registration_connection_string(scope, name, key, gateway)
    say({**result, "connectionString": text}, text)


def _attestation(certificate, authority) -> dict:
    if authority:
        return {"type": "x509", "x509": {"caReferences": {"primary": authority}}}
    if certificate:
        own = {"certificate": base64.b64encode(der_of(certificate)).decode()}
        return {"type": "x509", "x509": {"clientCertificates": {"primary": own}}}
    return {"type": "symmetricKey"}


@enrolments.command("list", epilog=example("twinkle enrolments list"))
@on_hub
def list_enrolments(hub: Hub, say) -> None:
    """List the enrolments, a line each."""
    service = service_of(hub)
    known = [
        {
            "name": row[IDS[kind]],
            "group": kind == GROUP,
            "enabled": row["provisioningStatus"] == "enabled",
            "deviceId": row.get("deviceId"),
            "attestation": row["attestation"]["type"],
        }
        for kind in (INDIVIDUAL, GROUP)
        for row in query(service, kind)
    ]
    lines = [f"{e['name']:<32} {'group' if e['group'] else 'individual'}" for e in known]
    say(known, *lines or ["no enrolments"])


@enrolments.command("remove", epilog=example("twinkle enrolments remove shed-7"))
@on_hub
@click.argument("name")
def remove(hub: Hub, say, name: str) -> None:
    """Remove the enrolment NAME, or the group NAME where there is none; devices keep their identities."""
    service = service_of(hub)
    try:
        call(service, "DELETE", path(INDIVIDUAL, name))
    except Failure as failure:
        if failure.exit_code != NOT_FOUND:
            raise
        call(service, "DELETE", path(GROUP, name))
    say({"name": name, "removed": True}, f"removed {name}")
