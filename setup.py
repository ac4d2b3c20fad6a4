"""What ``pyproject.toml`` cannot say: the host's packages, and what a wheel carries inside them.

The wheel is whole: with the device's files, the boards, and umqtt.simple as set-up brought it, so that it works
outside a clone. An editable installation finds them in the clone itself.
"""

import shutil
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.errors import SetupError

NAME, HOST = "twinkle_host", Path("host")
UMQTT = Path(".twinkle/lib/umqtt/simple.py")
FILES = ("*.py", "*.json")


class Whole(build_py):
    """Builds the packages, and puts beside them what the product needs of the rest of the clone."""

    def run(self):
        """As ever, and then the rest; an editable installation has it already."""
        if self.editable_mode:
            super().run()
            return
        if not UMQTT.is_file():
            raise SetupError(f"umqtt.simple is not in {UMQTT}; run tools/setup, which brings it")
        super().run()
        inside = Path(self.build_lib, NAME, "files")
        files = {
            file: file
            for folder in ("firmware", "boards")
            for kind in FILES
            for file in Path(folder).rglob(kind)
        }
        files |= {UMQTT: "lib/umqtt/simple.py", Path("tools/umqtt_licence.txt"): "lib/umqtt/LICENCE"}
        for file, place in files.items():
            (inside / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, inside / place)


def packages():
    """Every folder of ``host`` with Python files in it, by the name it is imported by."""
    for folder in sorted({file.parent for file in HOST.rglob("*.py")}):
        yield ".".join((NAME, *folder.relative_to(HOST).parts))


# A folder of its own for each build: two at once would take each other's files away, and what an earlier one left
# behind would become part of the wheel.
with tempfile.TemporaryDirectory() as build:
    setup(
        packages=list(packages()),
        package_dir={NAME: str(HOST)},
        cmdclass={"build_py": Whole},
        options={"build": {"build_base": build}, "egg_info": {"egg_base": build}},
    )
