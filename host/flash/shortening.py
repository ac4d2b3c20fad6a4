"""The device's own files, said in fewer bytes before they are compiled: the same program, with other names.

A compiled file carries each name that it uses, and MicroPython keeps each of them for ever. What nobody but the
device's own files knows needs no name that a person can read: errors name file and function, and the sources here
have both.
"""

import ast
import functools
import hashlib
import io
import re
import string
import tokenize
from collections import Counter
from pathlib import Path

from ..paths import FIRMWARE
from . import inlining
from .cache import from_cache
from .inlining import in_place, inlined

FOR_APPLICATIONS = tuple(
    FIRMWARE / "twinkle" / name for name in ("app.py", "core/board.py", "core/errors.py")
)
FOR_CPYTHON = FIRMWARE / "twinkle" / "on_cpython.py"
# Names of the device's own that objects of MicroPython and of umqtt.simple have, too (test_shortening.py looks
# for them in their type stubs); and what tools/benchmark asks a flashed device.
FOREIGN = frozenset(
    """backlog close context crc32 decode difference digest drain encode feed find flush getaddrinfo host left line
    lines load note number parse poll random setblocking sleep start stop stream sync tasks ticks ticks_diff unique_id
    username wait write Context Device IDLE Runner Service Store leave sent turn""".split()
)
# Names that each MicroPython has in its firmware, and a compiled file by their number: they take nothing of the heap,
# and two bytes of a file (py/makeqstrdata.py, static_qstr_list: as long as the version of .mpy is the same). Not those
# that mean something to the compiler (const, range, super) or tell objects from each other, as a generator's send does.
FIRMWARE_HAS = """abs all any append bool builtins bytearray bytecode bytes callable chr classmethod clear copy count
dict dir divmod endswith eval exec extend format from_bytes getattr globals hasattr hash id index insert int isalpha
isdigit isinstance islower isspace issubclass isupper items join keys len list little locals lower lstrip map object ord
pop popitem pow print readline remove replace repr reverse rfind rindex round rsplit rstrip sep set setattr
setdefault sort sorted split startswith staticmethod str strip sum to_bytes tuple type update upper values
zip""".split()

MOST_ARGUMENTS = 100  # of a function, together with those around it


def small(source: Path) -> bytes:
    """One of the device's own files, said in fewer bytes."""
    key = hashlib.sha256(_all_sources() + str(source.relative_to(FIRMWARE)).encode())

    def made() -> bytes:
        text = inlined(in_place(source), kept_names())
        return shortened(text, short_names()[source], keywords()).encode()

    return from_cache(f"{key.hexdigest()}.py", made)


@functools.cache
def _all_sources() -> bytes:
    """What every small file hangs on: the device's files and applications, and the two modules that make it."""
    key = hashlib.sha256(Path(__file__).read_bytes() + Path(inlining.__file__).read_bytes())
    for source in sorted(FIRMWARE.rglob("*.py")):
        key.update(f"\0{source.relative_to(FIRMWARE)}\0".encode() + source.read_bytes())
    return key.digest()


def shortened(text: str, names: dict[str, str], keywords: frozenset[str]) -> str:
    """A module's text with short names: ``names`` for those that have one, and others for a function's arguments.

    A compiled file keeps the name of each argument, for calls by keyword; ``keywords`` are those that are
    called so, or may be. They are numbered, those of a function within another on from the outer one's, and each
    number is a name that the firmware has and the module has not.
    """
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    taken = {token.string for token in tokens}.union(names.values())
    numbers = [
        *(word for word in FIRMWARE_HAS if word not in taken),
        *(f"_{at}" for at in range(MOST_ARGUMENTS)),
    ]
    scopes: list[tuple[tuple[int, int], tuple[int, int], dict[str, str]]] = []

    def number(node: ast.AST, begun: int) -> None:
        for child in ast.iter_child_nodes(node):
            count = begun
            if isinstance(child, ast.FunctionDef | ast.Lambda):
                own = [each.arg for each in child.args.args if each.arg not in keywords]
                numbered = dict(zip(own, numbers[begun:], strict=False))
                end = (child.end_lineno or 0, child.end_col_offset or 0)
                scopes.insert(0, ((child.lineno, child.col_offset), end, numbered))
                count += len(own)
            number(child, count)

    number(ast.parse(text), 0)
    lines = text.splitlines(keepends=True)
    for before, token in reversed(list(zip([tokens[0], *tokens], tokens, strict=False))):
        name = token.string
        short = names.get(name) if token.type == tokenize.NAME else None
        if token.type == tokenize.NAME and before.string != ".":
            inner = (
                known[name] for begin, end, known in scopes if begin <= token.start < end and name in known
            )
            short = next(inner, short)
        if short:
            (row, begin), (_, end) = token.start, token.end
            lines[row - 1] = lines[row - 1][:begin] + short + lines[row - 1][end:]
    return "".join(lines)


@functools.cache
def kept_names() -> frozenset[str]:
    """What applications and main.py name, and FOREIGN."""
    others = [file for file in FIRMWARE.rglob("*.py") if not file.is_relative_to(FIRMWARE / "twinkle")]
    return FOREIGN.union(*(words_of(file) for file in others))


