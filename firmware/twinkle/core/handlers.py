"""An application's handlers: direct methods and writable properties.

A handler may be a plain function or a generator. A generator yields seconds to be continued
later, or an answer to be sent at once while it goes on; what it returns is its last answer.
Nothing here waits: the device calls step() with the time, and everything that is due runs.

Direct methods. Each request gets exactly one answer ("Understand and invoke direct methods from
IoT Hub"):

    status  when
    200     the handler returned (with its payload), unless it chose another
    400     the payload is not JSON, or the handler raised BadRequest
    404     there is no such method
    413     the payload is larger than this device takes
    429     too many handlers are under way
    500     the handler failed; the payload says how
    504     the handler did not answer within the deadline; it goes on, its late
            answer is dropped

A request id belongs to one connection: after a reconnect the answers to older requests have
nobody to go to and are dropped. A request that comes twice is run and answered once.

Writable properties (IoT Plug and Play conventions). A handler gets a desired value and the
property is reported as

    {"value": v, "ac": code, "av": version, "ad": text}

with ``ac`` 200 when it is in force, 400 when the handler refused it (then ``value`` is the one
still in force), 500 when the handler failed, and 203 with version 0 for the device's own value at
the first start. A desired null is reported as null. A component's property stands under the
component's name. The version acknowledged is that of the desired document; when a newer value
arrives while a handler is still at work, the older work is stopped and only the newer one is
acknowledged.
"""

from . import actions, topics
from .document import decode, encode, find, refused, wrap
from .errors import BadRequest

MAX_TASKS = 8  # handlers under way at once; more are refused, not queued
DEADLINE_MS = 25000  # for a method's answer, under the 30 s a caller waits unless it says otherwise
REMEMBERED = 16  # request ids that were answered, in case one comes again
LARGEST = 131072  # bytes of one answer; the hub's limit


class Tasks:
    """The generators under way.

    Whoever starts one is its ``owner`` and hears ``on_answer(key, value, error, final)`` for each
    of its answers; ``error`` is the exception that ended it, SystemExit among them: an application does not end the
    program, but a person's Ctrl-C does. ``key`` is the owner's name for it.
    """

    def __init__(self, context):
        self._context = context
        self._running = []  # [when it goes on, generator, owner, key, what it is called]

    def start(self, now, owner, key, what, handler, *arguments):
        """Call a handler: what it returns is the answer, or a generator to run. BadRequest when there are too many."""
        try:
            if len(self._running) >= MAX_TASKS:
                raise BadRequest("too much is under way; try again later", 429)
            result = self._context.call(what, handler, *arguments)
        except (Exception, SystemExit) as error:
            owner.on_answer(key, None, error, True)
            return
        if not hasattr(result, "send"):
            owner.on_answer(key, result, None, True)
            return
        task = [now, result, owner, key, what]
        if self._advance(task, now):
            self._running.append(task)

    def stop(self, key):
        """End every task that was started under ``key``; unanswered, unless it will not end."""
        for task in list(self._running):
            if task[3] == key:
                self._running.remove(task)
                try:
                    task[1].close()
                except (Exception, SystemExit) as error:
                    task[2].on_answer(key, None, error, True)

    def step(self, now):
        """Run what is due."""
        for task in list(self._running):
            # An earlier task of this round may have stopped this one.
            if task[0] <= now and task in self._running and not self._advance(task, now):
                self._running.remove(task)

    def due(self):
        """When the next task goes on, or None."""
        return min([t[0] for t in self._running] or [None])

    def _advance(self, task, now):
        # True while the generator is to be continued.
        _, handler, owner, key, what = task
        try:
            value = self._context.call(what, next, handler)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                task[0] = now + int(value * 1000)  # an error for what is not finite
            else:
                # It goes on in the next step: one that answers for ever must not keep all else waiting.
                owner.on_answer(key, value, None, False)
            return True
        except StopIteration as end:
            owner.on_answer(key, end.value, None, True)
        except (Exception, SystemExit) as error:
            owner.on_answer(key, None, error, True)
        return False


