"""The names a hub is reached by on its own computer."""

LOOPBACK = "127.0.0.1"


def dialled(bind: str) -> str:
    """The name by which programs on this computer reach a hub that listens on ``bind``."""
    if bind in ("", "0.0.0.0", "::", LOOPBACK, "::1"):
        return "localhost"
    return f"[{bind}]" if ":" in bind else bind