@functools.cache
def keywords() -> frozenset[str]:
    """Names of arguments that somebody gives by keyword: the device's own files, or an application."""
    found = {"self"}
    for source in FIRMWARE.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.FunctionDef) and source in FOR_APPLICATIONS:
                given = {each.arg for each in node.args.args}
                # What takes the time or the context is called by the device alone.
                if not given & {"now", "context"}:
                    found |= given
    return frozenset(found)


@functools.cache
def short_names() -> dict[Path, dict[str, str]]:
    """By file: a short name for each of its names that nobody but the device's files knows.

    Kept are what applications and main.py may name, what is looked up by a text, and FOREIGN. MicroPython keeps a
    name once, its text and a place in a table that grows by doubling, so the files take the same short names: two of
    theirs have different ones where they may meet. That is in a file, since all names of an object stand in that of
    its class; in files whose classes inherit from each other; where one object stands for others, by ``__getattr__``;
    and anywhere, for what one object gives another.
    """
    files = sorted((FIRMWARE / "twinkle").rglob("*.py"))
    groups = _kin()
    stand_ins = {groups[file] for file in files if "def __getattr__" in file.read_text()}
    public, given = _public_names()
    used: Counter[tuple[str, frozenset[Path] | None]] = Counter()
    places: dict[tuple[str, frozenset[Path] | None], set[frozenset[Path]]] = {}
    met: dict[frozenset[Path], set[str]] = {group: set() for group in groups.values()}
    for file in files:
        group, names = groups[file], words_of(file)
        met[group] |= names
        for name in names & public:
            used[name, None] += 1
            places.setdefault((name, None), set()).update(groups.values() if name in given else [group])
        for name in _private_names(file):
            used[name, group] += 1
            places[name, group] = {group}
    letters = string.ascii_uppercase + string.ascii_lowercase
    palette = [*FIRMWARE_HAS, *letters, *(head + tail for head in string.ascii_uppercase for tail in letters)]
    found: dict[Path, dict[str, str]] = {file: {} for file in files}
    # By name among those that are used alike: the same source gives the same file in every process.
    for name, group in sorted(used, key=lambda each: (-used[each], each[0], sorted(each[1] or ()))):
        own = places[name, group]
        meets = met if own & stand_ins else own | (stand_ins if group is None else set())
        taken = set().union(*(met[place] for place in meets))
        short = next(word for word in palette if word not in taken)
        for place in own:
            met[place].add(short)
            found.update({file: {**found[file], name: short} for file in place})
    return found


def words_of(source: Path) -> set[str]:
    """Every name and keyword in a file."""
    found = tokenize.generate_tokens(io.StringIO(source.read_text()).readline)
    return {token.string for token in found if token.type == tokenize.NAME}


def _private_names(source: Path) -> set[str]:
    """Those that begin with an underscore, and constants that only their own module names.

    Whole numbers among these have no name at all, see inlined().
    """
    found = {name for name in words_of(source) if re.fullmatch("_[a-z][a-z_0-9]+", name)}
    for node in ast.parse(source.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        found.update({t.id for t in targets if isinstance(t, ast.Name) and len(t.id) > 1} - shared_names())
    return {name for name in found if not name.startswith("__")}


def _public_names() -> tuple[set[str], set[str]]:
    """The names that the device's files have from each other; and those of them that one object gives another."""
    defined, given = set(), set()
    kept = {*keywords(), *FOREIGN}
    for source in FIRMWARE.rglob("*.py"):
        kept.update(
            source.relative_to(FIRMWARE).with_suffix("").parts
        )  # modules have the names of their files
        own = set()
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                kept.add(node.value)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                own.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                (own if ast.unparse(node.value) == "self" else given).add(node.attr)
            if isinstance(node, ast.Module | ast.ClassDef):
                targets = [
                    target for part in node.body if isinstance(part, ast.Assign) for target in part.targets
                ]
                own.update(n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name))
        if not source.is_relative_to(FIRMWARE / "twinkle"):
            kept |= words_of(source)
        elif source in FOR_APPLICATIONS:
            kept |= own
        elif source != FOR_CPYTHON:
            defined |= own
    public = {name for name in defined & shared_names() - kept if len(name) > 1 and name[0] != "_"}
    return public, given


def _kin() -> dict[Path, frozenset[Path]]:
    """By file: the files whose classes inherit from each other, this one among them."""
    groups = {file: frozenset((file,)) for file in sorted((FIRMWARE / "twinkle").rglob("*.py"))}
    for file in groups:
        tree = ast.parse(file.read_text())
        bases = {
            ast.unparse(base)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            for base in node.bases
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and bases & {
                alias.asname or alias.name for alias in node.names
            }:
                place = file.parents[node.level - 1] / (node.module or "").replace(".", "/")
                joined = groups[file] | groups.get(place.with_suffix(".py"), frozenset())
                groups.update(dict.fromkeys(joined, joined))
    return groups


@functools.cache
def shared_names() -> frozenset[str]:
    """What one of the device's files takes from another, and whatever is looked up on an object."""
    found = set()
    for source in FIRMWARE.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return frozenset(found)
