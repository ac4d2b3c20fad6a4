"""S0: the device twin tutorial, app `climate`, device and hub in one virtual world."""

import json

import pytest

NAME = "MyTwinDevice"
UNKNOWN = "{unknown}"
RESET = {
    "firmwareVersion": "1.2.1",
    "lastPatchReceivedId": UNKNOWN,
    "fanOn": UNKNOWN,
    "minTemperature": UNKNOWN,
    "maxTemperature": UNKNOWN,
}
SYSTEM = {"id": "17", "units": "farenheit", "firmwareVersion": "9.75"}
INIT = {
    "patchId": "Init",
    "fanOn": "false",
    "components": {"system": SYSTEM, "climate": {"minTemperature": "68", "maxTemperature": "76"}},
}
MAXIMUM = {"patchId": "Set maximum temperature", "components": {"climate": {"maxTemperature": "92"}}}
WIFI = {"channel": "6", "ssid": "my_network"}
OTHER_WIFI = {"channel": "13", "ssid": "my_other_network"}


def report(patch, fan, least, greatest):
    return {
        **RESET,
        "lastPatchReceivedId": patch,
        "fanOn": fan,
        "minTemperature": least,
        "maxTemperature": greatest,
    }


AFTER_INIT = report("Init", "false", "68", "76")
AFTER_MAXIMUM = report("Set maximum temperature", "false", "68", "92")


class Tutorial:
    """The device, and what it has reported of the tutorial's members since last asked."""

    def __init__(self, world, on=True):
        self.world = world
        self.board = world.add(NAME, "apps.climate", {"configId": 0, "sendFrequency": "24h"}, on)
        self._read = 0
        if on:
            self.world.until(lambda: self.board.state == "ready")
            self.world.run(1)

    def patch(self, desired):
        """PATCH the desired properties and let the device work; answers what it reported."""
        self.world.desired(NAME, desired)
        self.world.run(1)
        return self.reports()

    def reports(self):
        sent = [json.loads(payload) for topic, payload in self.board.sent if "reported" in topic]
        new, self._read = sent[self._read :], len(sent)
        kept = ({k: v for k, v in patch.items() if k in RESET} for patch in new)
        return [patch for patch in kept if patch]

    def said(self, text):
        return any(text in line for line in self.board.log)

    def desired(self):
        section = self.world.hub.get_twin(NAME)["properties"]["desired"]
        return {name: value for name, value in section.items() if not name.startswith("$")}

    def upto_maximum(self):
        self.patch(INIT)
        self.patch(MAXIMUM)
        return self


@pytest.fixture(autouse=True)
def fresh_app(request):
    """On CPython the application lives in this process, and must forget the last test."""
    import sys

    sys.modules.pop("apps.climate", None)
    import apps

    if hasattr(apps, "climate"):
        del apps.climate


def test_s0_1_an_empty_twin_is_read_and_everything_unknown_is_reported(world):
    tutorial = Tutorial(world)
    assert tutorial.reports() == [RESET]
    assert world.hub.get_twin(NAME)["properties"]["reported"]["$version"] == 2


def test_s0_2_a_reset_forgets_everything(world):
    tutorial = Tutorial(world)
    tutorial.patch(INIT)
    world.hub.patch_twin(NAME, {"properties": {"desired": None}})
    world.run(1)
    assert tutorial.desired() == {}
    assert tutorial.reports() == [RESET]
    assert tutorial.said("all components are gone")


def test_s0_2b_a_reset_of_an_empty_twin_does_no_harm(world):
    tutorial = Tutorial(world)
    world.hub.patch_twin(NAME, {"properties": {"desired": None}})
    world.run(1)
    assert tutorial.patch(INIT)[-1] == AFTER_INIT


def test_s0_3_init(world):
    tutorial = Tutorial(world)
    tutorial.reports()
    assert tutorial.patch(INIT) == [AFTER_INIT]
    assert tutorial.said("component system is added") and tutorial.said("component climate is added")


@pytest.mark.parametrize("value", ["false", "true"])
def test_s0_4_the_fan_is_switched_without_a_report(world, value):
    tutorial = Tutorial(world)
    tutorial.patch(INIT)
    lit = len(tutorial.board.outputs["led"])
    assert tutorial.patch({"patchId": "Switch fan on", "fanOn": value}) == []
    assert [level for _, level in tutorial.board.outputs["led"][lit:]] == ([1.0] if value == "true" else [])
    assert tutorial.patch(MAXIMUM)[-1]["fanOn"] == value


def test_s0_5_a_new_maximum_is_reported_with_the_known_minimum(world):
    tutorial = Tutorial(world)
    tutorial.patch(INIT)
    assert tutorial.patch(MAXIMUM) == [AFTER_MAXIMUM]
    assert tutorial.said("component climate is updated")
    assert tutorial.desired()["components"]["climate"] == {"minTemperature": "68", "maxTemperature": "92"}


