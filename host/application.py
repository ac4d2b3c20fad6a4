"""An application in a file of its own, anywhere: on a board it is the module ``apps.NAME``, and so it is here.

The device finds it in a folder that is laid out for it, before the applications that come with Twinkle. Other files
beside it are not found, as they would not be on a board: an application is one file.
"""

import contextlib
import importlib
import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

from .failure import NOT_FOUND, USAGE, Failure
from .paths import FIRMWARE

ENTRY = "main.py"  # the device's program


def module_name(file: Path) -> str:
    """The name by which a device imports it; Failure when the file's name is none."""
    if file.suffix != ".py" or not file.stem.isidentifier() or file.stem == "__init__":
        raise Failure(
            f"an application is a Python file whose name is letters, digits and _, such as my_app.py; "
            f"not {file.name}",
            USAGE,
        )
    return "apps." + file.stem


def lay_out(file: Path, folder: Path) -> str:
    """Make ``folder`` one whose program ENTRY finds this application; the application's module name.

    Links, so that an edited file is what the next start reads. Failure when there is no such file.
    """
    name = module_name(file)
    if not file.is_file():
        raise Failure(f"there is no application {file}", NOT_FOUND)
    package = folder / "apps"
    package.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = {source.name: source for source in (FIRMWARE / "apps").glob("*.py")} | {
        file.name: file.resolve()
    }
    for there in package.glob("*.py"):
        there.unlink()
    for link, source in wanted.items():
        (package / link).symlink_to(source)
    # Itself: both interpreters look first where the program lies, and follow a link to find where that is.
    shutil.copyfile(FIRMWARE / ENTRY, folder / ENTRY)
    return name


class Finder:
    """Finds the module ``name`` in ``file``, whatever lies elsewhere (an importlib.abc.MetaPathFinder)."""

    def __init__(self, name: str, file: Path):
        self._name, self._file = name, file

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Where it is, if this is it."""
        return spec_from_file_location(name, self._file) if name == self._name else None


@contextlib.contextmanager
def findable(file: Path) -> Iterator[str]:
    """For a while this process imports the application as the device does; its module's name."""
    name = module_name(file)
    package = importlib.import_module("apps")
    before = sys.modules.pop(name, None)
    finder = Finder(name, file)
    sys.meta_path.insert(0, finder)
    try:
        yield name
    finally:
        sys.meta_path.remove(finder)
        sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before
            setattr(package, file.stem, before)
