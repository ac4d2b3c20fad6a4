"""Joining a Wi-Fi network and staying in it, without waiting for it.

    DOWN ─ power up, join ─▶ JOINING ─ address ─▶ UP
      ▲                         │                 │
      └── refused, too long ────┘                 │
      └── link gone, or nobody answers ───────────┘
      └── whatever the driver raises

* Joining is asked for once and then only looked at; a network that is not there
  or refuses is left alone for a moment and asked again from the beginning.
* A radio that says it is connected may be deaf: access points forget a station,
  keys are renewed, and ``isconnected()`` stays true. The proof of a network is
  that somebody answers, so after RESTART_AFTER tries in a row to which nobody did
  the radio is taken down and up again.
* Taken down, it loses its power: a chip that hangs is cured by nothing else, and each
  thing that it is asked takes a second.
* A network with a password is tried as WPA2, which is what the driver takes it for, and as WPA3 in turn,
  and again as what it was joined; firmware before 1.25 has no WPA3.
* Where several networks are known each has two tries in turn, beginning with the one chosen last.
* Power saving is off: with it a Pico W answers a method call up to a second late
  and loses packets from some access points.
"""

from ..core.errors import HardwareError

DOWN = 0
JOINING = 1
UP = 2

JOIN_MS = 20000  # longest way from joining to an address
PAUSE_MS = 5000  # after a refusal
RESTART_AFTER = 3
MOST_KNOWN = 3

# The cyw43 driver's status codes that name a cause (MicroPython, network.WLAN).
REASONS = {-1: "joining failed", -2: "it is not there", -3: "the password is wrong"}


class Wifi:
    """One station. ``network`` is MicroPython's module of that name; ``powered()`` is called when the radio is."""

    def __init__(self, network, powered, country=None, hostname=None):
        self._wlan = network.WLAN
        self._powered = powered
        self._known = []  # (name, password)
        self._tries = 0  # that failed
        if country:
            network.country(country)
        if hostname:
            network.hostname(hostname)
        self._station = network.WLAN(network.STA_IF)
        self._state = DOWN
        self._due = 0  # when to join, or when that takes too long
        self._reason = ""
        self._security = -1

    def join(self, ssid, password, ticks, wait=None):
        """Leave the network, if any, and join this one, or else those before. ``ticks()`` is milliseconds.

        With ``wait``: HardwareError says why it cannot be joined, and it is forgotten then. Takes 50 seconds at most;
        ``wait()`` is called before, and meanwhile.
        """
        if wait:
            wait()
        self._known.insert(0, (ssid, password))
        del self._known[MOST_KNOWN:]
        self._tries = 0
        self._leave(0, "")
        while wait and self._state != UP:
            missing = self.step(ticks(), 0)
            if self._tries > 1:
                self._known.pop(0)
                self._tries = self._due = 0
                raise HardwareError(missing)
            wait()

    def scan(self):
        """``(name, signal in dBm)`` of each network in reach that tells its name."""
        try:
            self._power()
            return [(_text(found[0]), found[3]) for found in self._station.scan() if found[0].strip(b"\0")]
        except Exception as error:
            raise HardwareError(_failed(error)) from None

    def signal(self):
        """In dBm, or None without a network."""
        if self._state != UP:
            return None
        try:
            rssi = self._station.status("rssi")
        except Exception:
            return None
        return rssi if -128 < rssi < 0 else None  # a chip that hangs answers with what happens to be there

    def step(self, now, unanswered):
        """Take the next step; what it waits for, or None in a network.

        ``unanswered``: tries in a row, in this network, to which nobody answered.
        """
        if not self._known:
            return "no Wi-Fi network is known: twinkle provision, or wifi set"
        if self._state == DOWN and now < self._due:
            return self._reason
        ssid, password = self._known[self._tries // 2 % len(self._known)]
        try:
            if self._state == DOWN:
                self._begin(now, ssid, password)
            status = self._station.status()
            if self._station.isconnected():
                if unanswered < RESTART_AFTER:
                    self._state = UP
                    return None
                self._tries += 2
                return self._leave(now, "the radio starts again, since nobody answered")
            if self._state == UP:
                return self._leave(now, "%s was lost" % ssid)
            reason = REASONS.get(status) or (now > self._due and "it does not answer")
            if not reason:
                return "joining " + ssid
            way = " with WPA3" if self._security > 0 else ""
            reason = "%s cannot be joined%s: %s" % (ssid, way, reason)
        except Exception as error:
            # OSError of a chip that does not answer or a key that it does not take, ValueError, TypeError.
            reason = _failed(error)
        self._tries += 1
        return self._leave(now + PAUSE_MS, reason)

    def _begin(self, now, ssid, password):
        self._state, self._due = JOINING, now + JOIN_MS
        if len(ssid.encode()) > 32:
            # The driver would write over its own memory (cyw43_ll_wifi_join).
            raise ValueError("its name is too long")
        self._power()
        self._station.config(pm=self._wlan.PM_NONE)
        # -1: WPA2 or, without a key, open (MicroPython, network_cyw43.c).
        self._security = getattr(self._wlan, "SEC_WPA3", -1) if self._tries & 1 and password else -1
        self._station.connect(ssid, password or None, security=self._security)

    def _power(self):
        self._station.active(True)
        self._powered()

    def _leave(self, due, reason):
        self._state, self._due, self._reason = DOWN, due, reason
        try:
            self._station.deinit()
        except Exception as error:
            self._reason = _failed(error)
        return self._reason


def _failed(error):
    return "the radio failed (%s)" % error


def _text(name):
    try:
        return str(name, "utf-8")
    except ValueError:
        return "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in name])
