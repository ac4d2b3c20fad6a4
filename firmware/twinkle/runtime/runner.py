"""The one loop: asks the core what to do, does it, and tells what came of it.

    step ─▶ actions: the board's at once, the line's in order ─▶ wait for the hub or a moment ─▶ step
                 └─▶ each one's outcome      └─ it waits: go_on, console ─┘

Whatever performing an action raises is its outcome (see core.actions). umqtt.simple is the only
thing that talks MQTT. Its callback only puts messages into the inbox; the core sees them
afterwards. Whatever goes wrong on the line, in whichever way umqtt.simple says it, ends the
connection.

While umqtt.simple waits, the stream calls _meanwhile() every compat.SLICE_MS. What is asked for
then is performed if it is the board's, and waits in ``line`` if it is the line's: so umqtt.simple
is never called while it is at work.
"""

import gc

from .. import compat
from ..core import actions
from ..core.errors import HardwareError, ProtocolError, TwinkleError
from ..ports.contract import RESET_STATUS
from .stream import Network

CLOCK_MS = 60000  # how often the core is told the time
MOST_FAILURES = 20  # rounds in a row for which there is no memory; then the program starts anew
INBOX = 32  # messages taken in before the core sees them
LAST_PACKET_ID = 60000  # umqtt.simple counts on past 65,535, where MQTT ends

PUBLISH = 0x30  # MQTT 3.1.1, table 2.1
PUBACK = 0x40
SUBACK = 0x90


