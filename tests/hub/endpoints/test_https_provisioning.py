"""Devices that are provisioned over HTTPS, by requests as azure-docs and Azure's SDKs make them.

azure-docs, iot-dps, "How to use symmetric keys over HTTPS without an SDK" and "How to use X.509 certificates over
HTTPS without an SDK": the requests, and the answers with their headers, are from there.
"""

import re
from functools import partial
from urllib.parse import quote

import pytest
import requests
from azure.iot.hub.sastoken import SasToken

from twinkle_host.device_certificate import make_certificate
from twinkle_host.hub.core.provisioning import provisioning
from twinkle_host.hub.core.provisioning.attestation import derive_key
from twinkle_host.waiting import PATIENCE_S, eventually

KEY, OTHER = "b3duIGtleSwgb2YgMzIgYnl0ZXMsIGFzIGl0IGlzLi4=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


class Device:
    """A device with a key, or the folder of a certificate; it asks as the pages' curl does."""

    def __init__(self, hub, name, key=None, folder=None, scope=None):
        self.hub, self.name = hub, name
        self.scope = scope or hub.info["idScope"]
        self.cert = folder and (str(folder / "device.pem"), str(folder / "device.key"))
        self.headers = {"Content-Type": "application/json", "Content-Encoding": "utf-8"}
        if key:
            self.headers["Authorization"] = self.token(key)

    def token(self, key, name=None, **options):
        resource = f"{self.scope}/registrations/{name or self.name}"
        return str(SasToken(resource, key, "registration", **options))

    def ask(self, method, path, body=None, version="2021-06-01", **headers):
        address = (
            f"https://localhost:{self.hub.info['restPort']}/{self.scope}/registrations/{self.name}{path}"
        )
        return requests.request(
            *(method, address),
            params={"api-version": version} if version else {},
            **{"data": body, "headers": {**self.headers, **headers}, "cert": self.cert},
            verify=self.hub.info["caFile"],
            timeout=PATIENCE_S,
        )

    def register(self, body=None, **options):
        return self.ask("PUT", "/register", body or f'{{"registrationId": "{self.name}"}}', **options)

    def poll(self, operation, **options):
        return self.ask("GET", f"/operations/{quote(operation, safe='')}", **options)

    def provisioned(self):
        """The final answer, after as many polls as it takes."""
        operation = self.register().json()["operationId"]
        return eventually(lambda: (answer := self.poll(operation)).status_code == 200 and answer).json()


def test_a_device_registers_with_its_key_and_polls_until_it_is_assigned(hub, monkeypatch):
    device = Device(hub, "keyed", hub.enrol("keyed"))
    with monkeypatch.context() as patch:
        patch.setattr(provisioning, "ASSIGN_S", PATIENCE_S)  # under way for as long as it is looked at
        answer = device.register()
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Location"] == (
        f"https://localhost:{hub.info['restPort']}/{device.scope}/registrations/keyed/register"
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-ms-request-id"])
    body = answer.json()
    assert body == {"operationId": body["operationId"], "status": "assigning"}
    assert device.poll(body["operationId"]).status_code == 202
    final = device.provisioned()
    assert final["status"] == "assigned" and set(final) == {"operationId", "status", "registrationState"}
    state = final["registrationState"]
    assert (state["assignedHub"], state["deviceId"], state["substatus"]) == (
        *("localhost", "keyed"),
        "initialAssignment",
    )
    assert hub.call("get_device", "keyed")["status"] == "enabled"


def test_a_device_of_a_group_registers_with_its_derived_key(hub):
    device = Device(hub, "bench-7", derive_key(hub.enrol("benches", group=True), "bench-7"))
    assert device.provisioned()["registrationState"]["deviceId"] == "bench-7"


def test_a_device_registers_with_its_certificate(hub, tmp_path):
    make_certificate(tmp_path, "certified")
    hub.enrol("certified", certificate=(tmp_path / "device.pem").read_text())
    assert Device(hub, "certified", folder=tmp_path).provisioned()["status"] == "assigned"
    assert hub.call("get_device", "certified")["authentication"]["type"] == "selfSigned"
    make_certificate(tmp_path / "other", "certified")
    refused = Device(hub, "certified", folder=tmp_path / "other").register()
    assert (refused.status_code, refused.json()["errorCode"]) == (401, 401000)


