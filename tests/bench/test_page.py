"""The page says what was found, and names what was missed or not measured."""

import json

from benchmark.goals import GOALS, Measurement
from benchmark.page import document, number, render, row, write
from benchmark.samples import summarize

TIME, P99 = GOALS[0], GOALS[1]
ABOUT = {"P1": ("direct methods", "What it means,\nin two lines.")}
VERSIONS = {"Twinkle": "1.2.3", "a peer": "4.5"}
PEERS = {"a peer": summarize([10.0, 30.0], "ms")}


def measured(value, name=TIME.name):
    return Measurement("P1", name, summarize([1.0, 2.0, 6.0], "ms"), PEERS, value)


def test_a_row_holds_ours_the_peer_the_ratio_the_goal_and_the_verdict():
    assert row(measured(0.1)) == (
        "| P1 | method round trip, median | 2 (1 to 6) ms | a peer: 20 (10 to 30) ms "
        "| 0.1 × azure-iot-device | ≤ 0.42 × azure-iot-device | met |"
    )


def test_a_missed_goal_is_named_missed():
    assert row(measured(0.75)).endswith("| **missed** |")
    text = page([measured(0.75), measured(0.2, P99.name)], [])
    assert "2 goals were measured: 1 met, 1 missed." in text
    assert text.count("**missed**") == 1 and text.count("| met |") == 1


def test_what_could_not_be_measured_is_named_too():
    text = page([measured(0.2)], [P99])
    assert "1 goals were measured: 1 met, 0 missed. 1 could not be measured." in text
    (line,) = [line for line in text.splitlines() if P99.name in line]
    assert line.endswith("| **not measured** |")


def test_what_is_told_for_information_has_no_verdict():
    line = row(Measurement("P1", "something else", summarize([3.0], "KB")))
    assert line == "| P1 | something else | 3 KB |  |  |  |  |"


def test_the_page_names_the_command_the_versions_and_what_figures_mean():
    text = page([measured(0.2)], [])
    assert "`./tools/bench --quick`" in text and "| a peer | 4.5 |" in text
    assert "**P1, direct methods.** What it means, in two lines." in text


def test_numbers_are_short():
    assert [number(value) for value in (0, 0.12345, 12.345, 123.45, 13762.0)] == [
        *("0", "0.123", "12.3", "123", "13,762"),
    ]


def test_programs_find_the_same_in_json(tmp_path):
    facts = document([measured(0.75)], [P99], VERSIONS, "./tools/bench")
    path = write(tmp_path / "new", "the page\n", facts)
    assert path.read_text() == "the page\n"
    read = json.loads((tmp_path / "new" / "performance.json").read_text())
    (figure,) = read["figures"]
    assert figure["verdict"] == "missed" and figure["goal"]["limit"] == TIME.limit
    assert figure["ours"]["count"] == 3 and figure["peers"]["a peer"]["median"] == 20
    assert read["notMeasured"] == [f"P1 {P99.name}"] and read["versions"] == VERSIONS


def page(measurements, absent):
    return render(measurements, absent, ABOUT, VERSIONS, "./tools/bench --quick")
