"""What the service itself was recorded to answer.

azure-sdk-for-net, sdk/iot/Azure.Iot.Hub.Service/tests/SessionRecords: requests of a client, and IoT Hub's answers.
"""

import re

import pytest

CONFIGURATION = {"id": "recorded", "content": {"deviceContent": {"properties.desired.x": 1}}, "priority": 1}
PLACES = {
    "device": ("/devices/recorded-1", {"deviceId": "recorded-1"}),
    "module": ("/devices/recorded-1/modules/m", {"deviceId": "recorded-1", "moduleId": "m"}),
    "configuration": ("/configurations/recorded", CONFIGURATION),
}


@pytest.fixture(autouse=True)
def nothing(rest):
    """Neither the device nor the configuration is there."""
    yield
    for path in ("/devices/recorded-1", "/configurations/recorded"):
        rest("DELETE", path, headers={"If-Match": "*"})


def created(rest, what, **headers):
    """The thing, and the device that it is of."""
    if what == "module":
        rest("PUT", *PLACES["device"])
    return rest("PUT", *PLACES[what], headers=headers)


@pytest.mark.parametrize("what", PLACES)
@pytest.mark.parametrize("empty", ['""', ""])
def test_what_comes_with_an_empty_etag_is_created(rest, what, empty):
    """DevicesClient_ and ModulesClient_IdentityLifecycle, ConfigurationsClient_Configurations…: ``If-Match: ""``."""
    answer = created(rest, what, **{"If-Match": empty})
    assert answer.status_code == 200, answer.text
    again = rest("PUT", *PLACES[what], headers={"If-Match": empty})
    assert again.status_code == 409, "which is to create it once more"
    etag = answer.json()["etag"]
    assert rest("PUT", *PLACES[what], headers={"If-Match": f'"{etag}"'}).status_code == 200
    assert rest("PUT", *PLACES[what], headers={"If-Match": f'"{etag}"'}).status_code == 412


@pytest.mark.parametrize(("what", "tagged"), [("device", True), ("module", False), ("configuration", True)])
def test_devices_and_configurations_have_their_etag_in_a_header_as_well(rest, what, tagged):
    """The same: ``ETag`` with each of the two, whether written or read, none with modules."""
    for answer in (created(rest, what), rest("GET", PLACES[what][0])):
        etag = answer.json()["etag"]
        assert answer.headers.get("ETag") == (f'"{etag}"' if tagged else None)


def test_twins_have_theirs_in_the_body_alone(rest):
    """DevicesClient_DeviceTwinLifecycle: no ``ETag`` with a twin that is read or written."""
    created(rest, "device")
    for answer in (rest("GET", "/twins/recorded-1"), rest("PATCH", "/twins/recorded-1", {"tags": {"a": 1}})):
        assert answer.json()["etag"] and "ETag" not in answer.headers


def test_what_nobody_gave_is_null(rest):
    """ModulesClient_IdentityLifecycle: ``managedBy``; ConfigurationsClient_Configurations…: ``schemaVersion``."""
    assert created(rest, "module").json()["managedBy"] is None
    assert created(rest, "configuration").json()["schemaVersion"] is None
    rest("DELETE", "/configurations/recorded", headers={"If-Match": "*"})
    given = {**CONFIGURATION, "schemaVersion": "2.0"}
    assert rest("PUT", "/configurations/recorded", given).json()["schemaVersion"] == "2.0"


def test_a_refusal_says_when(rest):
    """DevicesClient_UpdateDevice_EtagDoesNotMatch: "Tracking ID:e40e9db2199f482b887af45fbeaa7b8c-G:5-TimeStamp:…"."""
    message = rest("GET", "/devices/nobody").json()["ExceptionMessage"]
    form = r"Tracking ID:[0-9a-f]{32}-G:\d-TimeStamp:\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"
    assert re.fullmatch(form, message), message
