"""docs/azure-sdks.json: every public method of Azure's SDKs has a row, and what worked goes on working."""

import asyncio
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest
from azure_sdks import devices, python_rows, service
from azure_sdks.node_rows import are_here, node_packages
from azure_sdks.page import PAGE, known, methods, placed
from azure_sdks.rows import NO_CALL, REFUSED, WORKS, judged, plain, public, refusal
from azure_sdks.world import may_bind_https, world

# Of azure-iot-device, about methods that it keeps for old programs, which are tried as well.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with world(Path(tmp_path_factory.mktemp("sdk-table"))) as one:
        yield one


def no_longer(found):
    """The rows that worked by the table and do not now, with what they came to."""
    table = methods(known())
    now = methods(found)
    return {
        key: now.get(key)
        for key, row in table.items()
        if key[0] in found and row["outcome"] == WORKS and now.get(key, {}).get("outcome") != WORKS
        if may_bind_https() or key[2] not in python_rows.ON_443
    }


def test_what_worked_by_pythons_sdks_still_does(hub):
    found = python_rows.python_packages(hub)
    assert no_longer(found) == {}, "mend it, or run tools/sdks and say why"
    unknown = methods(found).keys() - methods(known()).keys()
    assert unknown == set(), "run tools/sdks"


@pytest.mark.long
def test_what_worked_by_nodes_sdks_still_does(hub):
    assert are_here(), "Azure's Node SDKs are not here: run ./tools/sdks"
    assert may_bind_https(), (
        "Azure's Node SDKs dial port 443 only: run this as root, or see docs/azure-sdks.md"
    )
    found = node_packages(hub)
    assert no_longer(found) == {}, "mend it, or run tools/sdks and say why"
    assert methods(found).keys() - methods(known()).keys() == set(), "run tools/sdks"


def test_every_method_has_a_call_and_a_row():
    assert [key for key, row in methods(known()).items() if row["outcome"] == NO_CALL] == []
    kinds = [("Python azure-iot-hub", kind) for kind in service.CLASSES]
    for package, flavour, _ in python_rows.OF_DEVICES:
        kinds += [(package, kind) for kind in devices.CLASSES[flavour]]
    table = known()
    for package, kind in kinds:
        assert set(table[package]["classes"][kind.__name__]) == set(public(kind)), f"{kind}: run tools/sdks"


def test_every_class_that_the_packages_offer_is_in_the_table():
    from azure.iot import device, hub

    clients = [name for name, _ in inspect.getmembers(device, inspect.isclass) if name.endswith("Client")]
    managers = [name for name in dir(hub) if name.endswith(("Manager", "TwinClient"))]
    table = known()
    assert set(clients) == set(table["Python azure-iot-device"]["classes"])
    assert set(managers) == set(table["Python azure-iot-hub"]["classes"])


def test_the_page_shows_the_table():
    assert placed(PAGE.read_text(), known()) == PAGE.read_text(), "run tools/sdks"


# --- how a call is judged


async def raises(error):
    raise error


@pytest.mark.parametrize("answer", [None, False, 0, ""])
def test_a_call_that_proves_nothing_has_not_worked(answer):
    async def call():
        return answer

    assert asyncio.run(judged(call))["outcome"] == "fails"


def test_a_refusal_has_its_status_and_its_words():
    error = ValueError("in vain")
    error.response = SimpleNamespace(
        status_code=501, reason="Not Implemented", text='{"Message": "ErrorCode:NotSupported;No jobs here."}'
    )
    assert refusal(error) == {"outcome": REFUSED, "status": 501, "words": "No jobs here."}
    assert refusal(TypeError("x")) == {"outcome": "fails", "words": "TypeError: x"}


def test_what_is_another_one_in_each_run_is_left_out():
    assert plain("at 127.0.2.1:443 in 0x7f01 Tracking ID:ab-G:0\n twice") == "at HUB in 0x… twice"
