"""The device: what happened goes in, actions come out.

The runtime tells what happened (on_time, on_network, on_message, on_heard, on_lost), calls
step(now), performs the actions it answers with, and tells the outcome of each (on_done,
on_failed); see actions. ``now`` is monotonic milliseconds. Nothing here blocks, sleeps, opens or
imports hardware.

While an action for the line is performed the runtime calls go_on(now) in the place of step(now):
handlers, LED and sampling go on, and link, twin and telemetry's queue, whose state is about to
change, ask for nothing. A handler's answer is performed after what waits for the line already.
"""

from . import actions, topics
from .board import Board
from .clock import JUMP_S, WallClock
from .configuration import Configuration
from .document import missing
from .errors import HubError
from .handlers import Methods, Tasks, Writables
from .link import CONNECTING, OFFLINE, QUIET, READY, SILENT, SYNCING, TOKEN_S, Link, Liveness
from .telemetry import Sampler, Sensor, Telemetry
from .twin import Reports, Twin

CLOCK_MS = 1000  # while the time is unknown, look again this often
IDLE_MS = 60000  # nothing is due: the runtime is at work
NO_CLOCK = "waiting for the clock"
WRONG_CREDENTIALS = (4, 5)  # CONNACK codes; MQTT 3.1.1, section 3.2.2.3


