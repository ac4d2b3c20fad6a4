"""What belongs on a board: the device's files that its board file needs, compiled.

The files are those that ``main.py``, the board's port and its application import,
found by reading the imports; a Pico W is not given the Raspberry Pi's port.
"""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..application import ENTRY, module_name
from ..boards import NAMED, is_file
from ..device_directory import RASPBERRY_PI
from ..device_json import written
from ..failure import NOT_FOUND, USAGE, Failure
from ..paths import FIRMWARE, IS_CLONE, SETUP, UMQTT
from ..release import release
from ..screen import show
from .compiling import compile_to_mpy
from .shortening import FOR_CPYTHON, words_of

FOR_DISKS = FIRMWARE / "twinkle" / "core" / "backlog.py"  # with "disk" in the board file's telemetry
FOR_OBSERVERS = FIRMWARE / "twinkle" / "core" / "observers.py"  # with handlers that these register
OBSERVED = {"desired", "message"}
# With credentials by which a hub is assigned to the device: a sixteenth of all that a Pico W is given.
FOR_ASSIGNMENT = FIRMWARE / "twinkle" / "core" / "provisioning.py"


def build(board: dict[str, Any], app: Path | None = None, umqtt: Path = UMQTT) -> dict[str, bytes]:
    """The files of a board by their paths there, compiled; see sources(). Without for_assignment()."""
    found, settings = sources(board, app)
    for unwanted in (FOR_CPYTHON, FOR_ASSIGNMENT):
        found.pop(str(unwanted.relative_to(FIRMWARE)), None)
    # A folder is a package there, with such a file or without.
    found = {path: source for path, source in found.items() if not _says_nothing(source)}
    image = {str(Path(path).with_suffix(".mpy")): compile_to_mpy(source) for path, source in found.items()}
    image["lib/umqtt/simple.mpy"] = compile_to_mpy(existing(umqtt))
    # The interpreter looks for this one by its name.
    del image["main.mpy"]
    image[ENTRY] = (FIRMWARE / ENTRY).read_bytes()
    image["board.json"] = written(settings)
    return image


def _says_nothing(source: Path) -> bool:
    """Whether a package's own file has no statement but its docstring."""
    if source.name != "__init__.py":
        return False
    tree = ast.parse(source.read_text())
    return len(tree.body) == (ast.get_docstring(tree) is not None)


def for_assignment() -> dict[str, bytes]:
    """What a board needs besides when its hub is assigned to it, by its path there, compiled."""
    path = FOR_ASSIGNMENT.relative_to(FIRMWARE).with_suffix(".mpy")
    return {str(path): compile_to_mpy(FOR_ASSIGNMENT)}


def sources(board: dict[str, Any], app: Path | None = None) -> tuple[dict[str, Path], dict[str, Any]]:
    """The files that a device needs by their paths below its own folder, and its settings.

    ``board`` is the content of its board file; ``app`` an application file outside
    of ``firmware/apps``, put there by its name. The settings say of which release they are.
    """
    settings = {**board, "release": release()}
    app = app or application(board)
    if not app.is_relative_to(FIRMWARE):
        settings["app"] = module_name(app)
    roots = [FIRMWARE / ENTRY, _source(board["port"]), app]
    # A Raspberry Pi has room for it, and its board file may be edited there.
    if board["port"] == RASPBERRY_PI or any(board.get(part) for part in NAMED):
        roots.append(_source(board["port"] + "_wiring"))
    files = _closure(roots)
    if "disk" not in board.get("telemetry", {}):
        files.discard(FOR_DISKS)
    if not any(words_of(file) & OBSERVED for file in files if not file.is_relative_to(FIRMWARE / "twinkle")):
        files.discard(FOR_OBSERVERS)
    found = {}
    for source in sorted(files):
        path = source.relative_to(FIRMWARE) if source.is_relative_to(FIRMWARE) else Path("apps", source.name)
        found[str(path)] = source
    return found, settings


def existing(umqtt: Path) -> Path:
    """The file of umqtt.simple. The copy of set-up is brought from the package index when it is not here."""
    if not umqtt.is_file() and umqtt == UMQTT and IS_CLONE:
        show("umqtt.simple is not on this computer; bringing it from the package index", err=True)
        subprocess.run([SETUP], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if not umqtt.is_file():
        raise Failure(
            "umqtt.simple could not be brought; ./tools/setup says why, or name a copy with --umqtt",
            NOT_FOUND,
        )
    return umqtt


def model_id(board: dict[str, Any]) -> str | None:
    """The model that the board's application announces, or None."""
    for node in ast.walk(ast.parse(application(board).read_text())):
        if isinstance(node, ast.keyword) and node.arg == "model_id" and isinstance(node.value, ast.Constant):
            return node.value.value
    return None


def _closure(roots: list[Path]) -> set[Path]:
    found: set[Path] = set()
    waiting = list(roots)
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting += _imports(source)
    return found


def _imports(source: Path) -> Iterator[Path]:
    """The device's own files that a file imports, anywhere in it, and the packages they lie in."""
    package = source.relative_to(FIRMWARE).parent.parts if source.is_relative_to(FIRMWARE) else ("apps",)
    if package:
        yield FIRMWARE.joinpath(*package, "__init__.py")
    try:
        tree = ast.parse(source.read_text(), str(source))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise Failure(f"{source} is not Python: {error}", USAGE) from None
    for node in ast.walk(tree):
        names: list[tuple[str, ...]] = []
        if isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple((node.module or "").split(".")) if node.module else ()
            names = [base, *((*base, alias.name) for alias in node.names)]
        for name in names:
            for place in (
                FIRMWARE.joinpath(*name).with_suffix(".py"),
                FIRMWARE.joinpath(*name, "__init__.py"),
            ):
                if name and place.is_file():
                    yield place


def application(board: dict[str, Any]) -> Path:
    """The file of the board's application."""
    return Path(board["app"]) if is_file(board) else _source(board["app"])


def _source(module: str) -> Path:
    source = FIRMWARE.joinpath(*module.split(".")).with_suffix(".py")
    if not source.is_file():
        raise Failure(
            f"the board file names the module {module}, which is not among the device's files", NOT_FOUND
        )
    return source
