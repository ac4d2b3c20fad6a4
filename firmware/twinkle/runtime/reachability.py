"""Whether the hub can be got at: the network, and a look now and then at a hub that was not there.

A connection costs the hub a TLS handshake, so tries become rare; a bare TCP connection, to
the address at which it was found last, costs it next to nothing, and tells that an outage is
over. Either news has the device hurry. It is looked for

    after a loss                  once; is it there, its back-off is to be kept to
    when it could not be reached  every PERIOD_MS, until somebody answers

What a radio says of itself proves nothing, so the port is told how many tries in a
row nobody answered, and takes its radio down and up again after a few:

    how a try ended                                              the count
    nobody answered: no route, no answer in time, no address     one more
      for the name
    somebody did: connected, refused, a certificate or           0: the network is fine
      credentials that are not good, cut
    begun while the port waited for the network or the clock     0: it says nothing of the
                                                                 network that comes then

Loaded while there is no connection.
"""

from .. import compat
from ..core.errors import HardwareError, Unreachable

PERIOD_MS = 750  # at most, and half of it at least
LOST = 0
PATIENCE_MS = 500  # an answer that takes longer will be found by the next look


class Reachability:
    """Looks after it for ``device`` on ``port``, from the loss of a connection to the next.

    ``network`` is the Network through which the hub is reached; its ``missing`` is kept here.
    """

    def __init__(self, port, device, log, network):
        self._port = port
        self._device = device
        self._log = log
        self._network = network
        self._due = LOST if network.sure else None  # when to look for the hub; LOST: soon
        self._gone = False  # nobody answered the last time
        self._unanswered = 0

    def step(self, now):
        """Take the next step; called while there is no connection."""
        try:
            missing = self._port.network(self._unanswered)
        except HardwareError as error:
            missing = str(error)
        if missing != self._network.missing:
            self._unanswered = 0
            self._log.say("info", "network: " + (missing or "can be used"))
            self._network.missing = missing
            if missing is None:
                self._device.on_network(now)
        elif missing is None and self._due is not None and now >= self._due:
            if self._due != LOST:
                self._look()
            else:
                self._plan()

    def on_failed(self, error):
        """A connection was tried, and failed with ``error``."""
        unreachable = isinstance(error, Unreachable)
        silent = unreachable and not (error.answered or self._network.missing)
        self._unanswered = self._unanswered + 1 if silent else 0
        self._gone, self._due = unreachable, None
        if unreachable:
            self._plan()

    def _plan(self):
        # By chance, so that many devices do not look at the same moment.
        self._due = self._port.ticks() + int((0.5 + self._port.random() / 2) * PERIOD_MS)

    def _look(self):
        network = self._network
        found = network.found.get(self._device.identity.dial)
        network.sure = bool(found) and compat.answers(found[0], PATIENCE_MS, network.idle)
        if not network.sure:
            self._gone = True
            self._plan()
            return
        self._due = None
        if self._gone:
            self._gone = False
            self._log.say("info", "the hub can be reached again")
            self._device.on_network(self._port.ticks())
