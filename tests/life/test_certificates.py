"""Devices that prove themselves with a certificate: at the hub, and at the provisioning service."""

import shutil

import pytest
from authority import Authority, in_der, turn_to_der
from support import without

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.live import LiveHub
from twinkle_host.mock_gpio.process import PICO_MODULES, DeviceProcess
from twinkle_host.waiting import eventually

WIFI = {"ssid": "home", "password": "a secret of the house"}
# A Pico W's firmware has the module ssl, a build without a network bundle does not.
BUILDS = ("cpython", "Pico W", "Pico W without ssl")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LiveHub(tmp_path_factory.mktemp("hub")) as live:
        yield live


@pytest.fixture
def name(request):
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[-60:].strip("-")


@pytest.fixture(params=BUILDS)
def start(request, hub, tmp_path):
    """A function that runs a device with the certificate in a folder; answers its process."""
    running = []
    options = {}
    if request.param != "cpython":
        modules = PICO_MODULES
        if request.param == BUILDS[2]:
            modules = without(tmp_path / "modules", PICO_MODULES, "ssl.py")
        options = {"base": "pico_w", "wifi": WIFI, "before": [modules]}
    interpreter = "micropython" if options else "cpython"

    def run(text, folder, authorities=None):
        with open(hub.info["caFile"], "rb") as file:
            text = f"{text};Port={hub.info['mqttPort']}"
            roots = authorities or file.read()
            process = DeviceProcess(interpreter, tmp_path / "device", text, roots, **options)
        for part in ("device.pem", "device.key"):
            if folder and (folder / part).exists():
                shutil.copy(folder / part, process.folder)
        running.append(process.start())
        return process

    yield run
    for process in running:
        process.stop()


def register(hub, name, **authentication):
    hub.call("create_device", name, {"authentication": authentication})
    return hub.call("connection_string", name)


def own_certificate(thumbprint):
    return {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": thumbprint}}


def test_a_self_signed_certificate_is_known_by_its_thumbprint(hub, start, name, tmp_path):
    text = register(hub, name, **own_certificate(make_certificate(tmp_path / "own", name)))
    assert text.endswith(";x509=true")
    process = start(text, tmp_path / "own")
    process.wait_for(" ready")
    hub.until_reported(name, configId=1)
    event = hub.event("Telemetry", lambda event: event["deviceId"] == name)
    method = event["systemProperties"]["iothub-connection-auth-method"]
    assert '"type":"x509Certificate"' in method and '"scope":"device"' in method


def test_a_certificate_of_a_registered_authority_needs_no_thumbprint(hub, start, name, tmp_path):
    root = Authority("root")
    folder = Authority("between", root).issue(tmp_path / "issued", name)
    hub.call("authorities.add", name, root.pem)
    start(register(hub, name, type="certificateAuthority"), folder).wait_for(" ready")


def test_another_certificate_is_refused_and_the_hub_says_which_is_missing(hub, start, name, tmp_path):
    text = register(hub, name, **own_certificate("AB" * 32))
    make_certificate(tmp_path / "other", name)
    start(text, tmp_path / "other").wait_for("the hub refused the credentials")
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == name)
    assert "thumbprint is not one of device" in event["body"]["reason"]


@pytest.mark.parametrize("fault", ["unknown authority", "expired", "other name"])
def test_a_certificate_that_its_authority_does_not_vouch_for_is_refused(hub, start, name, tmp_path, fault):
    authority = Authority()
    folder = authority.issue(
        tmp_path / "issued", "other" if fault == "other name" else name, -1 if fault == "expired" else 1
    )
    if fault != "unknown authority":
        hub.call("authorities.add", name, authority.pem)
    start(register(hub, name, type="certificateAuthority"), folder).wait_for(
        "the hub refused the credentials"
    )


