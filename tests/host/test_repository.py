"""What must not stand in the repository."""

import re
import subprocess

from places import ROOT

FORBIDDEN = {
    "the host name of a package registry": r"\b(pypi\.org|pythonhosted\.org|deb\.debian\.org|registry\.npmjs\.org)\b",
    "verification switched off": r"CERT_NONE|verify\s*=\s*False|check_hostname\s*=\s*False",
    "a swallowed error": r"except[^:\n]*:\s*pass\b",
    "something left for later": r"\b(TODO|FIXME|XXX)\b",
}
SELF = "tests/host/test_repository.py"


def test_the_tree_is_clean():
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(names) > 50
    found = []
    for name in names:
        if name == SELF or not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_text(errors="replace")
        found += [f"{name}: {what}" for what, pattern in FORBIDDEN.items() if re.search(pattern, text)]
    assert found == []
