"""The device: what happened goes in, actions come out.

The rim tells what happened (on_connected, on_lost, on_message, on_reading,
on_stored, on_published, on_time), calls step(now), performs the actions it
answers with, and tells the outcome. ``now`` is monotonic milliseconds. Nothing
here blocks, sleeps, opens or imports hardware. The actions are tuples: those
for the line, in their order,

    ("connect", username, expiry)      connect with a token good until expiry, subscribe to
                                       ``subscriptions``, then on_connected or on_lost
    ("publish", topic, payload, qos)   QoS 1 ends in on_published; failure of any in on_lost
    ("ping",)                          ask the hub for a sign of life
    ("disconnect",)                    leave in good order
    ("reset", reason, wanted)          restart the device; ``wanted`` is False when nobody has asked
                                       for it, and may be left out

and those for the board, at once:

    ("read",)                          read the sensor, then on_reading, on_reading_failed or on_resting
    ("led", level)                     0.0 to 1.0
    ("store", name, record)            write a record (None deletes it), then on_stored
    ("say", level, text)               a line for the log

An action for the line may take a minute. Until its outcome is told the rim calls
go_on(now) in the place of step(now): handlers, LED and sampling go on, and link, twin
and telemetry's queue, whose state is about to change, ask for nothing. A handler's
answer is performed after what waits for the line already.

Two orders are promises: a configuration is stored before it is reported as
applied, and a method is answered before the device resets.
"""

from . import hub
from .board import Board
from .clock import JUMP_S, WallClock
from .config import Config
from .handlers import Handlers
from .link import CONNECTING, OFFLINE, READY, SYNCING, TOKEN_S, Link
from .liveness import QUIET, SILENT, Liveness
from .methods import Methods
from .reboot import Reboot
from .receiver import Receiver
from .sensor import Sensor
from .tasks import Tasks
from .telemetry import CAPACITY, Sampler, Telemetry
from .twin import Twin
from .writable import Writables

CLOCK_MS = 1000  # while the time is unknown, look again this often
IDLE_MS = 60000  # nothing is due: the rim is at work
NO_CLOCK = "waiting for the clock"


