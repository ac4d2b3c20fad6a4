"""One emulated computer: QEMU's process, its card, its serial console, its monitor, and ssh into it."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SSH_S = 150.0  # until a program in the slow computer has answered
POWER_OFF_S = 90.0
# QEMU's USB controller has let go of the network adapter, as it may after a start: until the next one there is no
# network. No Raspberry Pi does this; what runs in it has no part in it.
LOST_NETWORK = "dwc2 3f980000.usb: Not connected"
MOST_LOST = 2  # starts that may be done again for that


class Machine:
    """A Raspberry Pi 3 with the kernel of ``kernel`` and the card ``card``; each start is a QEMU of its own.

    ``key`` is the private key that ssh shows there, ``host_key`` the public one that it must see.
    """

    def __init__(self, kernel: Path, card: Path, folder: Path, key: Path, host_key: str):
        self._kernel = kernel
        self._card = card
        self._folder = folder
        self._process: subprocess.Popen | None = None
        self._started = (0, False)
        self.lost = 0  # starts that were done again
        self._ssh_port = free_port()
        # Paths of sockets are short, whatever the checkout's is.
        self._sockets = Path(tempfile.mkdtemp(prefix="twinkle-pi-"))
        self.monitor = self._sockets / "monitor"
        self.console = folder / "console-1.log"
        self.ssh_config = folder / "ssh_config"
        known = folder / "known_hosts"
        known.write_text(f"[127.0.0.1]:{self._ssh_port} {host_key}")
        self.ssh_config.write_text(
            "Host pi root\n"
            f" HostName 127.0.0.1\n Port {self._ssh_port}\n IdentityFile {key}\n IdentitiesOnly yes\n"
            f" StrictHostKeyChecking yes\n UserKnownHostsFile {known}\n LogLevel ERROR\n ConnectTimeout 90\n"
            # Coming to terms takes the slow computer seconds; one connection serves many programs.
            f" ControlMaster auto\n ControlPersist 600\n ControlPath {self._sockets}/%r\n"
            "Host pi\n User pi\nHost root\n User root\n"
        )

    def start(self, number: int, knows_time: bool) -> None:
        """Switch the power on, for the ``number``-th time: its console is in console-1.log and so on.

        There is no clock chip: without ``knows_time`` its clock begins where the system's own does.
        """
        self._started = number, knows_time
        self.monitor.unlink(missing_ok=True)
        self.console = self._folder / f"console-{number}.log"
        words = "console=ttyS1,115200 panic=5 loglevel=4 systemd.show_status=1"
        if knows_time:
            words += f" systemd.clock_usec={time.time_ns() // 1000}"
        kernel = self._kernel
        # -no-reboot: QEMU's card is not found again after a restart, so each start is a new QEMU.
        self._process = subprocess.Popen(
            [
                *(
                    "nice",
                    "-n",
                    "10",
                    "qemu-system-aarch64",
                    "-M",
                    "raspi3b",
                    "-no-reboot",
                    "-display",
                    "none",
                ),
                *("-kernel", kernel / "vmlinuz", "-initrd", kernel / "initrd", "-dtb", kernel / "pi3.dtb"),
                *("-append", words, "-drive", f"file={self._card},if=sd,format=raw,cache=writeback"),
                *("-netdev", f"user,id=lan,hostfwd=tcp:127.0.0.1:{self._ssh_port}-:22"),
                *("-device", "usb-net,netdev=lan"),
                # The second serial port is the kernel's console.
                *("-serial", "null", "-serial", f"file:{self.console}"),
                *("-monitor", f"unix:{self.monitor},server,nowait"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "qemu.log").open("a"),
            stderr=subprocess.STDOUT,
        )

    @property
    def is_on(self) -> bool:
        """False once the computer has restarted or was switched off."""
        return self._process is not None and self._process.poll() is None

    def start_again_if_lost(self) -> bool:
        """Whether the emulator had lost this start's network adapter, so that the start is done once more."""
        said = self.console.read_text(errors="replace") if self.console.exists() else ""
        if LOST_NETWORK not in said or self.lost == MOST_LOST:
            return False
        self.lost += 1
        self.cut_power()
        self.console.rename(self.console.with_suffix(f".lost-{self.lost}.log"))
        self.start(*self._started)
        return True

    def wait_off(self, limit: float) -> float | None:
        """Wait for a restart: the seconds it took, or None when there was none within ``limit`` seconds.

        Time in which an emulated processor waited for one of this computer's, busy with other things, is taken off.
        """
        begun, before = time.monotonic(), self._delays()
        lost = 0.0
        while self.is_on:
            lost = max([lost, *(delay - before.get(name, 0.0) for name, delay in self._delays().items())])
            if time.monotonic() - begun > limit + lost:
                return None
            time.sleep(0.2)
        return time.monotonic() - begun - lost

    def _delays(self) -> dict[str, float]:
        """For how many seconds each of QEMU's threads was ready to run and did not (second word of schedstat, ns)."""
        found = {}
        for thread in Path(f"/proc/{self._process.pid}/task").glob("*"):
            # A thread, or the whole process, may end meanwhile.
            with contextlib.suppress(OSError, IndexError):
                found[thread.name] = int((thread / "schedstat").read_text().split()[1]) / 1e9
        return found

    def close(self) -> None:
        """Switch it off for good."""
        self.cut_power()
        self.hang_up()
        shutil.rmtree(self._sockets, ignore_errors=True)

    def cut_power(self) -> None:
        """End it at once, whatever it is doing; what it has not handed to the card is lost."""
        if self.is_on:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(POWER_OFF_S)

    def run(self, script: str, user: str = "root", limit: float = SSH_S) -> subprocess.CompletedProcess:
        """Run a shell script in it; its exit status, and what it printed on both outputs."""
        command = ["ssh", "-F", self.ssh_config, user, script]
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, f"no answer within {limit:g} s")

    def hang_up(self) -> None:
        """End the connections that stand, so that nobody is logged in."""
        for user in ("root", "pi"):
            if (self._sockets / user).exists():
                command = ["ssh", "-F", self.ssh_config, "-O", "exit", user]
                subprocess.run(command, capture_output=True, timeout=20, check=False)

    def log_in(self, user: str) -> subprocess.Popen:
        """A person's session, which stays open until it is ended."""
        return subprocess.Popen(
            ["ssh", "-F", self.ssh_config, "-S", "none", "-tt", user, "echo here; sleep 600"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def forward(self, remote: str) -> tuple[Path, subprocess.Popen]:
        """Bring one of its sockets here, over ssh, until the process is ended: where it is here, and the process."""
        local = self._sockets / "forwarded"
        local.unlink(missing_ok=True)
        return local, subprocess.Popen(
            ["ssh", "-F", self.ssh_config, "-S", "none", "-N", "-L", f"{local}:{remote}", "root"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end(process: subprocess.Popen | None) -> None:
    """End a process that was started here."""
    if process is not None and process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
