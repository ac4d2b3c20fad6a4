"""What Azure answered to azure-sdk-for-net, as it was recorded there, and what this hub answers to the same.

sdk/iot/Azure.Iot.Hub.Service/tests/SessionRecords, of July to September 2020: DevicesClientTests, ModulesClientTests,
ConfigurationsClientTests. Only what differs from one hub to the next, such as keys and times, is not compared.
"""

import re
from datetime import UTC, datetime

import pytest

NEW = '""'  # the If-Match of what is not there yet
PATHS = {
    "device": ("/devices/recorded", {"deviceId": "recorded"}),
    "module": ("/devices/with-modules/modules/m", {"deviceId": "with-modules", "moduleId": "m"}),
    "configuration": (
        "/configurations/recorded",
        {
            "id": "recorded",
            "labels": {"HostPlatform": "SomeValue"},
            "content": {"deviceContent": {"properties.desired.deviceContent_key": "a value"}},
            "targetCondition": "*",
            "priority": 580374961,
        },
    ),
}


@pytest.fixture(params=PATHS)
def kind(request, hub, rest):
    """What is made, changed and removed."""
    if request.param == "module" and hub.call("devices.get", "with-modules") is None:
        hub.add("with-modules")
    yield request.param
    rest("DELETE", PATHS[request.param][0], headers={"If-Match": "*"})


@pytest.fixture
def ask(rest, kind):
    """A request for it: ``ask(method, body, If-Match)``."""
    path, body = PATHS[kind]

    def ask(method, etag=None, body=body):
        headers = {} if etag is None else {"If-Match": etag}
        return rest(method, path, body if method == "PUT" else None, version="2020-03-13", headers=headers)

    return ask


def test_it_is_made_with_an_empty_etag_and_not_twice(ask):
    made = ask("PUT", NEW)
    assert made.status_code == 200, made.text
    assert ask("PUT", NEW).status_code == 409
    assert ask("PUT", "*").status_code == 200
    assert ask("PUT", f'"{made.json()["etag"]}"').status_code == 412, "it is another one now"


def test_its_etag_is_in_the_header_but_a_modules_is_not(ask, kind):
    for answer in (ask("PUT"), ask("GET"), ask("PUT", "*")):
        tag = f'"{answer.json()["etag"]}"'
        assert answer.headers.get("ETag") == (None if kind == "module" else tag)


def test_every_answer_has_the_id_of_its_request_and_a_refusal_names_it(ask):
    answers = [ask("PUT"), ask("GET"), ask("PUT", '"x"'), ask("DELETE", "*"), ask("GET")]
    assert [answer.status_code for answer in answers] == [200, 200, 412, 204, 404]
    ids = [answer.headers["x-ms-request-id"] for answer in answers]
    assert len(set(ids)) == 5 and all(
        re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one) for one in ids
    )
    pattern = r"Tracking ID:([0-9a-f]{32})-G:\d+-TimeStamp:(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)"
    hexadecimal, time = re.fullmatch(pattern, answers[2].json()["ExceptionMessage"]).groups()
    assert hexadecimal == ids[2].replace("-", "")
    ago = datetime.now(UTC) - datetime.strptime(time, "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC)
    assert abs(ago.total_seconds()) < 120


def test_a_configuration_as_azure_shows_it(rest):
    path, body = PATHS["configuration"]
    made = rest("PUT", path, body, headers={"If-Match": NEW}).json()
    assert made["etag"] == "MQ==" and made["schemaVersion"] is None
    assert made["systemMetrics"]["results"] == made["metrics"]["results"] == {}, "nothing is counted yet"
    changed = rest(
        "PUT", path, {**body, "priority": 1, "schemaVersion": "1.0"}, headers={"If-Match": "*"}
    ).json()
    assert changed["etag"] == "Mg==" and changed["schemaVersion"] == "1.0"
    rest("DELETE", path, headers={"If-Match": "*"})


def test_a_module_has_no_owner_unless_one_was_named(hub, rest):
    hub.add("owned")
    path, body = "/devices/owned/modules/m", {"deviceId": "owned", "moduleId": "m"}
    assert rest("PUT", path, body).json()["managedBy"] is None
    changed = rest("PUT", path, {**body, "managedBy": "SomeChangedValue"}, headers={"If-Match": "*"})
    assert changed.json()["managedBy"] == "SomeChangedValue"


@pytest.mark.parametrize("path", ["/devices/unquoted", "/devices/unquoted/modules/m"])
def test_an_identity_is_not_removed_by_an_etag_without_quotes(hub, rest, path):
    """azure-iot-sdk-java, issue 292: "Precondition failed: Invalid ETag"; a star needs none."""
    if hub.call("devices.get", "unquoted") is None:
        hub.add("unquoted")
    if path.endswith("m"):
        rest("PUT", path, {"deviceId": "unquoted", "moduleId": "m"})
    etag = rest("GET", path).json()["etag"]
    answer = rest("DELETE", path, headers={"If-Match": etag})
    assert answer.status_code == 412 and "Invalid ETag" in answer.json()["Message"]
    assert rest("DELETE", path, headers={"If-Match": f'"{etag}"'}).status_code == 204


def test_twins_have_their_etag_in_the_body_alone(hub, rest):
    """DevicesClient_DeviceTwinLifecycle: no ``ETag`` with a twin that is read or written."""
    hub.add("twinned")
    for answer in (rest("GET", "/twins/twinned"), rest("PATCH", "/twins/twinned", {"tags": {"a": 1}})):
        assert answer.json()["etag"] and "ETag" not in answer.headers
