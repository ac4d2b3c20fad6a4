"""The connection, as a state machine.

The device is in one of four states:

    OFFLINE     not connected; ``due`` says when to try next
    CONNECTING  the runtime has been asked to connect and subscribe
    SYNCING     connected and subscribed; the twin is being read
    READY       the twin is read and reconciled; telemetry flows

The transitions are the table below; an event that a state has no row for
changes nothing, so a late "lost" after a "lost" is harmless. The reasons:

* After every connect the subscriptions come first and the twin is read next.
  Only then is the device ready: whatever changed while it was away is in the
  twin and in nothing else, since the hub does not replay notifications.
* ``lost`` waits before the next try: soon the first time, because most losses
  are single, then doubling from 1 s to 100 s, plus up to 5 s of chance so that
  a thousand devices do not return in the same second after a hub restart.
  The count begins anew only after the link held for a while: a hub
  that accepts and drops at once must not be hammered.
* A hub that could not be reached at all is looked for meanwhile, with a bare TCP
  connection once or twice a second (the runtime's module reachability), and then hurried to: back-off
  spares a hub that is there, and a device is back soon after an outage, however long, or the second at once.
* A device that has had no hub for RESET_MS restarts (on a Raspberry Pi: the program), since by then
  everything gentler has been tried: another socket with each try, the name looked up again,
  the radio off and on after three that nobody answered, provisioning again after ten. It costs what waits
  in the queue, and cures what nobody thought of.
* ``renew`` is a planned reconnection with a fresh token before the old one
  expires (the hub would cut the line at that moment); it does not wait. A
  device with a certificate has no token and stays. A token that was made by a clock
  that was slow ends sooner, so it is renewed as soon as the clock has been set.
* Refused credentials are tried once more soon, with a new token by the clock as it is
  then: a token may have been made by a clock that was wrong. After that they wait
  as long as the longest back-off: trying faster cannot help, and never trying again
  would need a visit when the account is enabled later.

Is the hub still there? Judged by bytes, never by a link flag.

MQTT has the client send something within every keep-alive interval and lets
the hub cut the line after 1.5 of them (MQTT 3.1.1 section 3.1.2.10). A ping goes
out when either side has been quiet for half the interval, so that one lost
ping is no lost link; an answer is owed within ten seconds.
"""

OFFLINE = "offline"
CONNECTING = "connecting"
SYNCING = "syncing"
READY = "ready"

TABLE = {
    (OFFLINE, "due"): CONNECTING,
    (CONNECTING, "connected"): SYNCING,
    (CONNECTING, "lost"): OFFLINE,
    (SYNCING, "synced"): READY,
    (SYNCING, "lost"): OFFLINE,
    (READY, "lost"): OFFLINE,
    (SYNCING, "renew"): OFFLINE,
    (READY, "renew"): OFFLINE,
}

TOKEN_S = 3600  # a token's life
RENEW_MS = 3480000  # a new one is made 120 s before it ends

FIRST_MS = 1000  # the first retry comes within this
BASE_MS = 1000
LONGEST_MS = 100000
JITTER_MS = 5000
STEADY_MS = 30000  # a link that held this long starts the count anew
GOOD_MS = 60000  # with a link to the hub for this long, the program runs well …
LONG_MS = 900000  # … and without one, after this
RESET_MS = 6 * 3600 * 1000
UNTIL_READY_MS = 60000  # connected but not ready for this long counts as lost


class Link:
    """Where the connection stands, why, and when to act next (milliseconds).

    ``now`` is when it begins; ``tokens``: it was made with a token, which ends.
    """

    def __init__(self, random, now, tokens=True):
        self.state = OFFLINE
        self.reason = "starting"
        self.due = self.since = now
        self.attempts = 0
        self.losses = 0
        self._signed = now  # when the token was made, by the clock as it is now
        self._alone = now  # since when there has been no hub
        self._refused = False  # the last time, too
        self._random = random
        self._tokens = tokens

    def fire(self, event, now, reason="", hopeless=False, token=False):
        """Take one transition. Answers whether the state changed.

        ``hopeless``: trying again soon cannot help; with ``token``, unless another token may.
        """
        state = TABLE.get((self.state, event))
        if state is None:
            return False
        if self.state == READY:
            self._alone = now
        if event == "lost":
            if self.state == READY and now - self.since >= STEADY_MS:
                self.attempts = 0
            self.losses += 1
            another = token and not self._refused
            self._refused = token
            self.due = now + (LONGEST_MS if hopeless and not another else self._delay())
            self.attempts += 1
        elif event == "renew":
            self.due = now
        elif event == "due":
            self._signed = now
        self.state = state
        self.since = now
        self.reason = reason
        return True

    def hurry(self, now):
        """Do not wait any longer with the next try, unless that would be soon anyway."""
        if self.state == OFFLINE:
            self.due = min(self.due, now + int(self._random() * FIRST_MS))

    def on_jump(self, ms, now):
        """The clock was slow by so much (fast, if negative) and has been set."""
        # Tokens and certificates were judged by another time than the hub's.
        self.hurry(now)
        if ms > 0:
            self._signed -= ms

    def ran_well(self, now):
        """Whether a program that has come so far runs well, and this start counts as a good one."""
        return now >= (self.since + GOOD_MS if self.state == READY else LONG_MS)

    def overdue(self, now):
        """True when a connected link should have become ready by now."""
        deadline = self.deadline()
        return deadline is not None and now >= deadline

    def abandoned(self, now):
        """True when only a restart of the board is left to try."""
        return self.state == OFFLINE and now - self._alone >= RESET_MS

    def stale(self, now):
        """True when the token must be renewed."""
        renewal = self.renewal()
        return renewal is not None and now >= renewal

    def renewal(self):
        """When stale() becomes true, or None."""
        return self._signed + RENEW_MS if self.state == READY and self._tokens else None

    def deadline(self):
        """When overdue() becomes true, or None."""
        return self.since + UNTIL_READY_MS if self.state == SYNCING else None

    def _delay(self):
        if self.attempts == 0:
            return int(self._random() * FIRST_MS)
        return min(LONGEST_MS, BASE_MS << min(self.attempts - 1, 10)) + int(self._random() * JITTER_MS)


ANSWER_MS = 10000

QUIET = "quiet"
SILENT = "silent"


class Liveness:
    """When each side was last heard, in milliseconds."""

    def __init__(self, keep_alive):
        self._patience = keep_alive * 500
        self._heard = self._spoke = 0
        self._asked = None

    def begin(self, now):
        """A new connection."""
        self._heard = self._spoke = now
        self._asked = None

    def heard(self, now):
        """Bytes came from the hub."""
        self._heard = now
        self._asked = None

    def spoke(self, now):
        """Bytes went to the hub."""
        self._spoke = now

    def asked(self, now):
        """A ping went out."""
        self._asked = self._spoke = now

    def verdict(self, now):
        """QUIET when it is time for a ping, SILENT when one went unanswered, else None."""
        if self._asked is not None:
            return SILENT if now - self._asked >= ANSWER_MS else None
        return QUIET if now - min(self._heard, self._spoke) >= self._patience else None

    def due(self):
        """When the verdict can next change."""
        if self._asked is not None:
            return self._asked + ANSWER_MS
        return min(self._heard, self._spoke) + self._patience
