"""What stands on a board where it is used, and has no name there: constants, and functions that only make a tuple."""

import ast
import copy
import functools
import io
import tokenize
from pathlib import Path

from ..paths import FIRMWARE

LONGEST = 100  # characters of a constant: a longer text stays in its module, which may be loaded for it alone


def in_place(source: Path) -> str:
    """The text of one of the device's files with what it has from others in its place.

    Each constant is one of its own, so neither of the two has to know its name: inlined() leaves none of it. A call of
    a function that only makes a tuple is that tuple.
    """
    own: dict[str, str] = {}
    modules: dict[str, Path] = {}  # those that are imported as such

    class Places(ast.NodeTransformer):
        def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
            folder = source.parents[node.level - 1] if node.level else FIRMWARE
            place = folder.joinpath(*(node.module or "").split("."))
            file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            assert not _makers(file).keys() & {name.name for name in node.names}, (
                f"{source.name}: import {place.name} itself"
            )
            there = _constants(file)
            modules.update({name.asname or name.name: place / f"{name.name}.py" for name in node.names})
            own.update(
                {name.asname or name.name: there[name.name] for name in node.names if name.name in there}
            )
            node.names = [name for name in node.names if name.name not in there]
            return node if node.names else None

        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            self.generic_visit(node)
            module = modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
            if module is None:
                return node
            assert node.attr not in _makers(module), (
                f"{node.attr} is not on a board: {source.name} may only call it"
            )
            value = _constants(module).get(node.attr)
            if value is None:
                return node
            name = f"{node.attr}_of_{module.stem}"
            own[name] = value
            return ast.Name(name, node.ctx)

        def visit_Call(self, node: ast.Call) -> ast.expr:
            maker = None
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                module = modules.get(node.func.value.id)
                maker = _makers(module).get(node.func.attr) if module else None
            elif isinstance(node.func, ast.Name):
                maker = _makers(source).get(node.func.id)
            if not maker:
                self.generic_visit(node)
                return node
            node.args = [self.visit(each) for each in node.args]
            return _made(maker, node)

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef | None:
            self.generic_visit(node)
            maker = _makers(source).get(node.name)
            return None if maker and maker.lineno == node.lineno else node

    tree = Places().visit(ast.parse(source.read_text()))
    return "".join(f"{name} = {value}\n" for name, value in own.items()) + ast.unparse(tree) + "\n"


def _made(maker: ast.FunctionDef, call: ast.Call) -> ast.expr:
    """The tuple that a call of it makes."""
    names = [each.arg for each in maker.args.args]
    values = dict(zip(names[len(names) - len(maker.args.defaults) :], maker.args.defaults, strict=True))
    values.update(zip(names, call.args, strict=False))
    (*_, result) = maker.body

    class Given(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return values[node.id]

    return Given().visit(copy.deepcopy(result.value))


@functools.cache
def _makers(source: Path) -> dict[str, ast.FunctionDef]:
    """The functions of a file that do nothing but make a tuple of texts and their arguments, in their order."""
    found = {}
    for node in ast.parse(source.read_text()).body if source.is_file() else ():
        if isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return) and len(node.body) < 3:
            made = node.body[-1].value
            if isinstance(made, ast.Tuple) and all(
                isinstance(each, ast.Constant | ast.Name) for each in made.elts
            ):
                used = [each.id for each in made.elts if isinstance(each, ast.Name)]
                if used == [each.arg for each in node.args.args]:
                    found[node.name] = node
    return found


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
    return {name: value for name, value in found.items() if not is_public(name)}


def is_public(name: str) -> bool:
    """Whether it is a name for everybody, such as ``__version__``."""
    return name.startswith("__")


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
        if node.value.end_lineno != node.value.lineno:
            continue
        (target,) = node.targets
        # mpy-cross knows a value from where it stands on: before that there would be a name that nobody defines.
        if not isinstance(target, ast.Name) or target.id in shared or is_public(target.id):
            continue
        if first[target.id] == target.lineno:
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
    """Whether it is a number, also as a product or the like, or a text that is not long."""
    if len(ast.unparse(value)) > LONGEST:
        return False
    if isinstance(value, ast.BinOp):
        return all(_is_constant(side) for side in (value.left, value.right))
    return isinstance(value, ast.Constant) and type(value.value) in (int, float, str, bytes)
