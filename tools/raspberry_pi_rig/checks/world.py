"""What every check has at hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..hub import LocalHub
from ..machine import Machine
from ..steps import Steps

LAST_WORDS = """
systemctl show twinkle twinkle-prepare -p Id -p ActiveState -p SubState -p ExecMainStatus --value | tr '\\n' ' '
echo; journalctl -b -u twinkle -u twinkle-prepare -n 6 -o cat --no-pager | cut -c 1-300"""


@dataclass
class World:
    """One card in one computer, and who looks at it."""

    machine: Machine
    hub: LocalHub
    steps: Steps
    board: str
    other_board: str
    listing: set[str]  # of the card before the product was put on it
    left_out: tuple[Callable, ...] = ()  # checks that are not for this release
    facts: dict[str, str] = field(default_factory=dict)  # figures, for the record

    def on(self, script: str) -> str:
        """What a script printed there."""
        return self.machine.run(script).stdout.strip()

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of one of its systemd's units."""
        wanted = " ".join(f"-p {name}" for name in names)
        lines = self.on(f"systemctl show {unit} {wanted}").splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def connected(self) -> bool:
        """Whether the hub has the device's connection."""
        return self.hub.twin()["connected"]

    def reported(self) -> dict[str, Any]:
        """The device's reported properties."""
        return self.hub.twin()["reported"]

    def last_words(self) -> str:
        """What systemd and the service said last."""
        return self.on(LAST_WORDS)
