"""Devices that show a certificate over HTTPS, where services do not.

azure-docs, iot-hub, "Authenticate identities with X.509 certificates": HTTPS and file uploads are there for devices
with thumbprints, and in preview for those with authorities; a certificate is a device's proof, and no permission.
"""

import http.client
import ssl

import pytest
import requests
from authority import Authority
from azure.iot.hub.sastoken import SasToken

from twinkle_host.device_certificate import make_certificate
from twinkle_host.waiting import PATIENCE_S

EVENTS = "messages/events"
CA = {"type": "certificateAuthority"}


def thumbprints(one, other=None):
    return {
        "type": "selfSigned",
        "x509Thumbprint": {"primaryThumbprint": one, "secondaryThumbprint": other},
    }


class Shower:
    """Somebody who shows the certificate of a folder, or none, for the device ``name``."""

    def __init__(self, hub, name, folder=None):
        self.hub = hub
        self.name = name
        self.cert = folder and (str(folder / "device.pem"), str(folder / "device.key"))

    def call(self, method, path, body=None, **headers):
        address = (
            f"https://localhost:{self.hub.info['restPort']}/devices/{self.name}/{path}?api-version=2021-04-12"
        )
        return requests.request(
            *(method, address),
            **{"data": body, "headers": headers, "cert": self.cert, "verify": self.hub.info["caFile"]},
            timeout=PATIENCE_S,
        )

    def send(self, **headers):
        """The answer to a message."""
        answer = self.call("POST", EVENTS, b"1", **headers)
        return answer.status_code, answer.headers.get("iothub-errorcode")


REFUSED = (401, "IotHubUnauthorized")
TAKEN = (204, None)


@pytest.fixture
def name(request):
    return request.node.name[-60:].replace("[", "-").replace("]", "")


@pytest.fixture(scope="module")
def factory(hub):
    """An authority that the hub knows."""
    made = Authority("Factory")
    hub.call("authorities.add", "factory", made.pem)
    return made


def register(hub, name, authentication=None):
    return hub.call("create_device", name, authentication and {"authentication": authentication})


def way(hub, name):
    """How the device of the last message proved itself."""
    event = hub.event("Telemetry", lambda event: event["deviceId"] == name)
    return event["systemProperties"]["iothub-connection-auth-method"]


def test_a_self_signed_certificate_is_known_by_its_thumbprint(hub, tmp_path, name):
    """The same page, "Thumbprint authentication": either of the two, SHA-1 or SHA-256."""
    own = make_certificate(tmp_path, name)
    register(hub, name, thumbprints("ab" * 32, own))
    assert Shower(hub, name, tmp_path).send() == TAKEN
    assert '"x509Certificate"' in way(hub, name)


def test_a_certificate_of_an_authority_is_known_by_its_name(hub, factory, tmp_path, name):
    """The same page, "X.509 CA-signed": the subject's common name is the device's id. Those between come along."""
    register(hub, name, CA)
    between = Authority("Line 1", parent=factory)
    assert Shower(hub, name, between.issue(tmp_path, name)).send() == TAKEN
    assert '"x509CertificateAuthority"' in way(hub, name)


@pytest.mark.parametrize("kind", ["selfSigned", "certificateAuthority", "sas"])
@pytest.mark.parametrize("shown", ["none", "self-signed", "of another authority", "of another device"])
def test_any_other_certificate_is_refused(hub, factory, tmp_path, kind, shown):
    """REST reference, common error codes: 401003 for what does not prove who it is."""
    name = f"{kind}-{shown.replace(' ', '-')}"
    register(hub, name, {"selfSigned": thumbprints("ab" * 32), "certificateAuthority": CA}.get(kind))
    if shown == "self-signed":
        make_certificate(tmp_path, name)
    elif shown == "of another authority":
        Authority("Factory").issue(tmp_path, name)
    elif shown == "of another device":
        other = f"{name}-other"
        register(hub, other, CA)
        factory.issue(tmp_path, other)
        assert Shower(hub, other, tmp_path).send() == TAKEN
    assert Shower(hub, name, tmp_path if shown != "none" else None).send() == REFUSED