class Device:
    """One device with one application.

    ``records`` are what the store holds (``config``, ``reboot``, ``telemetry``); ``random()`` gives
    0.0 to 1.0; ``keep_alive`` is in seconds; ``now`` is when the device started.
    ``information`` and ``waiting`` are what the board file says of the board and of
    telemetry that waits: {"capacity": messages, "disk": bytes kept across restarts}.
    ``safe``: in safe mode, in which no configuration is applied.
    """

    backlog = None

    def __init__(
        self, app, identity, records, random, keep_alive=60, now=0, information=None, waiting=None, safe=False
    ):
        waiting = waiting or {}
        self.app = app
        self.safe = safe
        self.identity = identity
        self.subscriptions = hub.SUBSCRIPTIONS
        if app.on_message:
            self.subscriptions += (hub.devicebound(identity.device_id),)
        self.actions = []
        self.clock = WallClock()
        self.link = Link(random, not identity.certified)
        self.liveness = Liveness(keep_alive)
        self.tasks = Tasks()
        self.board = Board(lambda level: self._act("led", level), self.report, self.say, information)
        self.twin = Twin(self._request, self.say)
        self.telemetry = Telemetry(
            identity.device_id, self.clock, self.say, waiting.get("capacity", CAPACITY)
        )
        if "disk" in waiting:
            # Most boards have no room for what they do not use.
            from .backlog import Backlog

            self.backlog = Backlog(
                self.telemetry, self.clock, records.get("telemetry"), waiting["disk"], self._act, self.say
            )
        self.sensor = Sensor(self.board, self.report, self.say)
        self.sampler = Sampler(app.samples, self.board, self.sensor, self._act, self.telemetry.add, self.say)
        # What happened and is for one part alone.
        self.on_reading, self.on_reading_failed = self.sampler.on_reading, self.sampler.on_failure
        self.on_resting, self.on_published = self.sampler.on_resting, self.telemetry.acknowledged
        self.on_network, self.on_heard = self.link.hurry, self.liveness.heard
        self.config = Config(
            records.get("config") or app.config,
            self.twin.report,
            lambda record: self._act("store", "config", record),
            self.sampler.set_period,
            self.say,
        )
        self.methods = Methods(app.methods, self.board, self.tasks, self._answer, self.say)
        self.handlers = Handlers(app.desired_handlers, self.board, self.complain)
        self.writables = Writables(app.writables, self.board, self.tasks, self.report, self.say)
        self.reboot = Reboot(records.get("reboot"), now, self._act)
        self.problem = None  # of the last connection, to be reported on the next
        self.last_error = None
        self._receiver = Receiver(self)

    # --- what happened

    def on_time(self, utc, now):
        """The time is known: ``utc`` in seconds since 1970."""
        late = self.clock.set(utc, now)
        if abs(late) >= JUMP_S:
            self.say("warning", "the clock was %d s %s" % (abs(late), "slow" if late > 0 else "fast"))
            self.link.on_jump(late * 1000, now)
        if self.backlog:
            self.backlog.restore(now)

    def on_connected(self, now):
        """Connected and subscribed."""
        if self.link.fire("connected", now, "reading the twin"):
            self.liveness.begin(now)
            self.twin.begin()

    def on_lost(self, reason, now, hopeless=False, problem=False):
        """The connection could not be made or was lost.

        ``hopeless``: trying again soon cannot help. ``problem``: worth telling the
        service once the device is back.
        """
        if self.link.fire("lost", now, reason, hopeless, hopeless and not self.identity.certified):
            wait = (self.link.due - now) / 1000
            self.say("warning", "link lost: %s; next try in %.1f s" % (reason, wait))
        if problem:
            self.problem = reason
        self.telemetry.sending = False
        self.methods.forget()

    def on_message(self, topic, payload, now):
        """A message from the hub; ``payload`` is None when it was too large to take."""
        self.board.utc = self.clock.utc(now)
        self._receiver.on_message(topic, payload, now)

    def on_stored(self, name, error):
        """A record is on flash, or ``error`` says why not."""
        if error:
            self.say("error", "could not store %s: %s" % (name, error))
        if name == "config":
            self.config.on_stored(error, self.twin.desired)
        elif name == "telemetry":
            self.backlog.on_stored(error)

    def report(self, patch):
        """Queue members of the reported properties."""
        self.twin.report(patch)

    # --- what to do

    def step(self, now):
        """Everything that is due at ``now``; answers the actions, oldest first."""
        self._step_link(now)
        actions = self.go_on(now)
        if self.board.rebooting:
            self.reboot.step(now, self.clock.utc(now))
        if self.link.state in (SYNCING, READY):
            self.twin.step(now, self.link.state == READY)
        if self.link.state == READY and len(self.telemetry) and not self.telemetry.sending:
            self.telemetry.sending = True
            topic, body = self.telemetry.head()
            self._act("publish", topic, body, 1)
        actions += self._taken()
        if any([action[0] == "publish" for action in actions]):
            self.liveness.spoke(now)
        return actions

    def go_on(self, now):
        """As step(), without what asks something of the line: for while an action of it is performed."""
        self.board.utc = self.clock.utc(now)
        self.tasks.step(now)
        self.methods.step(now)
        self.board.led.step(now)
        # Also while there is no link: a reading carries its time and may wait.
        self.sampler.step(now)
        if self.backlog:
            self.backlog.step(now, self.link.state == READY)
        return self._taken()

    def due(self, now):
        """The moment (milliseconds) by which step() must be called again."""
        if self.actions:
            return now
        times = [
            self.tasks.due(),
            self.methods.due(),
            self.board.led.due(),
            self.reboot.due,
            self.sampler.due(),
        ]
        state = self.link.state
        if self.backlog:
            times.append(self.backlog.due)
        if state == OFFLINE:
            times.append(self.link.due if self.clock.utc(now) else now + CLOCK_MS)
        elif state != CONNECTING:
            times += (self.liveness.due(), self.link.deadline(), self.twin.due(state == READY))
        if state == READY:
            times.append(self.link.renewal())
            if len(self.telemetry) and not self.telemetry.sending:
                return now
        return max(now, min([at for at in times if at is not None] or [now + IDLE_MS]))

    def keep(self):
        """The program ends, as far as that is known before: answers the actions that this needs."""
        if self.backlog:
            self.backlog.keep()
        return self._taken()

    # --- the parts

    def _taken(self):
        actions, self.actions = self.actions, []
        return actions

    def say(self, level, text):
        """Queue a line for the log."""
        if level == "error":
            self.last_error = text
        self._act("say", level, text)

    def _step_link(self, now):
        state = self.link.state
        if state == OFFLINE:
            utc = self.clock.utc(now)
            if self.link.abandoned(now):
                self._act("reset", "no connection to the hub for hours", False)
            elif utc is None:
                self._wait_for_clock()
            elif now >= self.link.due and self.link.fire("due", now, "connecting"):
                self._act("connect", self.identity.username(self.app.model_id), int(utc) + TOKEN_S)
            return
        if state == CONNECTING:
            return
        verdict = self.liveness.verdict(now)
        if verdict == SILENT:
            self._drop("the hub fell silent", now)
        elif self.link.overdue(now):
            self._drop("the hub did not answer the twin request", now)
        elif self.link.stale(now) and not self.telemetry.sending:
            self.say("info", "renewing the token")
            self._act("disconnect")
            self.methods.forget()
            self.link.fire("renew", now, "renewing the token")
            self._step_link(now)
        elif verdict == QUIET:
            self.liveness.asked(now)
            self._act("ping")

    def _wait_for_clock(self):
        if self.link.reason != NO_CLOCK:
            self.link.reason = NO_CLOCK
            self.say("warning", "%s: no token can be signed before it is set" % NO_CLOCK)

    def _drop(self, reason, now):
        self._act("disconnect")
        self.on_lost(reason, now)

    def complain(self, text):
        """Log what is wrong with what others sent, and report it."""
        self.say("error", text)
        self.report({"lastError": text})

    def _request(self, topic, payload):
        # QoS 0: the hub answers on a topic of its own, so a PUBACK would add nothing.
        self._act("publish", topic, payload, 0)

    def _answer(self, rid, status, body):
        self._act("publish", hub.method_answer(status, rid), body, 0)

    def _act(self, *action):
        self.actions.append(action)