class Methods:
    """Runs the handlers of direct methods, functions of ``(board, payload)`` by their names."""

    def __init__(self, handlers, board, tasks, context):
        self._handlers = handlers
        self._board = board
        self._tasks = tasks
        self._context = context
        self._open = {}  # request id -> (name, deadline, caller)
        self._answered = []

    def forget(self):
        """The connection is gone, and with it everybody at the hub who waited for an answer."""
        for rid in list(self._open):
            if self._open[rid][2] is None:
                del self._open[rid]
        self._answered = []

    def call(self, name, rid, body, now, caller=None):
        """Run one request; ``body`` is its raw payload, None when it was too large.

        The answer goes to the hub, or to ``caller.on_answered(status, body)``.
        """
        if caller is None and (rid in self._open or rid in self._answered):
            self._context.say("warning", "the call of %s came twice; it is run once" % name)
            return
        self._open[rid] = (name, now + DEADLINE_MS, caller)
        self._tasks.start(now, self, (rid, name), "method " + name, self._run, name, body)

    def step(self, now):
        """Answer for handlers that are past their deadline."""
        for rid, (name, deadline, _) in list(self._open.items()):
            if now >= deadline:
                self._reply(rid, (504, {"error": "%s did not answer in time; it goes on" % name}))

    def due(self):
        """The next deadline, or None."""
        return min([deadline for _, deadline, _ in self._open.values()] or [None])

    def on_answer(self, key, value, error, final):
        """A handler has answered; see Tasks."""
        rid, name = key
        if isinstance(error, BadRequest):
            value, error = (error.status, {"error": error.text}), None
        error = error or self._reply(rid, value)
        if error:
            self._reply(rid, (500, {"error": self._context.failed("method " + name, error)}))

    def _run(self, name, body):
        handler = self._handlers.get(name)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            raise BadRequest("no method %s; there are: %s" % (name, known), 404)
        return handler(self._board, None if body == b"" else decode(body))

    def _reply(self, rid, value):
        # Why it cannot be sent, or None; one that is too late is dropped.
        if rid not in self._open:
            return None
        status, payload = 200, value
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], int):
            status, payload = value
        if not 100 <= status <= 599:
            return "the status %d is not from 100 to 599" % status
        try:
            body = encode(payload)
        except BadRequest as error:
            return "its answer is not JSON: " + error.text
        except MemoryError as error:
            return error
        if len(body) > LARGEST:
            return "its answer of %d bytes is over the hub's limit" % len(body)
        caller = self._open.pop(rid)[2]
        if caller:
            caller.on_answered(status, body)
        else:
            self._context.act(actions.publish(topics.METHOD_ANSWER % (status, rid), body))
            self._answered = self._answered[-REMEMBERED:] + [rid]
        return None


class Writables:
    """Runs the handlers of writable properties and reports the acknowledgements.

    ``handlers`` maps ``(component or None, name)`` to ``(handler, initial value, text
    when done)``.
    """

    def __init__(self, handlers, board, tasks, context):
        self._handlers = handlers
        self._board = board
        self._tasks = tasks
        self._context = context
        self._in_force = {key: initial for key, (_, initial, _) in handlers.items() if initial is not None}
        self._asked = {}  # key -> (value, version) that was given to its handler last
        self._applied = {}  # key -> version whose value is in force since this start

    def on_patch(self, patch, version, now):
        """A change was notified: every writable member in it is applied and acknowledged."""
        for key in self._handlers:
            value, found = _look(patch, key)
            if found:
                self._apply(key, value, version, now)

    def on_twin(self, desired, reported, version, now):
        """The twin was read: apply what has not been acknowledged at this version."""
        for key, (_, initial, _) in self._handlers.items():
            value, found = _look(desired, key)
            known = _look(reported, key)[0]
            acknowledged = known.get("av") if isinstance(known, dict) else None
            if found:
                if acknowledged != version or self._applied.get(key) != version:
                    self._apply(key, value, version, now)
            elif acknowledged:
                self._apply(key, None, version, now)
            elif known is None and initial is not None and key in self._in_force:
                self._tell(key, self._in_force[key], 203, 0, "initialize")

    def on_answer(self, key, result, error, final):
        """A handler has answered; see Tasks."""
        if not final:
            return
        value, version = self._asked[key]
        self._applied[key] = version
        code, text = 200, self._handlers[key][2]
        if error is None and result is not None:
            value = result
            error = refused(key[1], value)
        if error is None:
            self._in_force[key] = value
        elif isinstance(error, BadRequest):
            code, text = error.status, error.text
        else:
            code, text = 500, self._context.failed("writable " + key[1], error)
        self._tell(key, self._in_force.get(key), code, version, text)

    def _apply(self, key, value, version, now):
        if isinstance(value, dict) and list(value) == ["value"]:
            value = value["value"]  # a form that IoT Central uses
        self._tasks.stop(key)
        if value is None:
            self._in_force.pop(key, None)
            self._report(key, None)
            return
        self._asked[key] = value, version
        self._tasks.start(now, self, key, "writable " + key[1], self._handlers[key][0], self._board, value)

    def _tell(self, key, value, code, version, text):
        self._report(key, {"value": value, "ac": code, "av": version, "ad": text})

    def _report(self, key, value):
        self._context.report("app", wrap(key[0], {key[1]: value}))


def _look(document, key):
    # A component that was deleted whole deletes each of its members.
    component, name = key
    if component is None:
        return find(document, name)
    value, found = find(document, component)
    return (None, found) if value is None else find(value, name)