def test_a_device_asks_for_its_registration(hub):
    """ "Runtime Registration - Device Registration Status Lookup"."""
    device = Device(hub, "looked-up", hub.enrol("looked-up"))
    look = partial(device.ask, "POST", "", '{"registrationId": "looked-up"}')
    assert (look().status_code, look().json()["errorCode"]) == (404, 404000)
    assigned = device.provisioned()["registrationState"]
    assert (look().status_code, look().json()) == (200, assigned)
    nobody = {"Authorization": device.token(OTHER)}
    assert look(**nobody).status_code == 401


def test_it_is_the_service_that_mqtt_has(hub):
    """One registration, and one operation, whichever way it is asked for."""
    device = Device(hub, "both", hub.enrol("both"))
    device.provisioned()
    again = device.provisioned()["registrationState"]
    assert again["substatus"] == "reprovisionedToInitialAssignment"
    kept = hub.provision("enrolments.registrations.find", "both")
    assert kept["etag"] == again["etag"]


def test_a_disabled_enrolment_is_said_to_be(hub):
    device = Device(hub, "off", hub.enrol("off", provisioningStatus="disabled"))
    assert (device.register().status_code, device.register().json()["status"]) == (200, "disabled")


REFUSALS = {
    "neither token nor certificate": (lambda device: device.register(Authorization=None), 401, 401000),
    "another key": (lambda device: device.register(Authorization=device.token(OTHER)), 401, 401000),
    "a token for another device": (
        lambda device: device.register(Authorization=device.token(KEY, "other")),
        *(401, 401000),
    ),
    "an expired token": (
        lambda device: device.register(Authorization=device.token(KEY, ttl=-60)),
        *(401, 401000),
    ),
    "no token": (lambda device: device.register(Authorization="Bearer x"), 401, 401000),
    "an unknown id": (lambda device: Device(device.hub, "unknown", KEY).register(), 401, 401000),
    "another id scope": (
        lambda device: Device(device.hub, device.name, KEY, scope="0ne00000000").register(),
        *(401, 401002),
    ),
    "no id": (lambda device: Device(device.hub, "-x", KEY).register(), 400, 400004),
    "no api-version": (lambda device: device.register(version=None), 400, 400001),
    "no JSON": (lambda device: device.register("x"), 400, 400004),
    "no body": (lambda device: device.register(" "), 400, 400004),
    "another's id in the body": (lambda device: device.register('{"registrationId": "x"}'), 400, 400004),
    "no operation": (lambda device: device.poll("5.x"), 404, 404206),
    "another's operation": (
        lambda device: device.poll(device.hub.provision("begin", "other")),
        *(404, 404206),
    ),
}


@pytest.fixture(scope="module")
def enrolled(hub):
    """The registration id of an enrolment with KEY."""
    keys = {"primaryKey": KEY, "secondaryKey": KEY}
    hub.enrol("refused", attestation={"type": "symmetricKey", "symmetricKey": keys})
    return "refused"


@pytest.mark.parametrize(("attempt", "status", "code"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_is_refused_with_the_services_error(hub, enrolled, attempt, status, code):
    """Model ProvisioningServiceErrorDetails."""
    answer = attempt(Device(hub, enrolled, KEY))
    body = answer.json()
    assert (answer.status_code, body["errorCode"]) == (status, code), body
    assert set(body) == {"errorCode", "trackingId", "message", "timestampUtc"}
    assert KEY not in answer.text


def test_a_refusal_is_in_the_log_with_its_reason(hub, caplog):
    with caplog.at_level("INFO", "twinkle.hub"):
        Device(hub, "stranger", OTHER).register()
    assert any("no enrolment has this registration id" in message for message in caplog.messages)


def test_devices_and_modules_of_such_names_are_still_what_their_addresses_say(hub, rest):
    hub.add("registrations")
    address = "/devices/registrations/modules/register"
    assert rest("PUT", address, {"deviceId": "registrations", "moduleId": "register"}).status_code == 200
    assert rest("GET", address).json()["moduleId"] == "register"
    assert rest("POST", "/twins/registrations/methods", {"methodName": "x"}).status_code == 404
    assert rest("POST", "/registrations/nobody/query", "").json()["errorCode"] == 401003
