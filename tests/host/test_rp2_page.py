"""The page of differences between rp2 and the MicroPython of the tests: what holds each is there."""

import re

import pytest
from support import ROOT

PAGE = ROOT / "docs" / "micropython-on-rp2.md"
STAND_INS = ROOT / "host" / "mock_gpio" / "pico"
ROWS = [line.split(" | ") for line in PAGE.read_text().splitlines()[1:] if line.startswith("| ")][1:]
NOT_A_MODULE = "bench"  # where the stand-ins are told what the world is like


def named(cell):
    """The ``(path, test or "")`` that a cell names."""
    return re.findall(r"`((?:host|tests|tools)/[\w/]+(?:\.\w+)?)(?:::(\w+))?`", cell)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("| "))
def test_each_difference_has_a_stand_in_or_a_test(row):
    assert len(row) == 4 and named(row[3]), "name what holds it"
    for path, test in named(row[3]):
        assert (ROOT / path).is_file(), path
        if test:
            assert re.search(rf"^def {test}\(", (ROOT / path).read_text(), re.MULTILINE), test


def test_each_stand_in_has_its_row():
    held = {path for row in ROWS for path, _ in named(row[3])}
    stand_ins = {str(file.relative_to(ROOT)) for file in STAND_INS.glob("*.py") if file.stem != NOT_A_MODULE}
    assert stand_ins <= held
