"""Numbers and texts with a name: on a board their values stand where the names do, and no name takes place."""

import ast
import functools
import io
import tokenize
from pathlib import Path


def with_constants(source: Path) -> str:
    """The text of one of the device's files in which each constant that it has from another is one of its own.

    So neither of the two has to know its name: inlined() leaves none of it.
    """
    own: dict[str, str] = {}
    modules: dict[str, Path] = {}  # those that are imported as such

    class Brought(ast.NodeTransformer):
        def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
            if not node.level:
                return node
            place = source.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            there = _constants(place.with_suffix(".py")) if node.module else {}
            modules.update({name.name: place / f"{name.name}.py" for name in node.names})
            own.update({name.name: there[name.name] for name in node.names if name.name in there})
            node.names = [name for name in node.names if name.name not in there]
            return node if node.names else None

        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            self.generic_visit(node)
            module = modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
            value = _constants(module).get(node.attr) if module else None
            if module is None or value is None:
                return node
            name = f"{node.attr}_of_{module.stem}"
            own[name] = value
            return ast.Name(name, node.ctx)

    tree = Brought().visit(ast.parse(source.read_text()))
    return "".join(f"{name} = {value}\n" for name, value in own.items()) + ast.unparse(tree) + "\n"


@functools.cache
def _constants(source: Path) -> dict[str, str]:
    """Those that a file defines, as their values are written."""
    found = {}
    for node in ast.parse(source.read_text()).body if source.is_file() else ():
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and _is_constant(node.value)
        ):
            found[node.targets[0].id] = ast.unparse(node.value)
    return found


def inlined(text: str, shared: frozenset[str]) -> str:
    """A module's text with each number or text that has a name, but for ``shared`` ones, as ``_NAME = const(…)``.

    mpy-cross then puts the value where its name stands, and keeps no name of it (MicroPython's
    documentation, ``micropython.const``): a kilobyte of flash, and more of the heap.
    """
    lines = text.splitlines(keepends=True)
    names, tree = set(), ast.parse(text)
    first: dict[str, int] = {}  # the line on which a name is met first
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            first[node.id] = min(node.lineno, first.get(node.id, node.lineno))
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not _is_constant(node.value):
            continue
        (target,) = node.targets
        # mpy-cross knows a value from where it stands on: before that there would be a name that nobody defines.
        if isinstance(target, ast.Name) and target.id not in shared and first[target.id] == target.lineno:
            names.add(target.id)
            row, begin, end = node.value.lineno - 1, node.value.col_offset, node.value.end_col_offset
            line = lines[row]
            lines[row] = f"{line[:begin]}const({line[begin:end]}){line[end:]}"
    for token in reversed(list(tokenize.generate_tokens(io.StringIO("".join(lines)).readline))):
        if token.type == tokenize.NAME and token.string in names:
            row, column = token.start
            lines[row - 1] = f"{lines[row - 1][:column]}_{lines[row - 1][column:]}"
    return "".join(lines)


def _is_constant(value: ast.expr) -> bool:
    """Whether it is a number, also as a product or the like, or a text, on one line."""
    if value.end_lineno != value.lineno:
        return False
    if isinstance(value, ast.BinOp):
        return all(_is_constant(side) for side in (value.left, value.right))
    return isinstance(value, ast.Constant) and type(value.value) in (int, float, str, bytes)
