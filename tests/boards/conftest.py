"""lgpio makes a named pipe in the folder in which it is imported, and opens it by its name.

Another process of the tests that does the same in the same folder at that moment takes it away from under it. So each
imports it in a folder of its own, before the tests do.
"""

import contextlib
import tempfile

with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
    import lgpio  # noqa: F401
