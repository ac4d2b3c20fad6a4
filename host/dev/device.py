"""The device that runs while its application is written: started, stopped, started again; what it says is heard."""

import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..console.relay import Relay
from ..device_directory import Prepared
from ..run import RESET_STATUS, WATCHDOG_STATUS
from ..workbench.bench import Bench

GOODBYE_S = 2.0  # for the device to say it to its hub
LOOK_S = 0.05


class Device:
    """``told`` is called with ``("device", line)``, and with ``("ended", status)`` when it does not start again.

    ``heap``: MicroPython's; ``on_bench``: what shows its board meanwhile, see workbench.shown.
    """

    def __init__(
        self,
        prepared: Prepared,
        mock: bool,
        told: Callable[[tuple[str, Any]], Any],
        heap: str | None = None,
        on_bench: Callable[[], AbstractContextManager[Bench | None]] = nullcontext,
    ):
        self.starts = 0
        self._prepared = prepared
        self._stop_file = prepared.state / "stop"
        self._command, self._environment = prepared.launch(heap, mock)
        self._told = told
        self._on_bench = on_bench
        self._bench: Bench | None = None
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
        self._give_power()
        self._thread.join(GOODBYE_S)
        self.kill()

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._stopping = True
        while self._thread.is_alive():
            self._give_power()
            if self._process is not None:
                self._process.kill()
            self._thread.join(LOOK_S)

    def _give_power(self) -> None:
        if self._bench is not None and self._bench.is_off:
            self._bench.power(True)  # which is waited for

    def _keep_running(self) -> None:
        with self._prepared.console() as relay, self._on_bench() as self._bench:
            self._run(relay, self._bench)

    def _run(self, relay: Relay | None, bench: Bench | None) -> None:
        status = RESET_STATUS
        while status in (RESET_STATUS, WATCHDOG_STATUS) and not self._stopping:
            if bench:
                bench.wait_for_power()
                if self._stopping:
                    return
                bench.starts()
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
            if bench:
                bench.started(self._process)
            for line in self._process.stdout:
                if relay:
                    relay.show(line.rstrip("\r\n"))
                if bench:
                    bench.said(line.rstrip("\r\n"))
                self._told(("device", line.rstrip("\n")))
            status = self._process.wait()
            if relay:
                self._process.stdin.close()
            if bench and bench.was_cut_off(self._process):
                status = RESET_STATUS  # it starts when it has power again
        if not self._stopping:
            self._told(("ended", status))
