"""The device that runs while its application is written: started, stopped, started again; what it says is heard."""

import queue
import subprocess
import threading

from ..device_directory import Prepared
from ..run import RESET_STATUS, WATCHDOG_STATUS

GOODBYE_S = 2.0  # for the device to say it to its hub


class Device:
    """``heard`` is a queue that gets ``("device", line)``, and ``("ended", status)`` when it does not start again."""

    def __init__(self, prepared: Prepared, mock: bool, heard: queue.Queue):
        self._stop_file = prepared.state / "stop"
        self._command, self._environment = prepared.launch(None, mock)
        self._heard = heard
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
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join()

    def _keep_running(self) -> None:
        status = RESET_STATUS
        while status in (RESET_STATUS, WATCHDOG_STATUS) and not self._stopping:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._stop_file.parent,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C reaches it through us, once
            )
            for line in self._process.stdout:
                self._heard.put(("device", line.rstrip("\n")))
            status = self._process.wait()
        if not self._stopping:
            self._heard.put(("ended", status))
