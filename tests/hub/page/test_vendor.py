"""uPlot is kept as its authors published it."""

import hashlib
from importlib.resources import files

VENDOR = files("twinkle_host.hub.page") / "static" / "vendor"


def test_each_kept_file_is_the_published_one_and_none_is_beside_them():
    promised = dict(
        reversed(line.split("  "))
        for line in (VENDOR / "SHA256SUMS").read_text().splitlines()
        if line[:1] != "#"
    )
    there = {file.name for file in VENDOR.iterdir()} - {"SHA256SUMS"}
    assert there == set(promised)
    for name, sum_ in promised.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == sum_, name
    assert "MIT License" in (VENDOR / "uPlot.LICENCE").read_text()
