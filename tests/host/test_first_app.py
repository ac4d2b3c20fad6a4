"""The guide for a first application, followed."""

import os
import re
import subprocess
import sys

from support import ROOT, TWINKLE

from twinkle_host.waiting import PATIENCE_S

GUIDE = (ROOT / "docs" / "first-app.md").read_text()
TESTING = (ROOT / "docs" / "testing.md").read_text()


def blocks(kind):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [text for each, text in found if each == kind]


def test_what_it_has_one_write_does_what_it_says(tmp_path):
    home = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    run = {"env": home, "capture_output": True, "text": True, "timeout": 2 * PATIENCE_S, "check": False}
    made = subprocess.run([TWINKLE, "new", "kitchen"], cwd=tmp_path, **run)
    listed = next(block for block in blocks("") if "kitchen/kitchen.py" in block)
    assert made.stdout.startswith(listed)
    project = tmp_path / "kitchen"
    texts = {}
    for block in blocks("python"):
        caption, _, text = block.partition("\n")
        texts[caption.removeprefix("# ")] = text
    assert set(texts) == {"kitchen.py", "test_kitchen.py"}
    # The mistake is on the line that the guide shows.
    application = (project / "kitchen.py").read_text() + "\n\n" + texts["kitchen.py"]
    (line,) = (number for number, text in enumerate(application.splitlines(), 1) if "temperatur >" in text)
    assert f"kitchen.py:{line}: AttributeError" in GUIDE
    (project / "kitchen.py").write_text(application.replace("temperatur >", "temperature >"))
    with (project / "test_kitchen.py").open("a") as file:
        file.write("\n\n" + texts["test_kitchen.py"])
    # What the guide for tests shows is another file beside it.
    (depths,) = re.findall(r"^```python\n(.*?)^```$", TESTING, re.MULTILINE | re.DOTALL)
    (project / "test_depths.py").write_text(depths)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=project, **run
    )
    assert "22 passed" in tested.stdout and "14 passed" in GUIDE, tested.stdout
