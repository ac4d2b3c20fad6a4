"""The device's program for an application that is being written: its errors are shown with their place.

    python program.py FILE DIRECTORY

Each function of FILE that has a decorator, a handler that is, is compiled with a guard around its body, which says
where the error was before the runtime says what it was. Lines and signatures stay as they are. Then main.py runs as
ever, and finds the application as the module that it is on a board.
"""

import ast
import json
import runpy
import sys
import traceback
import types

PLACE = "place: "  # begins a line that says, in JSON, where an error was
GUARD = "_tell_the_place"
GUARDED = f"""
try:
    pass
except Exception as {GUARD}_of:
    {GUARD}({GUARD}_of)
    raise
"""


class Guard(ast.NodeTransformer):
    """Puts the body of each handler under guard."""

    def visit_FunctionDef(self, node):
        """One function; those within it are its own business."""
        if not node.decorator_list:
            return node
        at = 1 if ast.get_docstring(node) is not None else 0
        guarded = ast.parse(GUARDED).body[0]
        for made in ast.walk(guarded):
            if hasattr(made, "lineno"):
                ast.copy_location(made, node)
        guarded.body = node.body[at:] or [ast.copy_location(ast.Pass(), node)]
        node.body = [*node.body[:at], guarded]
        return node


def place_of(error, file):
    """Where in ``file`` an error was: the line, the function and the line's text."""
    if isinstance(error, SyntaxError) and error.filename == file:
        found = {"line": error.lineno, "text": (error.text or "").strip()}
        error = f"SyntaxError: {error.msg}"
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        found = {"line": frames[-1].lineno, "text": frames[-1].line} if frames else {}
        error = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    return {**found, "error": error}


def load(file, name):
    """Import the application from its file, under guard, as the module ``name``."""

    def tell(error):
        print(PLACE + json.dumps(place_of(error, file)), flush=True)

    import apps

    with open(file, encoding="utf-8") as source:
        tree = Guard().visit(ast.parse(source.read(), file))
    module = types.ModuleType(name)
    module.__file__, module.__package__ = file, "apps"
    setattr(module, GUARD, tell)
    sys.modules[name] = module
    exec(compile(tree, file, "exec"), module.__dict__)
    setattr(apps, name.partition(".")[2], module)


def run(file, name, entry):
    """Load the application and run the device; ends with 2 if the application cannot be imported."""
    try:
        load(file, name)
    except Exception as error:
        print(PLACE + json.dumps(place_of(error, file)), flush=True)
        sys.exit(2)
    runpy.run_path(entry, run_name="__main__")


if __name__ == "__main__":
    application, module_name, main = sys.argv[1:4]
    sys.argv[1:4] = []
    run(application, module_name, main)
