"""Why a hub cannot start."""


class ServerError(Exception):
    """The hub cannot start; the text names the cause and the remedy."""


class BusyPort(ServerError):
    """A port is taken. ``flag`` is the option that chooses another."""

    def __init__(self, bind: str, port: int, flag: str):
        super().__init__(f"port {port} on {bind} is taken by another program; choose one with {flag}")
        self.port = port
        self.flag = flag
