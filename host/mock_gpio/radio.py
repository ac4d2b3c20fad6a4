"""A Pico W's radio with its driver, as MicroPython's ``network.WLAN`` shows it; on both interpreters.

What it answers, raises and how long it blocks is from ``extmod/network_cyw43.c`` of MicroPython 1.25 to 1.29 and from
the cyw43-driver below it (``src/cyw43_ctrl.c``, ``src/cyw43_ll.c``), unless another source is named:

* ``active(False)`` leaves the network and takes the interface down; the chip keeps its power, and a chip that hangs
  goes on to hang. ``deinit()`` alone takes its power (WL_REG_ON). ``active()`` then still answers True.
* ``active(True)`` says nothing of a chip that does not come up (cyw43_wifi_set_up returns void). ``connect`` and
  ``scan`` then raise OSError(1); what the bus reports instead is OSError(5) and OSError(110) (cyw43_ensure_up).
* Each thing that is asked of a chip that hangs takes half a second (CYW43_IOCTL_TIMEOUT_US), or one second when its
  buffers are full ("STALL"), and its failure is not told: twelve of them in ``active(True)`` as in ``connect``.
* ``connect`` refuses a key of over 64 bytes (of over 128 for WPA3) and a security that it does not know with
  OSError(22). A name of over 32 bytes is copied over what lies behind its place (cyw43_ll_wifi_join): nothing may ever
  ask for that.
* Without ``security`` a key means WPA2 or WPA, and no key an open network. A network of WPA3 alone is then not joined,
  and the status stays at 1 (MicroPython issue 18597).
* ``scan`` gives up after ten seconds, with what it has. A name is up to 32 bytes of any kind; a network that hides its
  name has none, or NULs.
* ``status("rssi")`` does not look whether the chip has answered: the number may be anything.

The air is told by a dict, every member of which may be missing:

    wifi      "there", "gone", "refused", or "deaf": joined, but nothing passes
    ssid, password, security    of the only network there ("open", "WPA2" or "WPA3"); otherwise every one can be joined
    networks  [name, dBm] of each that a scan hears; a name of bytes is a list of numbers
    hung      a number: the chip hangs if it has power now, until that is taken; another number, and it hangs anew
    raises    {call: number of an OSError, or the name of another error}
"""

DOWN, JOINING, GOT_IP, FAILED, NOT_THERE, WRONG_PASSWORD = 0, 1, 3, -1, -2, -3
RSSI = -55
STUCK_MS = 1000  # one thing asked of a chip that hangs
POWER_MS = 700  # firmware to the chip, and what it takes to come up
SCAN_MS = 2500
SCAN_LIMIT_MS = 10000
NETWORKS = ([[104, 111, 109, 101], -55], ["", -60], [[0] * 9, -70], ["next door", -80])
ERRORS = {"ValueError": ValueError, "TypeError": TypeError, "MemoryError": MemoryError}


