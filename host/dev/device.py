"""The device that runs while its application is written: started, stopped, started again; what it says is heard."""

import subprocess
import threading
from collections.abc import Callable
from typing import Any

from ..console.relay import Relay
from ..device_directory import Prepared
from ..run import RESET_STATUS, WATCHDOG_STATUS

GOODBYE_S = 2.0  # for the device to say it to its hub
LOOK_S = 0.05


class Device:
    """``told`` is called with ``("device", line)``, and with ``("ended", status)`` when it does not start again.

    ``heap``: MicroPython's.
    """

    def __init__(
        self, prepared: Prepared, mock: bool, told: Callable[[tuple[str, Any]], Any], heap: str | None = None
    ):
        self.starts = 0
        self._prepared = prepared
        self._stop_file = prepared.state / "stop"
        self._command, self._environment = prepared.launch(heap, mock)
        self._told = told
        self._process: subprocess.Popen | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._keep_running, daemon=True)

    def start(self) -> None:
        """Start it, once; it is started again whenever it resets itself."""
        self._stop_file.unlink(missing_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """Have it end: in good order, or else."""
        self._stopping = True
        self._stop_file.touch()
        self._thread.join(GOODBYE_S)
        self.kill()

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._stopping = True
        while self._thread.is_alive():
            if self._process is not None:
                self._process.kill()
            self._thread.join(LOOK_S)

    def _keep_running(self) -> None:
        with self._prepared.console() as relay:
            self._run(relay)

    def _run(self, relay: Relay | None) -> None:
        status = RESET_STATUS
        while status in (RESET_STATUS, WATCHDOG_STATUS) and not self._stopping:
            self.starts += 1
            self._process = subprocess.Popen(
                self._command,
                cwd=self._stop_file.parent,
                env=self._environment,
                stdin=subprocess.PIPE if relay else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C reaches it through us, once
            )
            if relay:
                relay.join(self._process)
            for line in self._process.stdout:
                if relay:
                    relay.show(line.rstrip("\r\n"))
                self._told(("device", line.rstrip("\n")))
            status = self._process.wait()
            if relay:
                self._process.stdin.close()
        if not self._stopping:
            self._told(("ended", status))
