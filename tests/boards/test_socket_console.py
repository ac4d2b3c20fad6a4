"""The console's socket, of which every call fails once in every way that it can."""

import errno
import os
import socket

import pytest

from twinkle.core.errors import SetupError
from twinkle.ports import socket_console
from twinkle.ports.socket_console import BUSY, SocketConsole
from twinkle_host.waiting import PATIENCE_S

# What Linux's calls on a local stream socket end with (the manual's pages of section 2), as far as it has to do with
# what others do: who has left, and what the computer has too little of. EPIPE and ECONNRESET are a guest's that left.
FAILURES = {
    "accept": (
        errno.EAGAIN,
        errno.ECONNABORTED,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EPROTO,
    ),
    "recv": (errno.EAGAIN, errno.ECONNRESET, errno.ENOMEM, errno.ENOTCONN),
    "send": (errno.EAGAIN, errno.EPIPE, errno.ECONNRESET, errno.ENOBUFS, errno.ENOMEM, errno.ENOTCONN),
    "close": (errno.EIO, errno.ECONNRESET),
    "remove": (errno.ENOENT, errno.EACCES, errno.EBUSY, errno.EROFS),
}
AT_THE_START = {
    "bind": (errno.EADDRINUSE, errno.EACCES, errno.EROFS, errno.ENAMETOOLONG),
    "chmod": (errno.EPERM, errno.EROFS),
    "listen": (errno.EADDRINUSE, errno.ENOBUFS),
    "remove": (errno.EISDIR, errno.EACCES),
}

SOCKET, REMOVE, CHMOD = socket.socket, os.remove, os.chmod


class Unkind:
    """Passes calls on; the ``number``-th of those named ``name`` fails with ``error`` in its place."""

    def __init__(self, name, number, error):
        self.name, self.left, self.error = name, number, error
        self.failed = False

    def call(self, name, function, *arguments):
        if name == self.name:
            self.left -= 1
            if self.left == 0:
                self.failed = True
                if name == "close":
                    function(*arguments)  # the descriptor is gone all the same
                raise OSError(self.error, os.strerror(self.error))
        return function(*arguments)


class Socket(socket.socket):
    """A real one, whose calls go by ``unkind``."""

    unkind = None

    def accept(self):
        accepted, address = self.unkind.call("accept", super().accept)
        return Socket(fileno=accepted.detach()), address

    def bind(self, path):
        return self.unkind.call("bind", super().bind, path)

    def listen(self, size):
        return self.unkind.call("listen", super().listen, size)

    def recv(self, size):
        return self.unkind.call("recv", super().recv, size)

    def send(self, data):
        return self.unkind.call("send", super().send, data)

    def close(self):
        if self.fileno() >= 0:
            self.unkind.call("close", super().close)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """A socket's path has 107 bytes at the most (unix(7)), however long the folder's is."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def spoil(monkeypatch):
    """Have a call fail; answers what says whether it did."""

    def do(name, number, error):
        Socket.unkind = unkind = Unkind(name, number, error)
        monkeypatch.setattr(socket_console.socket, "socket", Socket)
        monkeypatch.setattr(socket_console.os, "remove", lambda path: unkind.call("remove", REMOVE, path))
        monkeypatch.setattr(
            socket_console.os, "chmod", lambda path, mode: unkind.call("chmod", CHMOD, path, mode)
        )
        return unkind

    return do


def guest(path):
    one = SOCKET(socket.AF_UNIX)
    one.connect(path)
    one.settimeout(PATIENCE_S)
    return one


def life(console, path):
    """Guests come, type, listen and leave; one finds another there, and one such has left before he is told."""
    console.typed()
    first, second, third = (guest(path) for _ in range(3))
    first.sendall(b"status\r")
    third.close()
    for _ in range(6):
        console.typed()
        console.show(b"link: ready\r\n")
    first.close()
    second.close()
    for _ in range(6):
        console.typed()
        console.show(b"ok\r\n")


def served(console, path):
    """Whether a guest is heard and shown an answer."""
    with guest(path) as one:
        one.sendall(b"help\r")
        heard = b"".join(console.typed() for _ in range(4))
        taken = [console.show(b"ok\r\n") for _ in range(4)]
        console.typed()
        return b"help\r" in heard and 4 in taken and one.recv(100).startswith(b"ok\r\n")


@pytest.mark.parametrize(("name", "error"), [(name, error) for name in FAILURES for error in FAILURES[name]])
def test_whatever_a_call_ends_with_the_next_guest_is_served(spoil, name, error):
    for number in range(1, 30):
        unkind = spoil(name, number, error)
        path = f"console{number}"
        console = SocketConsole(path)
        life(console, path)
        # The failure may be the first one's, who is sent away then.
        assert served(console, path) or served(console, path)
        console.close()
        if not unkind.failed:
            break
    assert number > 1 and not unkind.failed, "each call has failed once"


def test_who_has_left_before_he_is_told_that_another_is_there():
    path = "console"
    console = SocketConsole(path)
    with guest(path) as first:
        console.typed()
        for _ in range(2):
            guest(path).close()
        with guest(path) as waiting:
            for _ in range(4):
                console.typed()
            assert waiting.recv(100) == BUSY
        first.sendall(b"help\r")
        assert console.typed() == b"help\r"
    console.close()


@pytest.mark.parametrize("last", [b"", b"half a li"])
def test_who_comes_before_it_is_seen_that_another_has_left_is_welcome(last):
    path = "console"
    console = SocketConsole(path)
    with guest(path) as first:
        console.typed()
        first.sendall(last)
    with guest(path) as second:
        second.sendall(b"help\r")
        heard = b"".join(console.typed() for _ in range(4))
        assert heard == last + b"\x03help\r"
        console.show(b"ok\r\n")
        assert second.recv(100) == b"ok\r\n"
    console.close()


@pytest.mark.parametrize(
    ("name", "error"), [(name, error) for name in AT_THE_START for error in AT_THE_START[name]]
)
def test_a_socket_that_cannot_be_made_is_a_mistake_of_the_board_file(spoil, tmp_path, name, error):
    (tmp_path / "console").touch()
    spoil(name, 1, error)
    with pytest.raises(SetupError, match=r"check console\.socket in the board file"):
        SocketConsole("console")
