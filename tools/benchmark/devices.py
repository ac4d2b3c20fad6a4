"""Our device and its peers as processes, all alike to those who measure."""

import compileall
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from twinkle_host.mock_gpio.process import DeviceProcess
from twinkle_host.paths import FIRMWARE

from .goals import AZURE, PAHO
from .hub_process import HubProcess
from .work import READY, VARIABLE

HERE = Path(__file__).parent
OURS, MICROPYTHON = "Twinkle", "Twinkle on MicroPython"
PEERS = {AZURE: "azure_device.py", PAHO: "paho_device.py"}
HEAP = "192k"
READY_S = 30


class OurDevice:
    """The device runtime with the benchmark's application, or as it is ``shipped``.

    ``installed``: the folder of its compiled files; without one it is run from source.
    """

    def __init__(
        self,
        hub: HubProcess,
        text: str,
        folder: Path,
        interpreter: str = "cpython",
        installed: Path | None = None,
        shipped: bool = False,
    ):
        entry: dict[str, Any] = {"before": [installed] if installed else []}
        if shipped:
            entry["program"] = (installed or FIRMWARE) / "main.py"
        else:
            entry |= {"program": HERE / "echo_device.py", "board": {"app": "echo_application"}}
        ca = Path(hub.ca_file).read_bytes()
        self._process = DeviceProcess(interpreter, folder, text, ca, heap=HEAP, apps=[HERE], **entry)
        self.begun = 0.0

    def __enter__(self) -> "OurDevice":
        self.begun = time.monotonic()
        self._process.start()
        try:
            self._process.wait_for(" ready", READY_S)
        except AssertionError as error:
            raise RuntimeError(
                f"our device did not get ready: {' '.join(str(error).split())[-300:]}"
            ) from None
        return self

    def __exit__(self, *_) -> None:
        self._process.stop()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid


class Peer:
    """A peer's program; ``first``: it sends a message as soon as it is connected."""

    def __init__(self, hub: HubProcess, text: str, program: str, first: bool = False):
        self._command = [sys.executable, HERE / program, hub.ca_file, *(["first"] if first else [])]
        self._environment = {**os.environ, VARIABLE: text}
        self._program = program
        self.begun = 0.0

    def __enter__(self) -> "Peer":
        self.begun = time.monotonic()
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if self._process.stdout.readline().strip() != READY:
            self._process.kill()
            _, errors = self._process.communicate()
            raise RuntimeError(f"{self._program} did not get ready: {' '.join(errors.split())[-300:]}")
        return self

    def __exit__(self, *_) -> None:
        # It knows nothing of an orderly end; neither is one measured.
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid


def device(
    name: str, hub: HubProcess, text: str, folder: Path, installed: Path | None = None
) -> OurDevice | Peer:
    """One of them by its name, with the work of the benchmark."""
    if name in PEERS:
        return Peer(hub, text, PEERS[name])
    return OurDevice(hub, text, folder, "micropython" if name == MICROPYTHON else "cpython", installed)


def install(folder: Path) -> Path:
    """Our device's files as they are on a Raspberry Pi: in a folder of their own, compiled."""
    made = Path(shutil.copytree(FIRMWARE, folder, ignore=shutil.ignore_patterns("__pycache__")))
    if not compileall.compile_dir(made, quiet=2):
        raise RuntimeError("the device's files cannot be compiled")
    return made
