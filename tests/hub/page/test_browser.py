"""The browser of these tests keeps to itself."""

import subprocess

from support import need

from twinkle_host.paths import PRIVATE
from twinkle_host.waiting import PATIENCE_S


def test_it_leaves_nothing_where_it_is_started(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<p>Written in a font.")
    subprocess.run(
        [
            need(PRIVATE / "chromium" / "bin" / "chromium"),
            "--no-sandbox",
            f"--screenshot={tmp_path}/shot.png",
            page,
        ],
        cwd=tmp_path,
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert {entry.name for entry in tmp_path.iterdir()} == {"page.html", "shot.png"}
