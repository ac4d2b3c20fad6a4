"""The release: it stands in the device's own package, from where all else takes it."""

import ast

from .paths import FIRMWARE


def release() -> str:
    """The release of the device's files that are here."""
    module = ast.parse((FIRMWARE / "twinkle" / "__init__.py").read_text())
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return ast.literal_eval(node.value)
    raise AssertionError("twinkle/__init__.py names no version")
