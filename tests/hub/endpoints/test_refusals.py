"""A refusal says what it is of: a device that is not there, an address that is none, or what this hub does not have."""

import logging

import pytest

DEVICE = "refused-1"

# The operations of azure-iot-hub 2.7 (protocol/operations/*.py, ``metadata``) and of azure-iot-device over HTTPS that
# this hub does not have, and the word for it.
ABSENT = [
    ("POST", f"/devices/{DEVICE}/applyConfigurationContent", "IoT Edge"),
    # azext_iot/sdk/iothub of azure-iot-cli-extension 0.25: service (2024-03-31) and device (2019-10-01).
    ("POST", "/devices/keys/regenerate", "keys"),
    ("GET", f"/devices/{DEVICE}/modules/m/devicesAndModulesInDeviceScope", "IoT Edge"),
    ("GET", f"/devices/{DEVICE}/modules/m/deviceAndModuleInDeviceScope", "IoT Edge"),
    ("POST", "/jobs/create", "import and export"),
    ("GET", "/jobs/x", "import and export"),
    ("DELETE", "/jobs/x", "import and export"),
]


@pytest.fixture(scope="module", autouse=True)
def device(hub):
    """The device that is asked for."""
    hub.add(DEVICE)


@pytest.fixture
def told(caplog):
    """The lines of the hub's log."""
    caplog.set_level(logging.INFO, "twinkle.hub")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "twinkle.hub"]


@pytest.mark.parametrize(("method", "path", "word"), ABSENT, ids=lambda value: str(value).replace("/", "."))
def test_what_the_hub_does_not_have_says_so_in_the_reason_phrase_and_in_the_log(
    rest, told, method, path, word
):
    """msrest's errors show the reason phrase (in "invalid status code"), and azure-iot-hub
    does not try 501 again. The name is of the list in model DeviceRegistryOperationError."""
    answer = rest(method, path, {} if method in ("PUT", "POST", "PATCH") else None)
    assert answer.status_code == 501, answer.text
    assert answer.reason.startswith("Not Implemented: ") and word in answer.reason and answer.reason.isascii()
    assert answer.headers["iothub-errorcode"] == "FeatureNotSupported"
    assert answer.json()["Message"].startswith("ErrorCode:FeatureNotSupported;")
    (line,) = told()
    assert method in line and path in line and word in line


def test_there_are_no_jobs_of_import_and_export(rest):
    """azure-iot-cli-extension, ``az iot hub job list``: it asks for them beside those of ``/jobs/v2``."""
    answer = rest("GET", "/jobs")
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("path", "query"), [("/no/such/resource", "?api-version=2021-04-12"), ("/device/x", ""), ("/", "?x=1")]
)
def test_an_address_that_is_none_is_told_apart_from_a_device_that_is_not_there(rest, told, path, query):
    """``iothub-errorcode`` of both, from the list in model DeviceRegistryOperationError."""
    answer = rest("GET", path + query, version=None)
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (404, "GenericNotFound")
    assert path in answer.json()["Message"] and answer.json()["ExceptionMessage"].startswith("Tracking ID:")
    assert any("GET" in line and "GenericNotFound" in line for line in told())
    answer = rest("GET", "/devices/nobody")
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (404, "DeviceNotFound")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "name"),
    [
        ("DELETE", "/twinkle/authorities/nobody", None, 404, "CertificateAuthorityNotFound"),
        ("PUT", "/twinkle/authorities/twice", {}, 409, "CertificateAuthorityConflict"),
    ],
)
def test_an_authority_is_not_taken_for_a_device(hub, rest, method, path, body, status, name):
    """The names are of the list in model DeviceRegistryOperationError."""
    if status == 409:
        with open(hub.info["caFile"]) as file:
            body = {"certificate": file.read()}
        rest(method, path, body)
    answer = rest(method, path, body)
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (status, name), answer.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", f"/twins/{DEVICE}", "GET, PATCH, PUT"),
        ("DELETE", "/devices", "GET, POST"),
        ("HEAD", "/devices", "GET"),
    ],
)
def test_a_method_that_a_resource_does_not_take_is_405_with_those_it_takes(rest, told, method, path, allowed):
    """RFC 9110, section 15.5.6: 405 with ``Allow``; the name is of the list in model DeviceRegistryOperationError."""
    answer = rest(method, path)
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (405, "GenericMethodNotAllowed")
    assert allowed in answer.headers["Allow"]
    assert any(method in line and "GenericMethodNotAllowed" in line for line in told())


@pytest.mark.parametrize("version", [None, "today", "2021-4-12", "2021-13-45", "9999-99-99", "٢٠٢١-٠٤-١٢"])
def test_a_version_that_is_none_is_named(rest, version):
    """Azure/Industrial-IoT pull request 708: the service answers "ErrorCode:InvalidProtocolVersion;BadRequest"."""
    answer = rest("GET", "/devices", version=version)
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (400, "InvalidProtocolVersion")


def test_a_body_that_is_too_large_is_in_the_log(rest, told):
    answer = rest("PATCH", f"/twins/{DEVICE}", "x" * 600_000)
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (413, "MessageTooLarge")
    assert any("MessageTooLarge" in line for line in told())


def test_a_fault_that_was_asked_for_looks_like_a_refusal(hub, rest, told):
    hub.misbehave({"fault": "http", "status": 503})
    try:
        answer = rest("GET", f"/twins/{DEVICE}")
    finally:
        hub.misbehave()
    assert (answer.status_code, answer.reason) == (503, "Service Unavailable")
    assert answer.headers["iothub-errorcode"] == "FaultAskedFor" and any(
        "asked for" in line for line in told()
    )


def test_an_expectation_of_any_bytes_is_refused_with_417_and_100_continue_is_met(rest):
    """RFC 9110, section 10.1.1."""
    answer = rest("GET", "/devices", headers={"Expect": b"\x80"})
    assert answer.status_code == 417 and "100-continue" in answer.text
    assert rest("GET", "/devices", headers={"Expect": "100-continue"}).status_code == 200