def test_a_certificate_out_of_date_is_refused(hub, factory, tmp_path, name):
    register(hub, name, CA)
    assert Shower(hub, name, factory.issue(tmp_path, name, days=-1)).send() == REFUSED


def test_who_has_a_token_proves_itself_by_it_whatever_it_shows(hub, tmp_path, name):
    """As over MQTT: a password comes first. A token that is wrong is not mended by a certificate that is right."""
    own = make_certificate(tmp_path, name)
    key = register(hub, name)["authentication"]["symmetricKey"]["primaryKey"]
    token = str(SasToken(f"localhost/devices/{name}", key))
    assert Shower(hub, name, tmp_path).send(Authorization=token) == TAKEN
    certified = f"{name}-2"
    register(hub, certified, thumbprints(own))
    assert Shower(hub, certified, tmp_path).send() == TAKEN
    assert Shower(hub, certified, tmp_path).send(Authorization=token) == REFUSED


def test_a_disabled_device_is_refused_and_an_unknown_one(hub, tmp_path, name):
    register(hub, name, thumbprints(make_certificate(tmp_path, name)))
    device = Shower(hub, name, tmp_path)
    assert device.send() == TAKEN
    hub.call("update_device", name, {"status": "disabled"})
    assert device.send() == REFUSED
    assert Shower(hub, "nobody", tmp_path).send() == REFUSED


def test_a_certificate_opens_nothing_of_a_service(hub, factory, tmp_path, name):
    """The same page: certificates "are only used for authentication, not authorization", and of devices."""
    register(hub, name, CA)
    folder = factory.issue(tmp_path, name)
    for method, path in (
        *(("GET", f"/devices/{name}"), ("GET", f"/twins/{name}"), ("DELETE", f"/devices/{name}")),
        *(("GET", "/devices"), ("GET", "/twinkle/authorities"), ("GET", f"/enrollments/{name}")),
    ):
        answer = requests.request(
            *(method, f"https://localhost:{hub.info['restPort']}{path}?api-version=2021-04-12"),
            cert=(str(folder / "device.pem"), str(folder / "device.key")),
            verify=hub.info["caFile"],
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 401, path


def test_an_authority_that_is_no_longer_trusted_opens_nothing_on_a_connection_that_is_kept(
    hub, tmp_path, name
):
    authority = Authority("Closed")
    hub.call("authorities.add", "closed", authority.pem)
    register(hub, name, CA)
    folder = authority.issue(tmp_path, name)
    context = ssl.create_default_context(cafile=hub.info["caFile"])
    context.load_cert_chain(folder / "device.pem", folder / "device.key")
    kept = http.client.HTTPSConnection("localhost", hub.info["restPort"], context=context, timeout=PATIENCE_S)

    def status():
        kept.request("POST", f"/devices/{name}/{EVENTS}?api-version=2021-04-12", b"1")
        with kept.getresponse() as answer:
            answer.read()
            return answer.status

    before, socket = status(), kept.sock
    hub.call("authorities.remove", "closed")
    assert (before, status()) == (204, 401) and kept.sock is socket
    kept.close()


def test_files_are_uploaded_and_messages_received(hub, tmp_path, name):
    """The same page: file uploads. Whoever has the address of a blob needs no more than its signature."""
    register(hub, name, thumbprints(make_certificate(tmp_path, name)))
    device = Shower(hub, name, tmp_path)
    made = device.call("POST", "files", b'{"blobName": "a.txt"}').json()
    blob = f"https://{made['hostName']}/{made['containerName']}/{made['blobName']}{made['sasToken']}"
    put = requests.put(
        blob,
        b"x" * 1_000_000,
        headers={"x-ms-blob-type": "BlockBlob"},
        verify=hub.info["caFile"],
        timeout=PATIENCE_S,
    )
    assert put.status_code == 201, put.text
    got = requests.get(blob, verify=hub.info["caFile"], timeout=PATIENCE_S)
    assert got.content == b"x" * 1_000_000
    hub.call("send", name, b"on")
    assert device.call("GET", "messages/deviceBound").content == b"on"
