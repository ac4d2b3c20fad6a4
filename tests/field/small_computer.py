"""A computer that ssh reaches: a real OpenSSH server on loopback, over copies of /etc and /opt.

The server lives in a mount namespace of its own, in which /etc and /opt are overlays:
what is installed "on the computer" lies in a test's folder and nowhere else. There is
no systemd to ask there, so ``systemctl`` and ``journalctl`` are stand-ins: the one notes
what it was asked, ends and starts the unit that prepares the start without waiting for it
(a unit of Type=exec, systemd.service(5)), and in the place of the service writes into the
journal what ``says`` holds when it is started, and the same when it is stopped, as one does
that becomes ready at that moment; the other shows that journal from a cursor on, for ever
(journalctl(1), --after-cursor and --follow).
"""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from support import PRIVATE, need

from twinkle_host.waiting import PATIENCE_S, eventually

SSHD = PRIVATE / "sshd" / "usr" / "sbin" / "sshd"
OVERLAYS = ("etc", "opt")
SYSTEMCTL = """#!/bin/sh
echo "$@" >>{folder}/asked
case "$*" in
  "stop twinkle-prepare.service" | "disable --now twinkle-prepare.service"*)
    [ ! -e {folder}/prepares ] || kill -- -"$(cat {folder}/prepares)" 2>/dev/null ;;
esac
case "$*" in
  "start twinkle-prepare.service")
    setsid sh -c 'echo $$ >{folder}/prepares; exec /opt/twinkle/prepare persevere' \
      >>{folder}/journal 2>&1 </dev/null & ;;
  "--no-block start twinkle.service") tee {folder}/runs <{folder}/says >>{folder}/journal ;;
  "stop twinkle.service") [ ! -e {folder}/runs ] || cat {folder}/runs >>{folder}/journal; rm -f {folder}/runs ;;
esac
exit 0
"""
JOURNALCTL = """#!/bin/sh
case "$*" in
  *--show-cursor*) echo "the last line"; echo "-- cursor: $(wc -l <{folder}/journal)" ;;
  *--follow*)
    for word; do case $word in --after-cursor=*) after=${{word#*=}} ;; esac; done
    exec tail -n +$((after + 1)) -f {folder}/journal ;;
esac
"""
READY = "0.531 info ready: shed-7 on contoso.azure-devices.net\n"
NAMESPACE = """
set -eu
mount --make-rprivate /
for part in {parts}; do
  mkdir -p {folder}/$part {folder}/work-$part
  mount -t overlay overlay -o lowerdir=/$part,upperdir={folder}/$part,workdir={folder}/work-$part /$part
done
mount -t tmpfs tmpfs /run
mkdir /run/sshd
grep -q ^sshd: /etc/passwd || echo sshd:x:105:65534::/run/sshd:/usr/sbin/nologin >>/etc/passwd
mount --bind {folder}/systemctl /usr/bin/systemctl
mount --bind {folder}/journalctl "$(command -v journalctl)"
exec {sshd} -D -e -f {folder}/sshd_config
"""


def free_port():
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SmallComputer:
    """``etc`` and ``opt`` are what was written there, ``config`` the settings with which ssh knows it as "shed"."""

    def __init__(self, folder: Path):
        self._folder = folder
        self.etc, self.opt = folder / "etc", folder / "opt"
        self.config = folder / "ssh_config"

    def __enter__(self):
        folder = self._folder
        for name in ("host", "user"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name],
                check=True,
                timeout=PATIENCE_S,
            )
        (folder / "authorized").write_text((folder / "user.pub").read_text())
        while not self._serves(free_port()):
            pass  # somebody else was quicker at that port
        return self

    def _serves(self, port):
        """Whether the server has come up at this port; False when that was taken meanwhile."""
        folder = self._folder
        # What the package index is, this computer knows from its environment or its files.
        passed = {name: os.environ[name] for name in os.environ if name == "PATH" or name.startswith("PIP_")}
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
            "PasswordAuthentication no\nPermitRootLogin prohibit-password\nStrictModes no\nPidFile none\n"
            + "SetEnv "
            + " ".join(f'"{name}={value}"' for name, value in passed.items())
            + "\n"
        )
        self.config.write_text(
            f"Host shed nobody\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentityFile {folder}/user\n"
            f"IdentitiesOnly yes\nUserKnownHostsFile {folder}/known\n"
            "StrictHostKeyChecking yes\n"
        )
        (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
        (folder / "journal").write_text("from before\n")
        self.says = READY
        for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
            (folder / name).write_text(text.format(folder=folder))
            (folder / name).chmod(0o755)
        libraries = ":".join(map(str, (PRIVATE / "sshd").glob("**/lib/*-linux-gnu")))
        script = NAMESPACE.format(folder=folder, parts=" ".join(OVERLAYS), sshd=need(SSHD))
        with open(folder / "sshd.log", "w") as log:
            self._server = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script],
                env={**os.environ, "LD_LIBRARY_PATH": libraries},
                stdout=log,
                stderr=log,
            )
        told = folder / "sshd.log"
        eventually(lambda: "listening" in told.read_text() or self._server.poll() is not None)
        if self._server.poll() is None:
            return True
        assert "Address already in use" in told.read_text(), told.read_text()
        return False

    def __exit__(self, *_):
        self._server.terminate()
        self._server.wait(timeout=PATIENCE_S)
        for part in OVERLAYS:
            shutil.rmtree(self._folder / f"work-{part}", ignore_errors=True)

    def run(self, *words):
        """Run a program there."""
        return subprocess.run(
            ["ssh", "-F", self.config, "shed", "--", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    @property
    def says(self):
        """What the service logs when it is started."""
        return (self._folder / "says").read_text()

    @says.setter
    def says(self, text):
        (self._folder / "says").write_text(text)

    @property
    def journal(self):
        """What has been logged."""
        return (self._folder / "journal").read_text()

    @property
    def asked(self):
        """What systemctl was asked for."""
        file = self._folder / "asked"
        return file.read_text().splitlines() if file.exists() else []
