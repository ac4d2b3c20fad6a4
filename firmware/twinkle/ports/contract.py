"""What a board must offer. The runner uses this and nothing else of it.

A port is a subclass of Port in a module that the board file names; it overrides
what its board can do. What each method must do, how long it may block and what
it raises stands here, once; ``tests/boards/test_contract.py`` holds every port
to it. HardwareError is the only error a port may raise, except from ``__init__``,
where SetupError says what is wrong with the board file or missing on the board, and
HardwareError what may be in order at another start.

While the hub is waited for, everything else goes on: LED, sensor and console are seen to,
and the watchdog is fed, every 50 ms (compat.SLICE_MS). What cannot be divided stops all
of it for as long as it takes: what blocks here by its own account, look_up() above all,
and what TLS computes of a handshake at once, 2.3 s on an RP2040. "At once" is less than 10 ms. What may take
longer than the watchdog waits, the port sees to itself.
"""

from .. import compat
from ..core.errors import HardwareError

# What a device process ends with to be started again, as after a reset.
RESET_STATUS = 3


class Port:
    """One board.

    ``settings`` is the content of its board file; ``directory`` is where the
    device keeps its files; ``wifi`` is ``{"ssid", "password"}`` where there is a
    network to join, or empty. ``longest_wait`` is how many milliseconds the loop may wait for a
    hub that has nothing to say.
    """

    longest_wait = 200  # a technician who types is answered as soon
    log_on_console = False  # the technician sees the log as well
    wiring = None  # what the board file names: a Wiring (wiring.py), which close() closes, too

    def __init__(self, settings, directory, wifi=None):
        self.directory = directory
        self._ticks = compat.Ticks()

    # --- time and chance

    def ticks(self):
        """Milliseconds since the port was made; never wraps, never goes back."""
        return self._ticks.now()

    def utc(self):
        """Seconds since 1970, UTC, or None while the time is not known. Returns at once."""
        return compat.utc()

    def random(self):
        """A number from 0.0 up to 1.0."""
        return compat.random()

    def sleep(self, ms):
        """Wait ``ms`` milliseconds while there is no connection to listen to."""
        compat.sleep(ms)

    # --- what is wired to it

    def led(self, level):
        """Show ``level``, 0.0 (dark) to 1.0. Returns at once.

        An LED that cannot be dimmed is lit by every level above 0. One on the radio takes a second while the
        radio's chip hangs.
        """
        raise HardwareError("this board has no LED", "name its pin in the board file")

    def read_sensor(self):
        """``(temperature in °C, relative humidity in %)`` of one new sample, no digits but the sensor's own.

        Blocks 400 ms, and 5 s when the sensor's library hangs. A sensor that was read less than its rest ago (2 s for
        a DHT22) answers with that sample again. HardwareError when the sensor did not answer, its checksum was wrong
        or it cannot measure what it sent; its ``sample``, if it has one, is what is known all the same.
        ``(None, None)`` on a board without a sensor.
        """
        return None, None

    def resting(self):
        """Milliseconds until read_sensor() can take a new sample; 0 when it can now, or there is no sensor."""
        return 0

    def own_temperature(self):
        """The board's own temperature in °C, or None where it has no such sensor."""
        return

    # --- the network

    def network(self, unanswered):
        """Look after the network. What it still waits for, as a text, or None when it can be used.

        Called in every turn without a connection to the hub, and not with one; also sets the clock,
        where it comes from the network. ``unanswered`` counts the tries in a row, since
        it could be used, to which nobody answered: an answer is the only proof of a
        network, so a port that has been told of a few takes its radio down and up again,
        whatever the radio says of itself. Blocks a second when the radio is powered up, 15 s when the
        time is asked for and no name server answers.
        """
        return

    def keep_time(self):
        """Correct the clock, where it comes from the network. Why it could not be, as a text, or None.

        Called once a minute with a connection to the hub. Does something once a day, and blocks then as network() does.
        """

    def look_up(self, host, port):
        """The addresses of a host, as getaddrinfo has them; OSError when it has none.

        Blocks for as long as the system's resolver does: 14 s on a Pico W, 10 s and more on Linux.
        """
        return compat.look_up(host, port)

    def join(self, ssid, password, wait=None):
        """Use this network from now on, or those of before while it is not there. An empty password: it is open.

        With ``wait`` it is tried first, for 50 s at most; ``wait()``, which lets a moment pass, is called meanwhile.
        HardwareError says why it could not be joined, and those of before are used; or that the network is not
        this port's.
        """
        if wait:
            raise HardwareError(
                "this program does not look after the network here", "use the system's settings"
            )

    def scan(self):
        """``(name, signal in dBm)`` of each Wi-Fi network in reach that tells its name; "?" is what is no text.

        HardwareError when the radio fails. Blocks three seconds, ten when it hangs.
        """
        raise HardwareError("this program does not look after the network here", "use the system's settings")

    def signal(self):
        """The strength of the Wi-Fi network in dBm, or None. Returns at once; after a second if the radio hangs."""
        return

    # --- the technician

    def typed(self):
        """The bytes that were typed since the last call, a thousand at most. Returns at once."""
        return b""

    def show(self, data):
        """Show bytes to whoever types; how many were taken, 0 when nobody reads. Returns at once."""
        return len(data)

    def hold(self):
        """Have the next start, and only that, leave the program out, so that tools find a prompt."""
        raise HardwareError("this board has no prompt to stop at", "stop the program instead")

    @staticmethod
    def held(settings):
        """Whether somebody wants that by hand, with a button; asked once, before a port is made."""
        return False

    # --- the board itself

    def unique_id(self):
        """A text that no other board of this kind has, or None."""
        return

    def memory(self):
        """Bytes of memory the program uses."""
        return compat.memory()

    def started_by(self):
        """Why the board started, in a few words, or None where it cannot know."""
        return

    def count_start(self):
        """How many starts in a row, this one included, came without the last one having run well.

        Counted where it survives a reset and wears nothing; called once, before anything
        that may fail. A board that cannot count always answers 1.
        """
        return 1

    def forget_starts(self):
        """The program has run well for a while, or restarts because it was told to. Raises nothing."""

    def limited(self, function, *arguments):
        """What ``function`` answers, which may take longer than the watchdog waits, but not for ever.

        After half a minute a board that can starts again, whether its watchdog runs yet or not.
        """
        return function(*arguments)

    def enter(self, handler):
        """This handler of the application begins, by its name; None: it has come to its end. Returns at once.

        A text, to follow the name, when it has kept everything else waiting for long.
        """

    def stuck(self):
        """The handler, or the place in it, in which the watchdog ended the program the last time; or None.

        Called once, at the start.
        """
        return

    def ready(self):
        """The program is built and about to run. Called once."""

    def feed(self):
        """Tell the watchdog that there was progress. Returns at once."""

    def reset(self, reason, wanted=True):
        """Restart the device. Does not return; HardwareError when that cannot be done.

        ``wanted``: somebody has asked for it. Otherwise it is a cure, which takes no more
        with it than the device: on a computer with other programs, this program.
        """
        raise SystemExit(RESET_STATUS)

    def close(self):
        """Let go of pins and sensor. Called once, at the end; raises nothing."""
