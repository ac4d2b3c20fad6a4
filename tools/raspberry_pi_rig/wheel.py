"""Wheels for arm64 that the package index has not, built here as an index for Raspberry Pis would.

Debian's cross-compiler and the release's own Python headers; no arm64 program is run.
"""

import shutil
import sys
from pathlib import Path

from .debian import download
from .steps import Steps

# By release: its Python, and what the index has no arm64 wheel of for that Python.
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
ABSENT = {"bookworm": (), "trixie": ("lgpio==0.2.2.0",)}
COMPILER = "aarch64-linux-gnu-gcc"


def make(suite: str, folder: Path, downloads: Path, steps: Steps) -> None:
    """The release's wheels in ``folder``."""
    work = folder.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    (work / "wheels").mkdir(parents=True)
    for wanted in ABSENT[suite]:
        _build(suite, wanted, work, downloads, steps)
    shutil.rmtree(folder, ignore_errors=True)
    (work / "wheels").rename(folder)
    shutil.rmtree(work)


def _build(suite: str, wanted: str, work: Path, downloads: Path, steps: Steps) -> None:
    python = PYTHONS[suite]
    (headers,) = download(suite, work, downloads, (f"libpython{python}-dev",), steps)
    steps.run("dpkg-deb", "-x", headers, work / "headers")
    venv = work / "venv/bin"
    steps.run(sys.executable, "-m", "venv", work / "venv")
    steps.run(venv / "pip", "install", "--quiet", "setuptools<80", "wheel", limit=300)
    source = work / "source"
    steps.run(
        *(venv / "pip", "download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:"),
        *("--dest", work, wanted),
        limit=300,
    )
    source.mkdir()
    (archive,) = work.glob("*.tar.gz")
    steps.run("tar", "--extract", f"--file={archive}", "--strip-components=1", "-C", source)
    include = work / "headers/usr/include"
    tag = "cp" + python.replace(".", "")
    settings = {
        "PYPI": "1",  # lgpio builds its C library in, as its own wheels have it
        "CC": f"{COMPILER} -I{include} -I{include}/python{python}",
        "LDSHARED": f"{COMPILER} -shared",
        "CFLAGS": "-O2 -fPIC",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{tag[2:]}-aarch64-linux-gnu.so",
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
    }
    steps.run(
        *(venv / "python", "setup.py", "--quiet", "bdist_wheel", "--plat-name", "linux_aarch64"),
        *("--dist-dir", work / "built"),
        cwd=source,
        extra=settings,
    )
    (built,) = (work / "built").glob("*.whl")
    # It was built by this computer's Python, for another.
    steps.run(venv / "wheel", "tags", "--remove", "--python-tag", tag, "--abi-tag", tag, built)
    for path in (work / "built").glob("*.whl"):
        shutil.copy(path, work / "wheels")
