"""Many identities in one request: what each import mode does, and how what it cannot do is told.

The right answers: azure-docs, iot-hub-bulk-identity-mgmt.md, section "Import behavior", table of import modes; the
models ExportImportDevice, BulkRegistryOperationResult and DeviceRegistryOperationError of azure-iot-hub 2.7; the REST
reference "Bulk Registry - Update Registry" ("A device identity can be specified only once in the list", 100 at most).
"""

import pytest
from harness import DESIRED

from twinkle_host.hub.core import HubError, run_bulk

STALE = "c3RhbGU="
MODES = {
    # mode: what it does with a device that is there, and with one that is not
    "create": ("DeviceAlreadyExists", "made"),
    "createOrUpdate": ("changed", "made"),
    "createOrUpdateIfMatchETag": ("changed", "made"),
    "update": ("changed", "DeviceNotFound"),
    "updateIfMatchETag": ("changed", "DeviceNotFound"),
    "delete": ("gone", "DeviceNotFound"),
    "deleteIfMatchETag": ("gone", "DeviceNotFound"),
    "updateTwin": ("twin", "DeviceNotFound"),
    "updateTwinIfMatchETag": ("twin", "DeviceNotFound"),
}


def one(stage, **entry):
    """The code's name that the only entry of a request is refused with, or None."""
    result = run_bulk(stage.hub, [{"id": "dev1", **entry}])
    assert result["isSuccessful"] is not result["errors"] and result["warnings"] == []
    assert [error["deviceId"] for error in result["errors"]] in ([], ["dev1"])
    return result["errors"][0]["errorCode"] if result["errors"] else None


def state_of(stage):
    """Everything a service can see of the device, None without one."""
    if "dev1" not in stage.hub.devices:
        return None
    return stage.hub.get_device("dev1"), stage.hub.get_twin("dev1")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("there", [True, False])
def test_each_mode_does_what_the_table_says(stage, mode, there):
    """Table of import modes; ``eTag`` and ``twinETag`` are those that the hub has."""
    etags = {}
    if there:
        stage.device()
        identity, twin = state_of(stage)
        etags = {"eTag": identity["etag"], "twinETag": twin["etag"]}
    refused = one(stage, importMode=mode, status="disabled", tags={"floor": 1}, **etags)
    expected = MODES[mode][0 if there else 1]
    if expected in ("made", "changed"):
        identity, twin = state_of(stage)
        assert refused is None and identity["status"] == "disabled" and twin["tags"] == {"floor": 1}
    elif expected == "gone":
        assert refused is None and state_of(stage) is None
    elif expected == "twin":
        identity, twin = state_of(stage)
        assert refused is None and identity["status"] == "enabled" and twin["tags"] == {"floor": 1}
    else:
        assert refused == expected
        assert state_of(stage) is None if not there else state_of(stage)[0]["status"] == "enabled"


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.endswith("IfMatchETag")])
@pytest.mark.parametrize("etag", [STALE, f'"{STALE}"', 5])
def test_a_mode_with_an_etag_leaves_what_was_changed_meanwhile(stage, mode, etag):
    """ "... only if there's an ETag match. If there's an ETag mismatch, an error is written"."""
    stage.device()
    before = state_of(stage)
    assert one(stage, importMode=mode, status="disabled", tags={"a": 1}, eTag=etag, twinETag=etag) == (
        "PreconditionFailed" if isinstance(etag, str) else "ArgumentInvalid"
    )
    assert state_of(stage) == before


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.endswith("IfMatchETag")])
@pytest.mark.parametrize("etags", [{}, {"eTag": None, "twinETag": None}, {"eTag": "", "twinETag": ""}])
def test_where_an_entry_has_no_etag_none_can_differ(stage, mode, etags):
    """azure-sdk-for-net, SessionRecords of Azure.Iot.Hub.Service, Jobs_Export_Import_Lifecycle: five devices go
    by ``{"id": ..., "importMode": "deleteIfMatchETag"}``."""
    stage.device()
    before = state_of(stage)
    assert one(stage, importMode=mode, status="disabled", tags={"a": 1}, **etags) is None
    assert state_of(stage) != before


@pytest.mark.parametrize("mode", [mode for mode in MODES if not mode.endswith("IfMatchETag")])
def test_a_mode_without_one_does_it_regardless_of_the_devices_etag(stage, mode):
    """ "... without regard to the ETag value"; ``create`` has nothing that could match."""
    if mode != "create":
        stage.device()
    assert one(stage, importMode=mode, eTag=STALE) is None


@pytest.mark.parametrize("mode", ["createOrUpdate", "update", "updateTwinIfMatchETag"])
def test_the_twins_etag_counts_by_itself(stage, mode):
    """ "The twin's ETag is processed independently from the device's ETag"; a mismatch is an error."""
    stage.device()
    before = state_of(stage)
    entry = {"importMode": mode, "eTag": before[0]["etag"], "tags": {"a": 1}, "status": "disabled"}
    assert one(stage, **entry, twinETag=STALE) == "PreconditionFailed"
    assert state_of(stage) == before
    assert one(stage, **entry, twinETag=before[1]["etag"]) is None


@pytest.mark.parametrize(
    ("mode", "etag"),
    [("deleteIfMatchEtag", {"etag": "*"}), ("DeleteIfMatchETag", {"eTag": '"*"'}), ("Delete", {})],
)
def test_modes_and_members_are_read_in_any_letter_case(stage, mode, etag):
    """IoT Explorer's devicesService.deleteDevices sends the first; npm azure-iothub's removeDevices the others."""
    stage.device()
    assert one(stage, importMode=mode, **etag) is None and state_of(stage) is None


