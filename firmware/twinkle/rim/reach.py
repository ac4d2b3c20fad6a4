"""Whether the hub can be got at: the network, and a look now and then at a hub that was not there.

A connection costs the hub a TLS handshake, so tries become rare; a bare TCP
connection costs it nothing, and tells that an outage is over. Either news has the
device hurry.
"""

from ..core.errors import HardwareError
from . import compat

PERIOD_MS = 3000
PATIENCE_MS = 500  # an answer that takes longer will be found by the next look


class Reach:
    """Looks after it for ``device`` on ``port``. ``missing`` is what the network waits for, or None.

    ``idle()`` is called while it waits, see Network.
    """

    def __init__(self, port, device, log, idle):
        self.missing = None
        self._port = port
        self._device = device
        self._log = log
        self._idle = idle
        self._due = None  # when to look for the hub

    def step(self, now):
        """Take the next step; called while there is no connection."""
        try:
            missing = self._port.network(self._device.link.attempts)
        except HardwareError as error:
            missing = str(error)
        if missing != self.missing:
            self._log.say("info", "network: " + (missing or "can be used"))
            self.missing = missing
            if missing is None:
                self._device.on_network(now)
        elif missing is None and self._due is not None and now >= self._due:
            self._look()

    def lose(self):
        """Nobody answered at the hub's address."""
        # By chance, so that many devices do not look at the same moment.
        self._due = self._port.ticks() + int((0.5 + self._port.random() / 2) * PERIOD_MS)

    def find(self):
        """It is tried again, whatever comes of that."""
        self._due = None

    def _look(self):
        identity = self._device.identity
        if not compat.answers(identity.dial, identity.port, PATIENCE_MS, self._port.look_up, self._idle):
            self.lose()
            return
        self.find()
        self._log.say("info", "the hub can be reached again")
        self._device.on_network(self._port.ticks())
