"""Another computer's root file system: mounted here, or reached over ssh.

Both are worked on by the same few shell programs, run here or there. Over ssh it is
the user's own ssh with the user's own settings; who is not root there needs sudo
without a password.
"""

import io
import os
import select
import shlex
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from ..failure import FAILED, NOT_FOUND, REFUSED, UNREACHABLE, USAGE, Failure

LIMIT_S = 120.0  # for each program, except those that are given more; a small computer may be busy
SSH_FAILED = 255


@dataclass(frozen=True)
class Entry:
    """A file (``content``) or a symbolic link (``link``) with its mode."""

    content: bytes = b""
    mode: int = 0o644
    link: str | None = None


class Target:
    """A root file system. ``root`` is its path where the programs run."""

    def __init__(self, root: str, command: tuple[str, ...] = ()):
        self.root = root.rstrip("/")
        self._command = command

    @property
    def is_running(self) -> bool:
        """Whether it is the system of a computer that runs, and not a card that lies here."""
        return self.root == "" and bool(self._command)

    def run(self, script: str, *arguments: str, data: bytes = b"", limit: float = LIMIT_S) -> bytes:
        """What a shell program prints; Failure when it fails. ``$1`` … are ``arguments``."""
        command = self._words(script, *arguments)
        try:
            done = subprocess.run(command, input=data, capture_output=True, timeout=limit, check=False)
        except FileNotFoundError:
            raise Failure(f"{command[0]} is missing on this computer", NOT_FOUND) from None
        except subprocess.TimeoutExpired:
            raise Failure(f"no answer within {limit:g} s", UNREACHABLE) from None
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it failed without a word"]
            raise Failure(lines[-1], _exit_code(done.returncode, bool(self._command), lines[-1]))
        return done.stdout

    def _words(self, script: str, *arguments: str) -> list[str]:
        words = ["sh", "-c", f"set -eu; {script}", "sh", *arguments]
        return [*self._command, shlex.join(words)] if self._command else words

    def talk(self, script: str, *arguments: str) -> "Talk":
        """A shell program that goes on, to be talked with."""
        return Talk(self._words(script, *arguments))

    def path(self, path: str) -> str:
        """Where a path of the system is for the programs."""
        return f"{self.root}{path}"

    def read(self, path: str) -> bytes | None:
        """A file's content, or None when there is none."""
        place = self.path(path)
        answer = self.run('if [ -e "$1" ]; then echo there; cat -- "$1"; fi', place)
        return answer.removeprefix(b"there\n") if answer else None

    def hashes(self, paths: list[str]) -> dict[str, str]:
        """The SHA-256 of those of the files that are there; a symbolic link's is its target."""
        script = """cd "${1:-/}"; shift
            for path; do
              if [ -L "$path" ]; then printf '%s  %s\\n' "$(readlink "$path")" "$path"
              elif [ -f "$path" ]; then sha256sum -- "$path"; fi
            done"""
        answer = self.run(script, self.root, *(path.lstrip("/") for path in paths))
        found = (line.split("  ", 1) for line in answer.decode().splitlines())
        return {f"/{path}": digest for digest, path in found}

    def put(self, entries: dict[str, Entry]) -> None:
        """Write files and links, with the folders they lie in, as root's."""
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for path, entry in entries.items():
                info = tarfile.TarInfo(path.lstrip("/"))
                info.mode, info.uname, info.gname = entry.mode, "root", "root"
                # Python tells by it whether what it compiled is still current.
                info.mtime = int(time.time())
                if entry.link is not None:
                    info.type, info.linkname = tarfile.SYMTYPE, entry.link
                info.size = len(entry.content)
                archive.addfile(info, io.BytesIO(entry.content))
        script = 'umask 022; mkdir -p "${1:-/}"; tar -x -p --numeric-owner --unlink-first -f - -C "${1:-/}"'
        self.run(script, self.root, data=stream.getvalue())

    def missing(self, folders: list[str]) -> list[str]:
        """Those of the folders that are not there."""
        script = 'cd "${1:-/}"; shift; for path; do [ -d "$path" ] || echo "/$path"; done'
        return self.run(script, self.root, *(path.lstrip("/") for path in folders)).decode().splitlines()

    def remove(self, paths: list[str], folders: list[str]) -> None:
        """Remove files, and those of the folders that are empty without them."""
        script = 'cd "${1:-/}"; shift; for path; do rm -f -- "$path"; done'
        self.run(script, self.root, *(path.lstrip("/") for path in paths))
        script = 'cd "${1:-/}"; shift; for path; do rmdir -- "$path" 2>/dev/null || true; done'
        deepest_first = sorted(folders, key=lambda path: path.count("/"), reverse=True)
        self.run(script, self.root, *(path.lstrip("/") for path in deepest_first))


class Talk:
    """A program whose input and output are ours, for as long as the context lasts."""

    def __init__(self, command: list[str]):
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
            )
        except FileNotFoundError:
            raise Failure(f"{command[0]} is missing on this computer", NOT_FOUND) from None
        self._rest = b""

    def __enter__(self) -> "Talk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, seconds: float) -> bytes | None:
        """What has come within so many seconds; b"" when it was nothing, None after the program's end."""
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        output = self._process.stdout
        assert output is not None
        if not select.select([output], [], [], max(0.0, seconds))[0]:
            return b""
        return os.read(output.fileno(), 4096) or None

    def line(self, seconds: float) -> str | None:
        """The next line; None when there is none within so many seconds or before the program's end."""
        end = time.monotonic() + seconds
        text = b""
        while b"\n" not in text:
            data = self.read(end - time.monotonic())
            if not data:
                self._rest = text
                return None
            text += data
        line, _, self._rest = text.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def write(self, data: bytes) -> None:
        """To the program; OSError when it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    def close(self) -> None:
        """End the program."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def mounted(root: Path) -> Target:
    """A root file system that is mounted here; Failure when the folder does not look like one."""
    if not (root / "etc").is_dir():
        raise Failure(
            f"{root} is not a root file system: it has no etc; mount the card's second partition", USAGE
        )
    return Target(str(root.resolve()))


def over_ssh(host: str, config: Path | None = None) -> Target:
    """The file system of a computer that ssh reaches."""
    own = ("-F", str(config)) if config else ()
    ssh = ("ssh", *own, "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", host, "--")
    plain = Target("/", ssh)
    if plain.run("id -u").strip() == b"0":
        return plain
    return Target("/", (*ssh, "sudo", "-n", "--"))


def _exit_code(status: int, over_ssh: bool, text: str) -> int:
    if "ermission denied" in text or "sudo:" in text:
        return REFUSED
    return UNREACHABLE if over_ssh and status == SSH_FAILED else FAILED
