"""The names a hub is reached by, on its own computer and from elsewhere."""

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("", "0.0.0.0", "::")
HTTPS_PORT = 443  # which a client takes where none is said


def dialled(bind: str) -> str:
    """The name by which programs on this computer reach a hub that listens on ``bind``."""
    if bind in (*EVERYWHERE, LOOPBACK, "::1"):
        return "localhost"
    return f"[{bind}]" if ":" in bind else bind


def reached(bind: str, address: str, names: tuple[str, ...], asked: str, port: int) -> str:
    """The host and port to give to a client that asked by the name ``asked``.

    ``address``: by which programs on this computer dial it; ``names``: by which others do (its certificate has them),
    of a hub that listens everywhere. A name that is neither may be the hub's own, which nobody need be able to dial.
    """
    host = address
    if bind in EVERYWHERE and names:
        host = asked if asked in names else names[0]
        host = f"[{host}]" if ":" in host else host
    return host if port == HTTPS_PORT else f"{host}:{port}"
