"""Joining a Wi-Fi network and staying in it, without waiting for it.

    DOWN ─ power up, join ─▶ JOINING ─ address ─▶ UP
      ▲                         │                 │
      └── refused, too long ────┘                 │
      └── link gone, or nobody answers ───────────┘

* Joining is asked for once and then only looked at; a network that is not there
  or refuses is left alone for a moment and asked again from the beginning.
* A radio that says it is connected may be deaf: access points forget a station,
  keys are renewed, and ``isconnected()`` stays true. The proof of a network is
  that somebody answers, so after RESTART_AFTER tries in a row to which nobody did
  the radio is taken down and up again.
* Power saving is off: with it a Pico W answers a method call up to a second late
  and loses packets from some access points.
"""

DOWN, JOINING, UP = "down", "joining", "up"

JOIN_MS = 20000  # longest way from joining to an address
PAUSE_MS = 5000  # after a refusal
RESTART_AFTER = 3

# The cyw43 driver's status codes that name a cause (MicroPython, network.WLAN).
REASONS = {-1: "joining failed", -2: "it is not there", -3: "the password is wrong"}


class Wifi:
    """One station. ``network`` is MicroPython's module of that name."""

    def __init__(self, network, country=None, hostname=None):
        self._network = network
        self._ssid = self._password = None
        if country:
            network.country(country)
        if hostname:
            network.hostname(hostname)
        self._station = network.WLAN(network.STA_IF)
        self._state = DOWN
        self._due = 0
        self._since = 0
        self._reason = ""

    def choose(self, ssid, password, now):
        """Join this network, and leave the one before."""
        self._ssid, self._password = ssid, password
        if self._state != DOWN:
            self._leave(now, 0, "")
        self._due = now

    def scan(self):
        """``(name, signal in dBm)`` of each network in reach that tells its name."""
        self._station.active(True)
        return [(found[0].decode(), found[3]) for found in self._station.scan() if found[0]]

    def signal(self):
        """In dBm, or None without a network."""
        return self._station.status("rssi") if self._state == UP else None

    def step(self, now, unanswered):
        """Take the next step; what it waits for, or None in a network.

        ``unanswered``: tries in a row, in this network, to which nobody answered.
        """
        if self._ssid is None:
            return "no Wi-Fi network is known: twinkle provision, or wifi set on the console"
        if self._state == DOWN:
            if now < self._due:
                return self._reason
            self._join(now)
        status = self._station.status()
        if self._station.isconnected():
            if unanswered < RESTART_AFTER:
                self._state = UP
                return None
            return self._leave(now, 0, "the radio starts again, since nobody answered")
        if self._state == UP:
            return self._leave(now, 0, "%s was lost" % self._ssid)
        if status in REASONS:
            return self._leave(now, PAUSE_MS, "%s cannot be joined: %s" % (self._ssid, REASONS[status]))
        if now - self._since > JOIN_MS:
            return self._leave(now, PAUSE_MS, "%s does not answer" % self._ssid)
        return "joining " + self._ssid

    def close(self):
        """Leave the network."""
        self._station.active(False)

    def _join(self, now):
        self._state, self._since = JOINING, now
        self._station.active(True)
        self._station.config(pm=self._network.WLAN.PM_NONE)
        self._station.connect(self._ssid, self._password)

    def _leave(self, now, pause, reason):
        self._station.disconnect()
        self._station.active(False)
        self._state, self._due, self._reason = DOWN, now + pause, reason
        return reason
