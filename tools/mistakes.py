"""Writes docs/mistakes.md: the mistakes that an author makes, and what was printed of each on either interpreter.

The rows are those of tests/author, and are run here as there.
"""

import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "mistakes.md"
for place in ("tests/author", "firmware", ".twinkle/lib"):
    sys.path.insert(0, str(ROOT / place))

from mistake_printing import printed  # noqa: E402
from mistake_rows import HEAD, ROWS, says  # noqa: E402

INTERPRETERS = {"cpython": "CPython", "micropython": "MicroPython"}
TOP = """# Mistakes, and what is said of them

Made by `tools/mistakes` from a run of each on both interpreters; `tests/author` runs them, too. The file is
`kitchen.py`, and begins, where nothing else is shown, with

```python
{head}
```

A line that begins with `twinkle:` is what `twinkle run`, `twinkle flash` and `twinkle dev` answer, with exit status
1, before a device is given the file. `error` and `warning` are lines of the device's log, which pytest shows of a test
that fails; the hub has the last of them as `lastError`, and keeps 256 characters. `answer` is what the caller of a
method gets.

A handler says no with `BadRequest(text, status)`, which comes from `twinkle`: the caller gets the text with this
status, 400 unless another is given (100 to 599), and a writable property is acknowledged with both. It is no mistake,
so it is not logged. Whatever else a handler raises is one: status 500, and the log says where.

What a handler is given: `telemetry(board)`, `method(board, payload)`, `writable(board, value)`,
`desired(board, delta, merged)`, `message(board, properties, payload)`, `input(board, active)`. Each but telemetry's may
be a generator, which yields seconds to go on later.
"""


def main() -> int:
    """Run every row and write the page."""
    parts, table = [], ["| Mistake | What is said, on CPython or else on MicroPython |", "|---|---|"]
    for row in ROWS:
        lines = {name: _lines(row, name) for name in INTERPRETERS}
        said = [row.said] if isinstance(row.said, str) else row.said
        first = next(
            line
            for name, words in zip(INTERPRETERS, said * 2, strict=False)
            for line in lines[name]
            if words and says(line, words)
        )
        table.append(f"| [{row.title}](#{_anchor(row.title)}) | `{first}` |")
        code = (row.code if row.head == HEAD else row.head + row.code).strip("\n")
        parts += [f"## {row.title[0].upper()}{row.title[1:]}\n", f"```python\n{code}\n```\n"]
        if row.parts:
            parts.append(f"The board file has `{json.dumps(row.parts)[1:-1]}`.\n")
        if lines["cpython"] == lines["micropython"]:
            parts.append(_block("On both", lines["cpython"]))
        else:
            parts += [_block(INTERPRETERS[name], lines[name]) for name in INTERPRETERS]
    parts = [TOP.format(head=HEAD.strip()), *table, "", *parts]
    PAGE.write_text("\n".join(parts).rstrip("\n") + "\n")
    print(f"{len(ROWS)} mistakes in {PAGE.relative_to(ROOT)}")
    return 0


def _anchor(title):
    """The link to a heading, as GitHub makes it: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _lines(row, interpreter):
    with TemporaryDirectory() as folder:
        return printed(row, interpreter, Path(folder))


def _block(where, lines):
    if not lines:
        return f"{where}: nothing, since it is no mistake there.\n"
    return f"{where}:\n\n```\n" + "\n".join(lines) + "\n```\n"


if __name__ == "__main__":
    sys.exit(main())