class Runner:
    """Runs ``device`` on ``port``. ``umqtt`` is the module umqtt.simple, ``context`` that of its TLS."""

    def __init__(self, device, port, store, log, terminal, umqtt, context, keep_alive):
        self.device = device
        self.port = port
        self.store = store
        self.log = log
        self.terminal = terminal
        self._umqtt = umqtt
        self.network = Network(context, port.ticks, self._meanwhile, port.look_up)
        self._reachability = None  # there is one while there is no connection
        self._keep_alive = keep_alive
        self._client = None
        self._inbox = []
        self._board = []  # actions for the board, to be performed
        self.line = []  # actions that wait for the line
        self._untold = []  # outcomes that the core has not been told: (action, done, result or error)
        self._trouble = []  # the last error that _meanwhile() has met
        self._failures = 0  # rounds in a row that ended for want of memory
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
            self._leave()
            self.terminal.drain()
            self.port.close()

    def turn(self):
        """One round of the loop."""
        now = self.port.ticks()
        try:
            if self._client is None:
                self._reach().step(now)
            if now >= self._time_due or self._client is None:
                error = self._client and self.port.keep_time()
                if error:
                    self.log.say("warning", error)
                utc = self.port.utc()
                if utc is not None:
                    self.device.on_time(utc, now)
                    self._time_due = now + CLOCK_MS
            self.terminal.attend(self, now)
            self._perform(self.device.step(now))
            self._wait()
            if self._trouble:
                raise self._trouble.pop()
            self.port.feed()
            self._failures = 0
            if not self._settled and self.device.link.ran_well(now):
                self._settled = True
                if not getattr(self.device, "safe", False):
                    self.port.forget_starts()
        except MemoryError:
            # All that was asked for is still here, and is done in the next round. This one is no
            # progress, so the watchdog is not fed.
            gc.collect()
            self._failures += 1
            if self._failures > MOST_FAILURES:
                raise
            self.log.say("error", "out of memory")
            self.port.sleep(compat.SLICE_MS)

    def _meanwhile(self):
        # What is not the line goes on. Its errors are not the line's: they are raised after the wait.
        try:
            self.port.feed()
            now = self.port.ticks()
            self.terminal.attend(self, now)
            self._perform(self.device.go_on(now), False)
            self.terminal.flush()
        except Exception as error:
            self._trouble = [error]

    # --- actions and their outcomes

    def _perform(self, asked, line=True):
        for action in asked:
            (self._board if action[0] in self.BOARD else self.line).append(action)
        self._tell()
        while self._board:
            action = self._board.pop(0)
            self._do(action, self.BOARD[action[0]])
        while line and self.line:
            action = self.line.pop(0)
            self._do(action, self.LINE[action[0]])

    def _do(self, action, function):
        if self._client is None and action[0] in ("publish", "ping"):
            self._untold.append((action, False, None))
            return
        try:
            outcome = action, True, function(self, *action[1:])
        except Exception as error:
            gc.collect()  # it may be for want of memory
            outcome = action, False, self._cut(error) if action[0] in actions.LINE else error
        self._untold.append(outcome)
        self._tell()

    def _tell(self):
        while self._untold:
            action, done, value = self._untold[0]
            (self.device.on_done if done else self.device.on_failed)(action, value, self.port.ticks())
            self._untold.pop(0)

    def _connect(self, username, expiry):
        identity = self.device.identity
        self.log.say("info", "connecting to %s:%d as %s" % (identity.dial, identity.port, identity.device_id))
        password = identity.password(expiry)
        self._umqtt.socket = self.network
        client = self._umqtt.MQTTClient(
            identity.device_id, identity.dial, identity.port, username, password, self._keep_alive
        )
        client.set_callback(self._on_message)
        compat.unload(*actions.SELDOM.split())  # TLS needs large blocks
        try:
            # Not clean: the hub keeps what is queued for this device while it is away.
            client.connect(False)
        except Exception as error:
            self._reach().on_failed(error)
            raise
        self._client = client
        self.network.sure = True
        self.network.missing = None  # the port is not asked again while there is a connection
        self._reachability = None
        compat.unload("twinkle.runtime.reachability")
        for topic in self.device.subscriptions:
            self._exchange(client.subscribe, topic, 1)

    def _reach(self):
        if not self._reachability:
            from .reachability import Reachability

            self._reachability = Reachability(self.port, self.device, self.log, self.network)
        return self._reachability

    def _publish(self, topic, payload, qos):
        self._exchange(self._client.publish, topic, payload, False, qos)
        if self._client.pid > LAST_PACKET_ID:
            self._client.pid = 0

    def _ping(self):
        self._exchange(self._client.ping)

    def _exchange(self, function, *arguments):
        # Have umqtt.simple do this.
        stream = self.network.stream
        stream.begin()
        function(*arguments)
        stream.flush()

    def _leave(self):
        if self._client:
            try:
                self._exchange(self._client.disconnect)
            except Exception as error:
                self.log.say("debug", "leaving: %s" % error)
        self._close()

    def _read(self):
        rest = self.port.resting()
        if rest:
            return {"rest": rest}
        reading = {"memory": self.port.memory()}
        try:
            reading["ownTemperature"] = self.port.own_temperature()
            reading["temperature"], reading["humidity"] = self.port.read_sensor()
        except HardwareError as error:
            # One of the two values may be good all the same.
            reading["temperature"], reading["humidity"] = getattr(error, "sample", (None, None))
            reading["failed"] = str(error)
        return reading

    def _store(self, name, record):
        self.store.save(name, record)
        compat.unload(*actions.SELDOM.split())

    def _reset(self, reason, wanted=True):
        self.log.say("info", "reset: " + reason)
        self._perform(self.device.keep(), False)
        self.terminal.drain()
        self.port.forget_starts()
        try:
            self.port.reset(reason, wanted)
        except HardwareError:
            if not wanted:
                raise SystemExit(RESET_STATUS) from None  # the program can always start again
            raise

    BOARD = {
        "read": _read,
        "led": lambda self, level: self.port.led(level),
        "wire": lambda self, *what: self.port.wiring.do(*what),
        "store": _store,
        "say": lambda self, level, text: self.log.say(level, text),
    }
    LINE = {
        "connect": _connect,
        "publish": _publish,
        "ping": _ping,
        "disconnect": _leave,
        "reset": _reset,
        "do": lambda self, session, *what: session.do(*what),  # the console's
    }

    # --- listening

    def _wait(self):
        now = self.port.ticks()
        ms = min(self.device.due(now) - now, self.port.longest_wait)
        # Messages may have come while a PUBACK was waited for.
        if self.terminal.due() or self._inbox or self._untold:
            ms = 0
        if self._client is None:
            if ms > 0:
                self.port.sleep(ms)
            return
        stream = self.network.stream
        try:
            # What came before an acknowledgement was read with it.
            if ms > 0 or stream.heard == self._heard:
                self._exchange(self._listen, stream, ms)
        except Exception as error:
            gc.collect()
            self.device.on_lost(self._cut(error), self.port.ticks())
            return
        now = self.port.ticks()
        if stream.heard != self._heard:
            self._heard = stream.heard
            self.device.on_heard(now)
        while self._inbox:
            message = self._inbox.pop(0)
            try:
                self.device.on_message(*message, now)
            except MemoryError:
                gc.collect()
                self.device.on_message(*message, now)

    def _listen(self, stream, ms):
        operation = self._client.check_msg() if stream.wait(ms) else None
        if operation is None or operation & 0xF0 == PUBLISH:
            return
        if operation & 0xF0 not in (PUBACK, SUBACK):
            raise ProtocolError("the hub broke the protocol (a packet of type %d)" % (operation >> 4))
        # One that nobody waits for any more: umqtt.simple has left its rest unread.
        stream.read(stream.read(1)[0])

    def _on_message(self, topic, payload):
        stream = self.network.stream
        if stream.skipped:
            stream.skipped = False
            payload = None
        if len(self._inbox) >= INBOX:
            raise ProtocolError("more messages at once than this device takes in")
        try:
            self._inbox.append((str(topic, "utf-8"), payload))
        except ValueError:
            self._inbox.append(("", payload))

    # --- the end of a connection

    def leave(self, reason):
        """End the connection in good order, and begin another."""
        if self._client:
            self._leave()
            self.device.on_lost(reason, self.port.ticks())

    def _cut(self, error):
        """End the connection because of ``error``; what it means, as an error of ours or a MemoryError."""
        if isinstance(error, self._umqtt.MQTTException):
            from . import diagnosis

            error = diagnosis.refusal(error.args[0])
            compat.unload(diagnosis.__name__)
        elif not isinstance(error, (TwinkleError, MemoryError)):
            error = ProtocolError("the hub broke the protocol (%s: %s)" % (type(error).__name__, error))
        self._close()
        return error

    def _close(self):
        self._client = None
        self._inbox = []
        stream, self.network.stream = self.network.stream, None
        if stream:
            stream.close()
            if stream.unclosed:
                self.log.say("debug", "closing: %s" % stream.unclosed)
