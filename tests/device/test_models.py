"""Each application against its DTDL model: everything it uses is in there, and nothing else."""

import json

import pytest
from support import ROOT

MODELS = {
    model["@id"]: model
    for model in (json.loads(file.read_text()) for file in (ROOT / "firmware" / "apps").glob("*.json"))
}
RUNTIME = "dtmi:twinkle:Runtime;1"


def kinds(entry):
    return entry["@type"] if isinstance(entry["@type"], list) else [entry["@type"]]


def contents(model_id, kind, writable=None):
    """The names of that kind in a model, a component's as ``component*name``."""
    names = set()
    for entry in MODELS[model_id]["contents"]:
        if "Component" in kinds(entry):
            names |= {f"{entry['name']}*{inner}" for inner in contents(entry["schema"], kind, writable)}
        elif kind in kinds(entry) and writable in (None, entry.get("writable", False)):
            names.add(entry["name"])
    return names


def flat(section):
    """The names of reported members, a component's as ``component*name``."""
    names = set()
    for name, value in section.items():
        if isinstance(value, dict) and value.get("__t") == "c":
            names |= {f"{name}*{inner}" for inner in value if inner != "__t"}
        else:
            names.add(name)
    return names


INFORMATION = {
    "manufacturer": "Contoso",
    "model": "M",
    "swVersion": "1",
    "osName": "None",
    "processorArchitecture": "ARM",
    "processorManufacturer": "Contoso",
    "totalStorage": 848,
    "totalMemory": 264,
}


@pytest.mark.parametrize("app", ["environment", "thermostat", "temperature_controller"])
def test_what_an_app_does_is_what_its_model_says(world, app):
    board = world.add("modelled", f"apps.{app}", {"configId": 1, "sendFrequency": "10s"}, on=False)
    board.start["information"] = INFORMATION
    board.power_on()
    world.until(lambda: board.state == "ready")
    model_id = world.hub.get_twin("modelled")["modelId"]
    commands = contents(model_id, "Command")
    for name in sorted(commands):
        results = world.invoke("modelled", name)
        world.run(10)
        assert results[0].status != 404 or "no sample" in str(results[0].payload), name
    unknown = world.invoke("modelled", "nothing")
    world.run(20)
    listed = unknown[0].payload["error"].partition("there are: ")[2].split(", ")
    assert set(listed) == commands

    for name in contents(model_id, "Property", writable=True):
        component, _, inner = name.rpartition("*")
        world.desired("modelled", {component: {"__t": "c", inner: 2}} if component else {inner: 2})
    world.run(10)
    reported = flat(world.reported("modelled"))
    # A long-running command's result is reported under the command's own name (IoT Central).
    assert reported - contents(RUNTIME, "Property") - commands == contents(model_id, "Property")
    assert reported & contents(RUNTIME, "Property")

    sent = set()
    for event in world.events:
        if event["source"] == "Telemetry":
            component = event["systemProperties"].get("dt-subject")
            sent |= {f"{component}*{name}" if component else name for name in event["body"]}
    assert sent == contents(model_id, "Telemetry")


def test_every_model_is_well_formed():
    for model in MODELS.values():
        names = [entry["name"] for entry in model["contents"]]
        assert len(names) == len(set(names)), "names are unique within an interface"
        assert model["@context"] == "dtmi:dtdl:context;2" and model["@type"] == "Interface"
        for entry in model["contents"]:
            assert entry["name"].isidentifier() and len(entry["name"]) <= 64
            assert "schema" in entry or "Command" in kinds(entry), entry["name"]
            if "Component" in kinds(entry):
                assert entry["schema"] in MODELS