def test_s0_6_a_component_is_added(world):
    tutorial = Tutorial(world).upto_maximum()
    assert tutorial.patch({"patchId": "Add WiFi component", "components": {"wifi": WIFI}}) == []
    assert tutorial.said("component wifi is added")


def test_s0_7_a_component_is_updated(world):
    tutorial = Tutorial(world).upto_maximum()
    tutorial.patch({"patchId": "Add WiFi component", "components": {"wifi": WIFI}})
    assert tutorial.patch({"patchId": "Update WiFi component", "components": {"wifi": OTHER_WIFI}}) == []
    assert tutorial.said("component wifi is updated")
    assert tutorial.desired()["components"]["wifi"] == OTHER_WIFI


def test_s0_8_a_component_is_deleted(world):
    tutorial = Tutorial(world).upto_maximum()
    tutorial.patch({"patchId": "Add WiFi component", "components": {"wifi": WIFI}})
    assert tutorial.patch({"patchId": "Delete WiFi component", "components": {"wifi": None}}) == []
    assert tutorial.said("component wifi is deleted")
    assert set(tutorial.desired()["components"]) == {"system", "climate"}


def test_s0_9_deleting_an_unknown_component_is_ignored(world):
    tutorial = Tutorial(world).upto_maximum()
    assert tutorial.patch({"patchId": "Delete WiFi component", "components": {"wifi": None}}) == []
    assert not tutorial.said("wifi") and not tutorial.said("failed")


def test_s0_10_the_service_reads_the_last_report(world):
    tutorial = Tutorial(world).upto_maximum()
    tutorial.patch({"patchId": "Add WiFi component", "components": {"wifi": WIFI}})
    tutorial.patch({"patchId": "Delete WiFi component", "components": {"wifi": None}})
    reported = world.reported(NAME)
    assert {name: reported[name] for name in RESET} == AFTER_MAXIMUM


def test_s0_11_a_new_minimum_is_reported_with_the_known_maximum(world):
    tutorial = Tutorial(world).upto_maximum()
    patch = {"patchId": "Set minimum", "components": {"climate": {"minTemperature": "60"}}}
    assert tutorial.patch(patch) == [report("Set minimum", "false", "60", "92")]


def deleted_wifi(world):
    """A twin as S0.8 leaves it, with the device off."""
    tutorial = Tutorial(world, on=False)
    for desired in (
        INIT,
        MAXIMUM,
        {"patchId": "Add WiFi component", "components": {"wifi": WIFI}},
        {"patchId": "Delete WiFi component", "components": {"wifi": None}},
    ):
        world.desired(NAME, desired)
    return tutorial


def test_s0_12_a_restart_handles_the_whole_document_in_one_report(world):
    tutorial = deleted_wifi(world)
    tutorial.board.power_on()
    world.until(lambda: tutorial.board.state == "ready")
    world.run(1)
    assert tutorial.reports() == [report("Delete WiFi component", "false", "68", "92")]
    assert tutorial.said("component system is added") and tutorial.said("component climate is added")


def test_s0_13_changes_while_offline_are_not_replayed_but_their_result_counts(world):
    tutorial = Tutorial(world)
    tutorial.patch(INIT)
    tutorial.board.unplug()
    world.run(1)
    world.desired(NAME, MAXIMUM)
    world.desired(NAME, {"patchId": "Add WiFi component", "components": {"wifi": WIFI}})
    world.desired(NAME, {"patchId": "Delete WiFi component", "components": {"wifi": None}})
    tutorial.board.plug()
    world.until(lambda: tutorial.board.state == "ready")
    world.run(1)
    assert tutorial.reports()[-1] == report("Delete WiFi component", "false", "68", "92")
    assert not tutorial.said("wifi")


def test_s0_14_reports_do_not_move_the_etag_the_service_uses(world):
    tutorial = Tutorial(world)
    etag = world.hub.get_twin(NAME)["etag"]
    for desired in (INIT, MAXIMUM, {"patchId": "Add WiFi component", "components": {"wifi": WIFI}}):
        etag = world.desired(NAME, desired, etag)["etag"]
        world.run(5)
    assert tutorial.reports()


def test_s0_15_the_whole_document_in_one_patch_makes_one_report(world):
    tutorial = Tutorial(world)
    tutorial.reports()
    desired = {
        "patchId": "All",
        "fanOn": "true",
        "components": {
            "system": SYSTEM,
            "wifi": WIFI,
            "climate": {"minTemperature": "68", "maxTemperature": "76"},
        },
    }
    assert tutorial.patch(desired) == [report("All", "true", "68", "76")]
    for name in ("system", "wifi", "climate"):
        assert tutorial.said(f"component {name} is added")
