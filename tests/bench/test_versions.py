"""The table of what took part in a benchmark tells versions."""

import re

from benchmark.versions import MOSQUITTO, PACKAGES, collect


def test_every_part_is_told_by_its_version():
    found = collect()
    numbered = {"CPython", "MicroPython, 32-bit", "umqtt.simple", *PACKAGES}
    if MOSQUITTO.exists():
        numbered.add("Mosquitto")
    assert {name for name in numbered if not re.fullmatch(r"\d+(\.\w+)+", found[name])} == set()