@pytest.mark.parametrize("mode", [None, "createOrUpdate"])
def test_a_new_device_has_its_tags_and_desired_properties_from_the_start(stage, mode):
    """ "The user can optionally specify twin data along with the device data"; without a mode it is createOrUpdate."""
    properties = {"desired": {"a": {"b": 1}, "$metadata": {"x": 1}, "$version": 9}, "reported": {"r": 1}}
    assert one(stage, importMode=mode, tags={"floor": 1}, properties=properties) is None
    twin = stage.hub.get_twin("dev1")
    assert twin["tags"] == {"floor": 1} and twin["properties"]["desired"]["a"] == {"b": 1}
    assert "r" not in twin["properties"]["reported"], "which only the device writes"
    # azure-sdk-for-net, SessionRecords, DevicesClient_ and ModulesClient_BulkCreation_…WithTwin.
    assert (twin["version"], twin["etag"]) == (2, "AAAAAAAAAAE=")
    assert [twin["properties"][name]["$version"] for name in ("desired", "reported")] == [1, 1]
    assert twin["properties"]["desired"]["$metadata"]["a"]["b"]["$lastUpdatedVersion"] == 1
    assert stage.store.load("dev1")["twin"]["tags"] == {"floor": 1}


@pytest.mark.parametrize("mode", ["create", "createOrUpdate", "update", "updateTwin"])
@pytest.mark.parametrize("wrong", [{"tags": {"a.b": 1}}, {"properties": {"desired": []}}, {"tags": 5}])
def test_a_bad_twin_leaves_the_identity_as_it_was(stage, mode, wrong):
    if mode.startswith("update"):
        stage.device()
    before = state_of(stage)
    assert one(stage, importMode=mode, status="disabled", **wrong) == "ArgumentInvalid"
    assert state_of(stage) == before and ("dev1" in stage.store.texts) is (before is not None)


@pytest.mark.parametrize("mode", ["updateTwin", "createOrUpdate"])
def test_a_connected_device_is_told_of_its_desired_properties(stage, mode):
    device = stage.connected()
    stage.hub.patch_twin("dev1", {"properties": {"desired": {"old": 1}}})
    device.take()
    assert one(stage, importMode=mode, properties={"desired": {"a": 1}}) is None
    topic, body = device.take()[0]
    assert topic.startswith(DESIRED[:-1]) and body == {"a": 1, "old": None, "$version": 3}


@pytest.mark.parametrize("mode", ["createIfMatch", "", 5, [], "Löschen"])
def test_an_unknown_mode_is_refused_and_nothing_done(stage, mode):
    """The model's list of import modes is closed."""
    assert one(stage, importMode=mode) == "ArgumentInvalid" and state_of(stage) is None


def module_of(stage):
    """Everything a service can see of the module, None without one."""
    if stage.hub.known("dev1/m") is None:
        return None
    return stage.hub.get_device("dev1", "m"), stage.hub.get_twin("dev1", "m")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("there", [True, False])
def test_an_entry_for_a_module_is_not_taken_for_its_device(stage, mode, there):
    """ExportImportDevice, ``module_id``: "The unique identifier of the module, if applicable"; the modes are those
    of the table."""
    stage.device()
    if there:
        stage.hub.create_device("dev1", module_id="m")
    device = state_of(stage)
    refused = one(stage, importMode=mode, moduleId="m", eTag="*", twinETag="*", tags={"a": 1})
    expected = MODES[mode][0 if there else 1]
    if expected in ("made", "changed", "twin"):
        assert refused is None and module_of(stage)[1]["tags"] == {"a": 1}
    elif expected == "gone":
        assert refused is None and module_of(stage) is None
    else:
        names = {"DeviceAlreadyExists": "ModuleAlreadyExistsOnDevice", "DeviceNotFound": "ModuleNotFound"}
        assert refused == names[expected]
    assert state_of(stage) == device


def test_an_id_stands_in_a_request_once(stage):
    """REST reference, Update Registry; DeviceRegistryOperationError knows ``DeviceDefinedMultipleTimes``."""
    result = run_bulk(stage.hub, [{"id": "a"}, {"id": "b"}, {"id": "a", "importMode": "delete"}])
    told = [(error["deviceId"], error["errorCode"]) for error in result["errors"]]
    assert told == [("a", "DeviceDefinedMultipleTimes")] * 2
    assert stage.hub.devices.order == ["b"]


@pytest.mark.parametrize("entry", [5, None, {}, {"id": 7}, {"id": None}, {"deviceId": "a"}])
def test_an_entry_without_an_id_is_an_error_of_its_own(stage, entry):
    result = run_bulk(stage.hub, [entry, {"id": "b"}])
    assert [(e["deviceId"], e["errorCode"]) for e in result["errors"]] == [(None, "ArgumentInvalid")]
    assert stage.hub.devices.order == ["b"]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({"id": "a"}, "ArgumentInvalid"),
        (None, "ArgumentInvalid"),
        ([{"id": str(n)} for n in range(101)], "TooManyDevices"),
    ],
)
def test_what_is_no_list_of_at_most_100_is_refused_as_a_whole(stage, entries, code):
    """REST reference: "A maximum of 100 devices can be specified"; TooManyDevices is 413002 in C#'s ErrorCode."""
    with pytest.raises(HubError) as refused:
        run_bulk(stage.hub, entries)
    assert refused.value.name == code and stage.hub.devices.order == []


def test_errors_name_the_code_and_say_why(stage):
    """DeviceRegistryOperationError: ``error_code`` is a name of the list, ``error_status`` the details."""
    stage.device()
    [error] = run_bulk(stage.hub, [{"id": "dev1", "importMode": "create"}])["errors"]
    assert error["errorCode"] == "DeviceAlreadyExists" and "exists already" in error["errorStatus"]
