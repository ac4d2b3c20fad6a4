"""What must not stand in the repository."""

import re
import subprocess

from support import ROOT

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


def test_the_page_of_scenarios_names_each_one_that_a_test_is_named_after():
    """`tools/scenarios` writes it from a run; this only notices that it was not run."""
    named = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        for seed, number in re.findall(r"^def test_(s\d|x)_(\d+[a-z]?)_", file.read_text(), re.MULTILINE):
            named.add(f"{seed.upper()}.{number}")
    page = set(
        re.findall(r"^\| ([SX][\d.]+[a-z]?) \|", (ROOT / "docs/scenarios.md").read_text(), re.MULTILINE)
    )
    assert page == named, "run tools/scenarios"
