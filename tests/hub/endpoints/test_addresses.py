"""The addresses that services and tools really ask: every spelling of one resource leads to it."""

from urllib.parse import quote

import pytest

from twinkle_host.hub.rest.routes import OtherMethod, Routes, UnknownResource

DEVICE = "Addr-1"
VERSION = "api-version=2021-04-12"


@pytest.fixture(scope="module", autouse=True)
def device(hub):
    """The device that is asked for."""
    hub.add(DEVICE)


@pytest.mark.parametrize(
    "path",
    [
        f"/devices/?{VERSION}",  # npm azure-iothub's Registry.list: endpoint.devicePath("") + versionQueryString()
        f"/devices?{VERSION}",
        f"/devices?top=5&{VERSION}",
        f"/devices/{DEVICE}/?{VERSION}",
        f"/twins/{DEVICE}/?{VERSION}",
        f"/statistics/devices/?{VERSION}",
        f"/devices/{DEVICE}/modules/?{VERSION}",
        f"/configurations/?{VERSION}",
        f"/jobs/v2/query/?{VERSION}",
    ],
)
def test_a_slash_at_the_end_changes_nothing(rest, path):
    """azure-iot-sdk-node, service/src/registry.ts ``list``, which registry_sample.js calls."""
    assert rest("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/twins%2F{DEVICE}", None),
        ("GET", f"/twins%2f{DEVICE}", None),
        ("PATCH", f"/twins%2F{DEVICE}", {"tags": {"a": 1}}),
        ("GET", f"/devices%2F{DEVICE}", None),
        ("POST", "/devices%2Fquery", {"query": "SELECT * FROM devices"}),
        ("GET", f"/digitalTwins%2F{DEVICE}", None),
        ("GET", f"/devices%2F{DEVICE}%2Fmodules", None),  # IoT Explorer's fetchModuleIdentities
        ("PUT", f"/devices%2F{DEVICE}%2Fmodules%2Fm", {}),
        ("GET", f"/twins%2F{DEVICE}%2Fmodules%2Fm", None),
    ],
)
def test_slashes_may_be_encoded(rest, method, path, body):
    """azure-iot-explorer, public/handlers/dataPlaneHandler.ts: ``https://${hostname}/${encodeURIComponent(path)}``."""
    answer = rest(method, path, body)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/digitalTwins/{DEVICE}?{VERSION}",  # so azure-iot-explorer has it
        f"/DEVICES/{DEVICE}?{VERSION}",
        f"/Twins/{DEVICE}?{VERSION}",
        "/statistics/Devices?API-Version=2021-04-12",
        "/devices?Api-Version=2020-05-31-Preview&Top=1",
    ],
)
def test_letter_case_counts_in_neither_the_path_nor_the_names_of_the_query(rest, path):
    """The service is ASP.NET Web API, whose routes and parameters are found in any letter case."""
    answer = rest("GET", path)
    assert answer.status_code == 200, answer.text
    if "Top=1" in path:
        assert len(answer.json()) == 1


def test_letter_case_counts_in_a_device_id(rest):
    """IoT Hub developer guide, identity registry: ``deviceId`` is "a case-sensitive string"."""
    answer = rest("GET", f"/devices/{DEVICE.upper()}")
    assert (answer.status_code, answer.headers["iothub-errorcode"]) == (404, "DeviceNotFound")


@pytest.mark.parametrize("device_id", ["a+b", "a%b", "%2F", "#?", "-:.+%_#*?!(),=@;$'"])
def test_an_id_of_signs_is_one_part_of_the_path(hub, rest, device_id):
    """azure-iot-hub percent-encodes ids; one step of decoding gives back what was meant."""
    hub.add(device_id)
    answer = rest("GET", f"/devices/{quote(device_id, safe='')}")
    assert answer.status_code == 200 and answer.json()["deviceId"] == device_id
    assert rest("GET", f"/twins/{quote(device_id, safe='')}").json()["deviceId"] == device_id


@pytest.mark.parametrize(
    "path", [f"/devices//{DEVICE}", f"//devices/{DEVICE}", f"/twins/{DEVICE}//", "/devices%2F%2F"]
)
def test_an_empty_part_is_no_part(rest, path):
    assert rest("GET", path).status_code == 404


def test_the_names_in_an_address_keep_their_letter_case():
    """A command's name is a method's name, which is case-sensitive."""
    routes = Routes()
    routes.add("POST", "/digitaltwins/{id}/components/{component}/commands/{name}", "command")
    found = routes.find("POST", "/DigitalTwins/Dev%2FComponents/fanA/Commands/turnOn/")
    assert found == ("command", {"id": "Dev", "component": "fanA", "name": "turnOn"})


def test_a_word_comes_before_a_name_where_both_take_the_method():
    routes = Routes()
    routes.add("POST", "/devices/query", "query")
    routes.add("POST", "/devices/{id}", "post")
    routes.add("GET", "/devices/{id}", "device")
    assert routes.find("POST", "/devices/Query") == ("query", {})
    assert routes.find("GET", "/devices/query") == ("device", {"id": "query"})
    with pytest.raises(OtherMethod):
        routes.find("PUT", "/devices/x")
    with pytest.raises(UnknownResource):
        routes.find("PUT", "/devices/x/y")
