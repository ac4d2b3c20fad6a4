"""The one loop: asks the core what to do, does it, and tells how it went.

    step ─▶ actions: the board's at once, the line's in order ─▶ wait for the hub or a moment ─▶ step
                                           └─ it waits: go_on, console ─┘

umqtt.simple is the only thing that talks MQTT. Its callback only puts messages into
the inbox; the core sees them afterwards. Whatever goes wrong on the line, in whichever
way umqtt.simple says it, ends the connection and becomes one on_lost().

While umqtt.simple waits, the stream calls _meanwhile() every compat.SLICE_MS. What is
asked for then is performed if it is the board's, and is put into ``line`` if it is the
line's: so umqtt.simple is never called while it is at work.
"""

import gc

from ..core import safe_mode
from ..core.errors import HardwareError, TwinkleError, WireError
from ..ports.contract import RESET_STATUS
from . import compat
from .console_session import ConsoleSession
from .reachability import Reachability
from .stream import Network

CLOCK_MS = 60000  # how often the core is told the time
INBOX = 32  # messages taken in before the core sees them
LAST_PACKET_ID = 60000  # umqtt.simple counts on past 65,535, where MQTT ends

PUBLISH, PUBACK, SUBACK = 0x30, 0x40, 0x90


class Runner:
    """Runs ``device`` on ``port``. ``umqtt`` is the module umqtt.simple, ``context`` that of its TLS."""

    def __init__(self, device, port, store, log, terminal, umqtt, context, keep_alive):
        self.device = device
        self.port = port
        self.store = store
        self.log = log
        self.terminal = terminal
        self._umqtt = umqtt
        self.idle = self._meanwhile  # what must go on while something else is waited for
        self.reachability = Reachability(port, device, log, self._meanwhile)
        self.network = Network(context, port.ticks, self._meanwhile, port.look_up)
        self._keep_alive = keep_alive
        self._session = ConsoleSession(self)
        self._client = None
        self._inbox = []
        self._actions = []  # to be performed; an error leaves the rest for the next time
        self.line = []  # actions that wait for the line
        self._trouble = []  # the last error that _meanwhile() has met
        self._heard = 0
        self._settled = False  # it has run well
        self._time_due = 0

    def run(self):
        """Run until the port resets or the process is interrupted."""
        cause = self.port.started_by()
        if cause:
            self.log.say("info", "started by " + cause)
        self.port.ready()
        try:
            while True:
                self.turn()
        finally:
            self.line = []  # what was interrupted is not taken up again
            self._perform(self.device.keep())
            self._disconnect()
            self.terminal.drain()
            self.port.close()

    def turn(self):
        """One round of the loop."""
        now = self.port.ticks()
        if self._client is None:
            self.reachability.step(now)
        if now >= self._time_due or self._client is None:
            error = self._client and self.port.keep_time()
            if error:
                self.log.say("warning", error)
            utc = self.port.utc()
            if utc is not None:
                self.device.on_time(utc, now)
                self._time_due = now + CLOCK_MS
        try:
            self._session.step(now)
            self._perform(self.device.step(now))
            self._wait()
            if self._trouble:
                raise self._trouble.pop()
        except MemoryError as error:
            self._fail(error)
        self.port.feed()
        if not self._settled and safe_mode.ran_well(self.device, now):
            self._settled = True
            self.port.forget_starts()

    def _meanwhile(self):
        # What is not the line goes on. Its errors are not the line's: they are raised after the wait.
        try:
            self.port.feed()
            now = self.port.ticks()
            self._session.step(now)
            self._perform(self.device.go_on(now), False)
            self.terminal.flush()
        except Exception as error:
            self._trouble = [error]

    def _perform(self, actions, line=True):
        self._actions += actions
        while self._actions:
            action = self._actions.pop(0)
            if action[0] in self.BOARD:
                self.BOARD[action[0]](self, *action[1:])
            else:
                self.line.append(action)
        while line and self.line:
            action = self.line.pop(0)
            self.LINE[action[0]](self, *action[1:])

    # --- the actions

    def _connect(self, username, expiry):
        identity = self.device.identity
        self.log.say("info", "connecting to %s:%d as %s" % (identity.dial, identity.port, identity.device_id))
        password = identity.password(expiry)
        self._umqtt.socket = self.network
        client = self._umqtt.MQTTClient(
            identity.device_id, identity.dial, identity.port, username, password, self._keep_alive
        )
        client.set_callback(self._on_message)
        gc.collect()  # TLS needs large blocks
        try:
            # Not clean: the hub keeps what is queued for this device while it is away.
            client.connect(False)
        except Exception as error:
            self._fail(error)
            self.reachability.on_try(error)
            return
        self._client = client
        self.reachability.on_try()
        for topic in self.device.subscriptions:
            if not self._exchange(client.subscribe, topic, 1):
                return
        self.device.on_connected(self.port.ticks())

    def _publish(self, topic, payload, qos):
        if self._client and self._exchange(self._client.publish, topic, payload, False, qos):
            if qos:
                self.device.on_published()
            if self._client.pid > LAST_PACKET_ID:
                self._client.pid = 0

    def _ping(self):
        if self._client:
            self._exchange(self._client.ping)

    def _disconnect(self):
        if self._client:
            try:
                self.network.stream.begin()
                self._client.disconnect()
            except Exception as error:
                self.log.say("debug", "leaving: %s" % error)
        self._close()

    def _read(self):
        rest = self.port.resting()
        if rest:
            self.device.on_resting(rest)
            return
        reading = {"memory": self.port.memory()}
        try:
            reading["ownTemperature"] = self.port.own_temperature()
            reading["temperature"], reading["humidity"] = self.port.read_sensor()
        except (HardwareError, MemoryError) as error:
            reading["temperature"], reading["humidity"] = getattr(error, "sample", (None, None))
            self.device.on_reading_failed(str(error) or "out of memory", reading)
        else:
            self.device.on_reading(reading)

    def _led(self, level):
        try:
            self.port.led(level)
        except HardwareError as error:
            self.log.say("error", "LED: %s" % error)

    def _store(self, name, record):
        try:
            self.store.save(name, record)
        except (HardwareError, MemoryError) as error:
            self.device.on_stored(name, str(error) or "out of memory")
        else:
            self.device.on_stored(name, None)

    def reset(self, reason, wanted=True):
        """Restart the device; ``wanted`` as for the port."""
        self.log.say("info", "reset: " + reason)
        self._perform(self.device.keep())
        self.terminal.drain()
        self.port.forget_starts()
        try:
            self.port.reset(reason, wanted)
        except HardwareError as error:
            # The program can always start again, even where the board cannot.
            self.log.say("error", "%s; only the program starts again" % error)
            self._store("reboot", {"refused": error.text})
            raise SystemExit(RESET_STATUS) from None

    BOARD = {"read": _read, "led": _led, "store": _store, "say": lambda self, *line: self.log.say(*line)}
    LINE = {"connect": _connect, "publish": _publish, "ping": _ping, "disconnect": _disconnect}
    # The latter is the console's.
    LINE.update({"reset": reset, "do": lambda self, *what: self._session.do(*what)})

    def _exchange(self, function, *arguments):
        # Have umqtt.simple do this. Answers whether it could; if not, the connection has ended.
        stream = self.network.stream
        try:
            stream.begin()
            function(*arguments)
            stream.flush()
        except Exception as error:
            self._fail(error)
            return False
        return True

    # --- listening

    def _wait(self):
        now = self.port.ticks()
        ms = min(self.device.due(now) - now, self.port.longest_wait)
        if self._session.due() or self._inbox:  # messages may have come while a PUBACK was waited for
            ms = 0
        if self._client is None:
            if ms > 0:
                self.port.sleep(ms)
            return
        stream = self.network.stream
        if not self._exchange(self._listen, stream, ms):
            return
        now = self.port.ticks()
        if stream.heard != self._heard:
            self._heard = stream.heard
            self.device.on_heard(now)
        inbox, self._inbox = self._inbox, []
        for message in inbox:
            self.device.on_message(*message, now)

    def _listen(self, stream, ms):
        operation = self._client.check_msg() if stream.wait(ms) else None
        if operation is None or operation & 0xF0 == PUBLISH:
            return
        if operation & 0xF0 not in (PUBACK, SUBACK):
            raise WireError("the hub broke the protocol (a packet of type %d)" % (operation >> 4))
        # One that nobody waits for any more: umqtt.simple has left its rest unread.
        stream.read(stream.read(1)[0])

    def _on_message(self, topic, payload):
        stream = self.network.stream
        if stream.skipped:
            stream.skipped = False
            payload = None
        if len(self._inbox) >= INBOX:
            raise WireError("more messages at once than this device takes in")
        try:
            self._inbox.append((str(topic, "utf-8"), payload))
        except ValueError:
            self._inbox.append(("", payload))

    # --- the end of a connection

    def leave(self, reason):
        """End the connection in good order, and begin another."""
        if self._client:
            self._disconnect()
            self.device.on_lost(reason, self.port.ticks())

    def _fail(self, error):
        hopeless, problem = False, True
        if isinstance(error, MemoryError):
            gc.collect()
            text = "out of memory"
        elif isinstance(error, self._umqtt.MQTTException):
            from . import diagnosis

            error = diagnosis.refusal(error.args[0])
            compat.unload(diagnosis.__name__)
            text, hopeless, problem = str(error), error.code in (4, 5), False
        elif isinstance(error, TwinkleError):
            text, problem = str(error), "middle" in error.text
        else:
            text = "the hub broke the protocol (%s: %s)" % (type(error).__name__, error)
        self._close()
        # What else was to be done with this connection is lost with it.
        self.line = [action for action in self.line if action[0] in ("reset", "do")]
        self.device.on_lost(text, self.port.ticks(), hopeless, problem)

    def _close(self):
        self._client = None
        self._inbox = []
        stream, self.network.stream = self.network.stream, None
        if stream:
            stream.close()
