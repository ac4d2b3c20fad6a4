"""What a local hub is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

KEEP_S = 24 * 3600.0  # IoT Hub's own default
KEEP_BYTES = 256 << 20
UPLOAD_BYTES = 1 << 30
AMQPS_PORT = 5671  # which a client takes where none is said


@dataclass(frozen=True)
class Settings:
    """Where the hub keeps its state and how it is reached.

    ``host_names``: the first is the hub's own name, which devices' strings, tokens and events carry;
    it answers to all of them, and to the one it is dialled by on this computer. Port 0 takes any free one.
    ``throttle``: the share of IoT Hub's documented rates the hub takes; None: no limit.
    ``faults``: the rules by which it misbehaves, see the module of that name.
    ``amqp_port``: for services that read events; ``plain_amqp_port``: the same without TLS, on loopback
    only, None for no such door. ``groups``: consumer groups beside ``$Default``.
    ``routes``: sources of notifications that are kept for readers beside telemetry.
    ``page_port``: where this computer's browsers find the hub's page, None for no page; with ``page_anywhere`` another
    port is taken where that one is not free. ``models``: files of DTDL models, for the page.
    ``keep_s``, ``keep_bytes``: how long and how many bytes of events are kept for readers; ``upload_bytes``:
    how many of files that devices upload.
    """

    state: Path
    bind: str = "127.0.0.1"
    port: int = 8883
    rest_port: int = 8443
    host_names: tuple[str, ...] = field(default=("localhost",))
    throttle: float | None = None
    faults: str | None = None
    amqp_port: int = AMQPS_PORT
    plain_amqp_port: int | None = None
    groups: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    keep_s: float = KEEP_S
    keep_bytes: int = KEEP_BYTES
    upload_bytes: int = UPLOAD_BYTES
    page_port: int | None = None
    page_anywhere: bool = False
    models: tuple[Path, ...] = ()