class Device:
    """One device with one application.

    ``records`` are what the store holds (``config``, ``reboot``, ``telemetry``); ``random()`` gives
    0.0 to 1.0; ``keep_alive`` is in seconds; ``now`` is when the device started.
    ``information`` and ``waiting`` are what the board file says of the board and of
    telemetry that waits: {"capacity": messages, "bytes": of them, "disk": bytes kept across
    restarts}. ``safe``: in safe mode, in which no configuration is applied.
    """

    # Most devices have no room for what they do not use.
    backlog = observers = reboot = None
    inputs = ()  # those of the board file

    def __init__(
        self, app, identity, records, random, keep_alive=60, now=0, information=None, waiting=None, safe=False
    ):
        context = self.context = actions.Context()
        waiting = waiting or {}
        self.app = app
        self.safe = safe
        self.clock = WallClock()
        self.link = Link(random, now, not identity.certified)
        self.liveness = Liveness(keep_alive)
        self.twin = Twin(context)
        self.reports = Reports(context)
        self.configuration = Configuration(records.get("config") or app.config, context)
        self.board = Board(context, information)
        self._rebooted = records.get("reboot"), now
        if self._rebooted[0]:
            self._load_reboot()
        self.tasks = Tasks(context)
        self.methods = Methods(app.methods, self.board, self.tasks, context)
        if app.desired_handlers or app.on_message:
            from .observers import Observers

            self.observers = Observers(app.desired_handlers, self.board, self.tasks, context)
        self.writables = Writables(app.writables, self.board, self.tasks, context)
        self.telemetry = Telemetry(self.clock, context, waiting.get("capacity"), waiting.get("bytes"))
        self.sensor = Sensor(context)
        self.sampler = Sampler(
            app.samples, self.board, self.sensor, self.telemetry, self.configuration, context
        )
        self.move(identity)
        if "disk" in waiting:
            from .backlog import Backlog

            self.backlog = Backlog(
                self.telemetry, self.clock, records.get("telemetry"), waiting["disk"], context
            )
        for name in app.inputs:
            if name not in self.inputs:
                context.complain("the board file has no input " + name)
        self.problem = None  # of the last connection, to be reported on the next

    def move(self, identity):
        """Be this device of this hub from now on, with all that it holds. There is no connection."""
        self.identity = identity
        self.telemetry.device_id = identity.device_id
        self.subscriptions = topics.SUBSCRIPTIONS
        if self.app.on_message:
            self.subscriptions += (topics.DEVICEBOUND % identity.device_id,)

    # --- what happened

    def on_time(self, utc, now):
        """The time is known: ``utc`` in seconds since 1970."""
        late = self.clock.set(utc, now)
        if abs(late) >= JUMP_S:
            self.context.say("warning", "the clock was %d s %s" % (abs(late), "slow" if late > 0 else "fast"))
            self.link.on_jump(late * 1000, now)
        if self.backlog:
            self.backlog.restore(now)

    def on_network(self, now):
        """The network can be used again, or the hub reached."""
        self.link.hurry(now)

    def on_heard(self, now):
        """Bytes came from the hub."""
        self.liveness.heard(now)

    def on_lost(self, error, now):
        """The connection could not be made or was lost, for the reason ``error`` (an error, or a text)."""
        wrong = isinstance(error, HubError) and error.code in WRONG_CREDENTIALS
        reason = str(error) or "out of memory"
        if self.link.fire("lost", now, reason, wrong, wrong and not self.identity.certified):
            wait = (self.link.due - now) / 1000
            self.context.say("warning", "link lost: %s; next try in %.1f s" % (reason, wait))
        if not isinstance(error, str) and getattr(error, "reported", True):
            self.problem = reason
        self.methods.forget()

    def on_message(self, topic, payload, now):
        """A message from the hub; ``payload`` is None when it was too large to take."""
        self.context.utc = self.clock.utc(now)
        try:
            kind, *about = topics.classify(topic) or ()
        except ValueError:
            self.context.complain("ignored a message on a topic of somebody else")
            return
        try:
            self.MESSAGES[kind](self, payload, now, *about)
        except MemoryError:
            self.twin.forget()
            raise

    def on_done(self, action, result, now):
        """An action has been performed."""
        name = action[0]
        if name == "publish" or name == "ping":
            self.liveness.spoke(now)
            if name == "publish" and action[3]:
                self.telemetry.on_published()
        elif name == "read":
            self.sampler.on_reading(result, now)
        elif name == "store":
            self._on_stored(action[1], None)
        elif name == "connect" and self.link.fire("connected", now, "reading the twin"):
            self.liveness.begin(now)
            self.twin.begin()
            self.reports.begin()

    def on_failed(self, action, error, now):
        """An action has not been performed; see actions for ``error``."""
        name = action[0]
        text = str(error) or "out of memory"
        if name in actions.LINE:
            self.telemetry.on_failed()
            if error:
                self.on_lost(error, now)
        elif name == "read":
            self.sampler.on_reading({"failed": text}, now)
        elif name == "store":
            self._on_stored(action[1], text)
        elif name == "reset":
            self._load_reboot().on_refused(text)
        elif name == "led":
            self.context.say("error", "LED: " + text)

    # --- what to do

    def step(self, now):
        """Everything that is due at ``now``; answers the actions, oldest first."""
        self._step_link(now)
        self._go_on(now)
        if self.board.rebooting:
            self._load_reboot().step(now)
        state = self.link.state
        if state in (SYNCING, READY):
            self.twin.step(now)
        if state == READY:
            # The twin first, and then what it was compared with.
            self.reports.step(now)
            self.telemetry.send()
        while self.reports.settled:
            # The hub has answered all that one of these has reported.
            part = {"config": self.configuration, "reboot": self.reboot}.get(self.reports.settled.pop(0))
            if part:
                part.on_reported()
        return self.context.taken()

    def go_on(self, now):
        """As step(), without what asks something of the line: for while an action of it is performed."""
        self._go_on(now)
        return self.context.taken()

    def _go_on(self, now):
        self.context.utc = self.clock.utc(now)
        self.tasks.step(now)
        self.methods.step(now)
        self.board.led.step(now)
        # Also while there is no link: a reading carries its time and may wait.
        self.sampler.step(now)
        if self.backlog:
            self.backlog.step(now, self.link.state == READY)

    def due(self, now):
        """The moment (milliseconds) by which step() must be called again."""
        if self.context.actions:
            return now
        times = [self.tasks.due(), self.methods.due(), self.board.led.due(), self.sampler.due()]
        for part in (self.backlog, self.reboot):
            if part:
                times.append(part.due)
        state = self.link.state
        if state == OFFLINE:
            times.append(self.link.due if self.clock.utc(now) else now + CLOCK_MS)
        elif state != CONNECTING:
            times += (self.liveness.due(), self.link.deadline(), self.twin.due())
        if state == READY:
            times += (self.link.renewal(), self.reports.due())
            if self.telemetry.queue and not self.telemetry.under_way:
                return now
        return max(now, min([at for at in times if at is not None] or [now + IDLE_MS]))

    def keep(self):
        """The program ends, as far as that is known before: answers the actions that this needs."""
        if self.backlog:
            self.backlog.keep()
        return self.context.taken()

    # --- messages from the hub

    def _on_method(self, payload, now, name, rid):
        if rid:
            self.methods.call(name, rid, payload, now)
        else:
            self.context.complain("ignored a method call without a request id")

    def _on_desired(self, payload, now, version):
        patch = self.twin.on_desired(version, payload)
        if patch:
            self._observe(patch, now)
            self.writables.on_patch(patch, self.twin.version, now)
            self._configure()

    def _on_twin(self, payload, now, status, rid, version):
        self.reports.on_answer(status, rid, now)
        answer = self.twin.on_answer(status, rid, payload, now)
        if answer is None:
            return
        delta, reported = answer
        self._reconcile(reported, now)
        if delta is not None:
            self._observe(delta, now)
            self.writables.on_twin(self.twin.desired, reported, self.twin.version, now)
            self._configure()

    def _on_cloud_message(self, payload, now, properties):
        if self.app.on_message:
            self.observers.on_message(self.app.on_message, properties, payload, now)

    MESSAGES = {"method": _on_method, "desired": _on_desired, "twin": _on_twin, "message": _on_cloud_message}

    def _observe(self, delta, now):
        if self.observers:
            self.observers.on_change(delta, self.twin.desired, now)

    def _configure(self):
        if not self.safe:
            self.configuration.on_desired(self.twin.desired)

    def _reconcile(self, reported, now):
        # The twin was read: report what the hub does not know yet; with an empty ``reported`` that is all of it.
        if self.link.fire("synced", now, "ready"):
            self.context.say("info", "ready: %s on %s" % (self.identity.device_id, self.identity.host))
        own = {}
        if not self.safe:
            own["safeMode"] = None
            self.configuration.reconcile(reported)
        self.sensor.reconcile(reported)
        if self.reboot:
            self.reboot.report(now)
        if self.telemetry.dropped:
            own["droppedMessages"] = self.telemetry.dropped
        self.context.report("device", missing(own, reported))
        if self.problem:
            self.context.admit(self.problem)
            self.problem = None
        if self.app.properties:
            try:
                self.context.report(
                    "app", missing(self.context.call("properties", self.app.properties, self.board), reported)
                )
            except (Exception, SystemExit) as error:
                self.context.failed("properties", error)

    def _load_reboot(self):
        if not self.reboot:
            from .reboot import Reboot

            self.reboot = Reboot(*self._rebooted, self.context)
        return self.reboot

    # --- the link

    def _on_stored(self, name, error):
        if error:
            self.context.say("error", "could not store %s: %s" % (name, error))
        if name == "config":
            self.configuration.on_stored(error, self.twin.desired)
        elif name == "telemetry" and self.backlog:
            self.backlog.on_stored(error)

    def _step_link(self, now):
        state = self.link.state
        if state == OFFLINE:
            utc = self.clock.utc(now)
            if self.link.abandoned(now):
                self.context.act(actions.reset("no connection to the hub for hours", False))
            elif utc is None:
                if self.link.reason != NO_CLOCK:
                    self.link.reason = NO_CLOCK
                    self.context.say("warning", "%s: no token can be signed before it is set" % NO_CLOCK)
            elif now >= self.link.due:
                username = self.identity.username(self.app.model_id)
                self.context.act(actions.connect(username, int(utc) + TOKEN_S))
                self.link.fire("due", now, "connecting")
            return
        if state == CONNECTING:
            return
        verdict = self.liveness.verdict(now)
        if verdict == SILENT:
            self._drop("the hub fell silent", now)
        elif self.link.overdue(now):
            self._drop("the hub did not answer the twin request", now)
        elif self.link.stale(now) and not self.telemetry.under_way:
            self.context.say("info", "renewing the token")
            self.context.act(actions.disconnect())
            self.methods.forget()
            self.link.fire("renew", now, "renewing the token")
            self._step_link(now)
        elif verdict == QUIET:
            self.liveness.asked(now)
            self.context.act(actions.ping())

    def _drop(self, reason, now):
        self.context.act(actions.disconnect())
        self.on_lost(reason, now)