def test_without_its_files_the_device_says_which_are_missing(hub, start, name):
    process = start(f"HostName=localhost;DeviceId={name};x509=true", None)
    process.wait_for("setup: device.key is missing: prepare the device again")
    assert process.wait_for_end() == 2


def test_a_device_is_provisioned_by_the_thumbprint_of_its_certificate(hub, start, name, tmp_path):
    own = make_certificate(tmp_path / "own", name)
    hub.enrol(name, certificate=(tmp_path / "own" / "device.pem").read_text())
    text = f"HostName=localhost;IdScope={hub.info['idScope']};RegistrationId={name};x509=true"
    process = start(text, tmp_path / "own")
    process.wait_for("assigned to localhost")
    process.wait_for(" ready")
    authentication = hub.call("get_device", name)["authentication"]
    assert authentication["x509Thumbprint"]["primaryThumbprint"] == own


@pytest.mark.parametrize("registered", [True, False])
def test_a_group_is_provisioned_by_the_authority_of_its_certificates(hub, start, name, tmp_path, registered):
    """azure-docs, iot-dps/concepts-x509-attestation.md: a group's certificate is that of an authority that was
    registered and verified, or one that the group itself names."""
    authority = Authority()
    if registered:
        hub.call("authorities.add", name, authority.pem)
    x509 = {"signingCertificates": {"primary": {"certificate": authority.pem}}}
    named = {} if registered else {"attestation": {"type": "x509", "x509": x509}}
    hub.enrol(f"group-{name}", group=True, authority=name if registered else None, **named)
    text = f"HostName=localhost;IdScope={hub.info['idScope']};RegistrationId={name};x509=true"
    start(text, authority.issue(tmp_path / "issued", name)).wait_for(" ready")


def test_a_certificate_that_no_enrolment_knows_is_not_provisioned(hub, start, name, tmp_path):
    make_certificate(tmp_path / "own", name)
    text = f"HostName=localhost;IdScope={hub.info['idScope']};RegistrationId={name};x509=true"
    start(text, tmp_path / "own").wait_for("not provisioned")
    event = hub.event("hubDiagnostics", lambda event: event["deviceId"] == name)
    assert "no enrolment has this registration id" in event["body"]["reason"]


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_a_whole_life_with_a_chain_several_authorities_and_provisioning(hub, start, name, tmp_path, form):
    root = Authority("root")
    folder = Authority("between", root).issue(tmp_path / "issued", name)
    hub.call("authorities.add", name, root.pem)
    hub.enrol(f"group-{name}", group=True, authority=name)
    with open(hub.info["caFile"], "rb") as file:
        authorities = file.read()
    # The hub's own is between two others, as it is in the file that a Pico W is given for Azure.
    authorities = Authority("one").pem.encode() + authorities + Authority("another").pem.encode()
    if form == "DER":
        authorities = in_der(authorities)
        turn_to_der(folder)
    else:
        authorities = "\ufeff# für das Gerät\n".encode() + authorities
    text = f"HostName=localhost;IdScope={hub.info['idScope']};RegistrationId={name};x509=true"
    process = start(text, folder, authorities)
    process.wait_for("assigned to localhost")
    process.wait_for(" ready")
    hub.event("Telemetry", lambda event: event["deviceId"] == name)
    desired = {"configId": 3, "sendFrequency": "1h"}
    hub.call("patch_twin", name, {"properties": {"desired": desired}})
    hub.until_reported(name, configId=3, status="Success")
    hub.call("invoke", name, "rebootDevice", None, done=lambda outcome: None)
    assert process.wait_for_end() == 3
    process.start().wait_for(" ready")
    eventually(lambda: "rebootTime" in hub.reported(name))


def test_a_hub_of_another_authority_is_refused(hub, start, name, tmp_path):
    text = register(hub, name, **own_certificate(make_certificate(tmp_path / "own", name)))
    line = start(text, tmp_path / "own", Authority().pem.encode()).wait_for("link lost")
    assert "not signed by a certificate authority this device trusts" in line
