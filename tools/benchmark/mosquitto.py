"""Mosquitto, Debian's own, with the hub's certificate."""

import getpass
import socket
import subprocess
import time
from pathlib import Path

from .hub_process import ADDRESS
from .versions import MOSQUITTO

START_S = 10


class Mosquitto:
    """A broker on a port of its own, with TLS, on ADDRESS; ``certificate`` holds chain and key."""

    def __init__(self, folder: Path, certificate: Path):
        with socket.create_server((ADDRESS, 0)) as free:
            self.port = free.getsockname()[1]
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(
            f"listener {self.port} {ADDRESS}\ncertfile {certificate}\nkeyfile {certificate}\n"
            f"allow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_dest none\nuser {getpass.getuser()}\n"
        )

    def __enter__(self) -> "Mosquitto":
        self._process = subprocess.Popen(
            [str(MOSQUITTO), "-c", str(self._settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + START_S
        while True:
            try:
                socket.create_connection((ADDRESS, self.port), 1).close()
                return self
            except OSError as error:
                if time.monotonic() > end or self._process.poll() is not None:
                    self._process.kill()
                    _, said = self._process.communicate()
                    raise RuntimeError(
                        f"Mosquitto did not start: {' '.join(said.split()) or error}"
                    ) from None
                time.sleep(0.05)

    def __exit__(self, *_) -> None:
        self._process.terminate()
        self._process.communicate(timeout=START_S)

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid
