"""The one loop: asks the core what to do, does it, and tells how it went.

    step ─▶ actions, performed in order ─▶ wait for the hub or the next due moment ─▶ step

umqtt.simple is the only thing that talks MQTT. Its callback only puts messages
into the inbox; the core sees them afterwards, so that nothing is published from
within a callback. Whatever goes wrong on the line, in whichever way umqtt.simple
says it, ends the connection and becomes one on_lost().
"""

import gc

from ..core import safe_mode
from ..core.errors import HardwareError, TwinkleError, Unreachable, WireError
from ..ports.contract import RESET_STATUS
from . import compat
from .attendant import Attendant
from .reach import Reach
from .stream import Network

CLOCK_MS = 60000  # how often the core is told the time
INBOX = 32  # messages taken in before the core sees them
LAST_PACKET_ID = 60000  # umqtt.simple counts on past 65,535, where MQTT ends

PUBLISH, PUBACK, SUBACK = 0x30, 0x40, 0x90


class Runner:
    """Runs ``device`` on ``port``.

    ``umqtt`` is the module umqtt.simple, ``roots`` the PEM bytes of the
    certificate authorities to trust, ``own`` the paths of the device's certificate
    and key, if it has them.
    """

    def __init__(self, device, port, store, log, terminal, umqtt, roots, own, keep_alive):
        self.device = device
        self.port = port
        self.store = store
        self.log = log
        self.terminal = terminal
        self._umqtt = umqtt
        self.reach = Reach(port, device, log)
        self.network = Network(roots, port.ticks, port.feed, port.look_up, own)
        self._keep_alive = keep_alive
        self._attendant = Attendant(self)
        self._client = None
        self._inbox = []
        self._heard = 0
        self._settled = False  # it has run well
        self._time_due = 0
        self._line_errors = (
            WireError,
            OSError,
            ValueError,
            # What umqtt.simple raises when the hub surprises it.
            AssertionError,
            IndexError,
            TypeError,
            umqtt.MQTTException,
        )

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
            self._perform(self.device.keep())
            self._disconnect()
            self.terminal.drain()
            self.port.close()

    def turn(self):
        """One round of the loop."""
        now = self.port.ticks()
        if self._client is None:
            self.reach.step(now)
        if now >= self._time_due or self._client is None:
            utc = self.port.utc()
            if utc is not None:
                self.device.on_time(utc, now)
                self._time_due = now + CLOCK_MS
        try:
            self._attendant.step(now)
            self._perform(self.device.step(now))
            self._wait()
        except MemoryError:
            gc.collect()
            self._lost("out of memory", problem=True)
        self.port.feed()
        if not self._settled and safe_mode.ran_well(self.device, now):
            self._settled = True
            self.port.forget_starts()

    def _perform(self, actions):
        for action in actions:
            getattr(self, "_" + action[0])(*action[1:])

    # --- the actions

    def _connect(self, username, expiry):
        identity = self.device.identity
        self.log.say("info", "connecting to %s:%d as %s" % (identity.dial, identity.port, identity.device_id))
        self.reach.find()
        password = identity.password(expiry)
        self._umqtt.socket = self.network
        client = self._umqtt.MQTTClient(
            identity.device_id, identity.dial, identity.port, username, password, self._keep_alive
        )
        client.set_callback(self._on_message)
        try:
            gc.collect()  # TLS needs large blocks
            # Not clean: the hub keeps what is queued for this device while it is away.
            client.connect(False)
            self._client = client
            for topic in self.device.subscriptions:
                self.network.stream.begin()
                client.subscribe(topic, 1)
        except self._line_errors as error:
            self._fail(error)
            if isinstance(error, Unreachable):
                self.reach.lose()
            return
        self.device.on_connected(self.port.ticks())

    def _publish(self, topic, payload, qos):
        if self._client is None:
            return
        try:
            self.network.stream.begin()
            self._client.publish(topic, payload, False, qos)
            self.network.stream.flush()
        except self._line_errors as error:
            self._fail(error)
            return
        if qos:
            self.device.on_published()
        if self._client.pid > LAST_PACKET_ID:
            self._client.pid = 0

    def _ping(self):
        if self._client:
            try:
                self.network.stream.begin()
                self._client.ping()
                self.network.stream.flush()
            except self._line_errors as error:
                self._fail(error)

    def _disconnect(self):
        if self._client:
            try:
                self.network.stream.begin()
                self._client.disconnect()
            except self._line_errors as error:
                self.log.say("debug", "leaving: %s" % error)
        self._close()

    def _read(self):
        reading = {"memory": self.port.memory()}
        try:
            reading["ownTemperature"] = self.port.own_temperature()
            reading["temperature"], reading["humidity"] = self.port.read_sensor()
        except HardwareError as error:
            self.device.on_reading_failed(str(error), reading)
            return
        self.device.on_reading(reading)

    def _led(self, level):
        try:
            self.port.led(level)
        except HardwareError as error:
            self.log.say("error", "LED: %s" % error)

    def _store(self, name, record):
        try:
            self.store.save(name, record)
        except HardwareError as error:
            self.device.on_stored(name, str(error))
            return
        self.device.on_stored(name, None)

    def reset(self, reason):
        """Restart the device."""
        self.log.say("info", "reset: " + reason)
        self._perform(self.device.keep())
        self.terminal.drain()
        self.port.forget_starts()
        try:
            self.port.reset(reason)
        except HardwareError as error:
            # The program can always start again, even where the board cannot.
            self.log.say("error", "%s; only the program starts again" % error)
            raise SystemExit(RESET_STATUS) from None

    _reset = reset

    def _say(self, level, text):
        self.log.say(level, text)

    # --- listening

    def _wait(self):
        now = self.port.ticks()
        ms = min(self.device.due(now) - now, self.port.longest_wait)
        if self._attendant.due():
            ms = 0
        if self._client is None:
            if ms > 0:
                self.port.sleep(ms)
            return
        stream = self.network.stream
        try:
            # Messages may have come while a publish waited for its PUBACK.
            if stream.wait(0 if self._inbox else ms):
                self._take(stream)
        except self._line_errors as error:
            self._fail(error)
            return
        now = self.port.ticks()
        if stream.heard != self._heard:
            self._heard = stream.heard
            self.device.on_heard(now)
        inbox, self._inbox = self._inbox, []
        for topic, payload in inbox:
            self.device.on_message(topic, payload, now)

    def _take(self, stream):
        stream.begin()
        operation = self._client.check_msg()
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
            topic = str(topic, "utf-8")
        except ValueError:
            topic = ""
        self._inbox.append((topic, payload))

    # --- the end of a connection

    def leave(self, reason):
        """End the connection in good order, and begin another."""
        if self._client:
            self._disconnect()
            self.device.on_lost(reason, self.port.ticks())

    def _fail(self, error):
        if isinstance(error, self._umqtt.MQTTException):
            error = self._refusal(error.args[0])
            self._lost(str(error), hopeless=error.code in (4, 5))
        elif isinstance(error, TwinkleError):
            self._lost(str(error), problem="middle" in error.text)
        else:
            text = "the hub broke the protocol (%s: %s)" % (type(error).__name__, error)
            self._lost(text, problem=True)

    def _refusal(self, code):
        from ..core import diagnosis

        try:
            return diagnosis.refusal(code)
        finally:
            compat.unload(diagnosis.__name__)

    def _lost(self, reason, hopeless=False, problem=False):
        self._close()
        self.device.on_lost(reason, self.port.ticks(), hopeless, problem)

    def _close(self):
        self._client = None
        self._inbox = []
        if self.network.stream:
            self.network.stream.close()
            self.network.stream = None
