"""Each of an author's mistakes is said, in words that lead to it, alike on both interpreters."""

import pytest
from mistake_printing import printed
from mistake_rows import ROWS, says
from support import ROOT

PAGE = ROOT / "docs" / "mistakes.md"


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title.replace(" ", "-"))
def test_a_mistake_is_said(row, interpreter, tmp_path):
    words = row.said if isinstance(row.said, str) else row.said[interpreter == "micropython"]
    lines = printed(row, interpreter, tmp_path)
    if words:
        assert any(says(line, words) for line in lines), lines
    else:
        assert lines == []


def test_the_page_has_each_mistake_with_its_code():
    page = PAGE.read_text()
    parts = page.split("\n## ")[1:]
    titles = [part.partition("\n")[0] for part in parts]
    assert titles == [row.title[0].upper() + row.title[1:] for row in ROWS], "tools/mistakes writes it"
    for row, part in zip(ROWS, parts, strict=True):
        assert row.code.strip("\n") in part, "tools/mistakes writes it"
        for words in [row.said] if isinstance(row.said, str) else row.said:
            assert says(part, words)
    assert len(ROWS) >= 25
