"""What a simulated board records of its pins in ``pins.jsonl``, read while it goes on: a line of JSON each."""

import json
from pathlib import Path
from typing import Any


def recorded(file: Path, begin: int = 0) -> tuple[list[dict[str, Any]], int]:
    """What is there from the byte ``begin`` on, and where that ends: before a line that is half written."""
    try:
        with open(file, "rb") as pins:
            pins.seek(begin)
            news = pins.read()
    except FileNotFoundError:
        return [], begin
    whole = news[: news.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], begin + len(whole)
