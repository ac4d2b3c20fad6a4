"""Whether the hub can be got at: the network, and a look now and then at a hub that was not there.

A connection costs the hub a TLS handshake, so tries become rare; a bare TCP
connection costs it nothing, and tells that an outage is over. Either news has the
device hurry.

What a radio says of itself proves nothing, so the port is told how many tries in a
row nobody answered, and takes its radio down and up again after a few:

    how a try ended                                              the count
    nobody answered: no route, no answer in time, no address     one more
      for the name
    somebody did: connected, refused, a certificate or           0: the network is fine
      credentials that are not good, cut
    begun while the port waited for the network or the clock     0: it says nothing of the
                                                                 network that comes then
"""

from ..core.errors import HardwareError, Unreachable
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
        self._unanswered = 0

    def step(self, now):
        """Take the next step; called while there is no connection."""
        try:
            missing = self._port.network(self._unanswered)
        except HardwareError as error:
            missing = str(error)
        if missing != self.missing:
            self._unanswered = 0
            self._log.say("info", "network: " + (missing or "can be used"))
            self.missing = missing
            if missing is None:
                self._device.on_network(now)
        elif missing is None and self._due is not None and now >= self._due:
            self._look()

    def on_try(self, error=None):
        """A connection was tried: it is there, or failed with ``error``."""
        unreachable = isinstance(error, Unreachable)
        silent = unreachable and not (error.answered or self.missing)
        self._unanswered = self._unanswered + 1 if silent else 0
        if error is None:
            self.missing = None  # the port is not asked again while there is a connection
        self._plan(unreachable)

    def _plan(self, again):
        # By chance, so that many devices do not look at the same moment.
        wait = int((0.5 + self._port.random() / 2) * PERIOD_MS)
        self._due = self._port.ticks() + wait if again else None

    def _look(self):
        identity = self._device.identity
        found = compat.answers(identity.dial, identity.port, PATIENCE_MS, self._port.look_up, self._idle)
        self._plan(not found)
        if found:
            self._log.say("info", "the hub can be reached again")
            self._device.on_network(self._port.ticks())