class Radio:
    """One station. ``ticks()`` is milliseconds, ``wait(ms)`` blocks, ``air()`` is the dict above."""

    STA_IF, AP_IF = 0, 1
    IF_STA, IF_AP = STA_IF, AP_IF
    PM_NONE = 0x10
    SEC_OPEN, SEC_WPA_WPA2, SEC_WPA3, SEC_WPA2_WPA3 = 0, 0x00400006, 0x01000004, 0x01400004
    JOIN_MS = 100

    def __init__(self, ticks, wait, air):
        self._ticks, self._wait, self._air = ticks, wait, air
        self._asked_up = self._powered = self._up = False
        self._asked = None  # (when, name, key, security) of the network to join
        self._shown = DOWN
        self._cured = None  # what it has been cured of

    def noticed(self, call, *arguments):
        """A call; a test overrides this to look at it."""

    def active(self, on=None):
        """Whether it was asked to be up; or ask it."""
        self._call("active", on)
        if on is None:
            return self._asked_up
        self._asked_up = on
        if on:
            if not self._up:
                self._power()
                self._command(12)
            self._up = True
        else:
            self._command(1)
            self._up, self._asked = False, None
        return None

    def deinit(self):
        """Take the chip's power, and with it what it remembers."""
        self._call("deinit")
        self._powered = self._up = False
        self._asked, self._shown = None, DOWN

    def config(self, **settings):
        """Power management is all that is set here."""
        self._call("config", settings)
        if list(settings) != ["pm"]:
            raise ValueError("unknown config param")
        self._power()
        self._command(6)

    def connect(self, ssid, key=None, security=-1):
        """Begin to join."""
        self._call("connect", ssid, key, security)
        ssid, key = _octets(ssid), _octets(key or "")
        if len(ssid) > 32:
            raise SystemExit("the driver has written over its own memory")
        if not self._up:
            raise OSError(1)
        if security == -1:
            security = self.SEC_WPA_WPA2 if key else self.SEC_OPEN
        longest = {self.SEC_OPEN: 1000, self.SEC_WPA_WPA2: 64, self.SEC_WPA3: 128, self.SEC_WPA2_WPA3: 64}
        if len(key) > longest.get(security, -1):
            raise OSError(22)
        self._command(12)
        self._asked, self._shown = (self._ticks(), ssid, key, security), JOINING

    def disconnect(self):
        """Leave."""
        self._call("disconnect")
        self._command(1)
        self._asked = None

    def scan(self):
        """Those in reach, as (name, BSSID, channel, dBm, security, how often it was heard)."""
        self._call("scan")
        if not self._up:
            raise OSError(1)
        if self.hangs():
            self._wait(SCAN_LIMIT_MS)
            return []
        self._wait(SCAN_MS)
        return [
            (_octets(name), b"\0" * 6, 1, dbm, 5, 1) for name, dbm in self._air().get("networks", NETWORKS)
        ]

    def status(self, what=None):
        """The driver's status code, or the signal's strength."""
        self._call("status", what)
        if what not in (None, "rssi"):
            raise ValueError("unknown status param")
        if what:
            return 0x20041F00 if self.hangs() or not self._up else RSSI
        return self._code()

    def isconnected(self):
        """What the driver believes."""
        self._call("isconnected")
        return self._code() == GOT_IP

    def passes(self):
        """Whether packets pass at this moment."""
        return self._code() == GOT_IP and not self.hangs() and self._air().get("wifi", "there") == "there"

    def hangs(self):
        """Whether the chip answers nothing."""
        return self._powered and self._air().get("hung") != self._cured

    def _call(self, name, *arguments):
        self.noticed(name, *arguments)
        error = self._air().get("raises", {}).get(name)
        if error:
            raise ERRORS[error]("from the driver") if error in ERRORS else OSError(error)

    def _power(self):
        if not self._powered:
            self._powered, self._cured = True, self._air().get("hung")
            self._wait(POWER_MS)

    def _command(self, things):
        if self.hangs():
            self._wait(things * STUCK_MS)

    def _code(self):
        if not self.hangs():
            self._shown = self._heard()
        return self._shown

    def _heard(self):
        if self._asked is None:
            return DOWN
        since, ssid, key, security = self._asked
        air = self._air()
        if self._ticks() - since < self.JOIN_MS:
            return JOINING
        if air.get("wifi") == "gone" or _octets(air.get("ssid", ssid)) != ssid:
            return NOT_THERE
        kinds = {"open": self.SEC_OPEN, "WPA2": self.SEC_WPA_WPA2, "WPA3": self.SEC_WPA3}
        if kinds.get(air.get("security"), security) != security:
            return JOINING
        if air.get("wifi") == "refused" or _octets(air.get("password", key)) != key:
            return WRONG_PASSWORD
        if security and len(key) < 8:
            return FAILED
        return GOT_IP


def _octets(text):
    return text.encode() if isinstance(text, str) else bytes(text)
