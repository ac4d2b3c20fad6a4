"""The technician's console: a verb a line, while twin and methods go on.

Lines are answered one after the other, in their order. An answer is lines
``name: value``, and then ``ok``, or ``err CODE what to do``; the codes are those of
direct methods. A line that ends in ``--json`` is answered by one line of JSON
instead: ``{"ok": true, "result": …}`` or ``{"ok": false, "code": …, "error": …}``.

The console speaks with the rim as a device does: on_line() and on_done() go in,
step(now) answers with actions. ``("print", text)`` is a line to show; ``("do", what,
*arguments)`` asks for something only the rim can do and ends in on_done(); ``("reset",
reason)`` restarts the device. It is loaded when somebody types: a device in a
basement nobody visits does not carry it.
"""

import json

from .errors import BadRequest
from .verbs import Verbs

LONGEST_LINE = 512  # characters
MOST_WAITING = 8  # lines that were typed while an earlier one is being answered


class Console:
    """Answers lines about ``device``, a Device or one that is yet to be provisioned."""

    def __init__(self, device):
        self._verbs = Verbs(device, self)
        self._waiting = []
        self._actions = []
        self._json = False  # how the line under way is answered
        self._busy = False
        self._then = None  # what to make of what the rim has done

    def on_line(self, line):
        """A technician typed a line."""
        line = line.strip()
        if not line:
            return
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)
        else:
            self._refuse(429, "too many lines at once; wait for the answers", line.endswith("--json"))

    def on_done(self, result, error=None):
        """The rim has done what it was asked for, or could not, for the reason ``error`` (a TwinkleError)."""
        if error:
            self.fail(getattr(error, "status", 500), str(error))
            return
        try:
            result = self._then(result)
        except BadRequest as refused:
            self.fail(refused.status, refused.text)
            return
        if result is not None:
            self.finish(result)

    def step(self, now):
        """Answer what can be answered; the actions."""
        while self._waiting and not self._busy:
            self._run(self._waiting.pop(0), now)
        actions, self._actions = self._actions, []
        return actions

    def due(self):
        """Whether step() has something to do."""
        return bool(self._actions or (self._waiting and not self._busy))

    # --- for the verbs

    def ask(self, what, *arguments, then=lambda result: result):
        """Have the rim do something. ``then(result)`` answers the line's result, or None to go on."""
        self._then = then
        self.act("do", what, *arguments)

    def act(self, *action):
        """Queue an action."""
        self._actions.append(action)

    def finish(self, result):
        """The line under way is answered: a list of lines, or of pairs of name and value."""
        self._busy = False
        pairs = bool(result) and isinstance(result[0], tuple)
        if self._json:
            self._print_json({"ok": True, "result": dict(result) if pairs else result})
        else:
            self._show(result)
            self.act("print", "ok")

    def fail(self, status, text, result=None):
        """The line under way is refused, or failed; ``result``: the pairs that are known all the same."""
        self._busy = False
        self._refuse(status, text, self._json, result)

    # --- the rest

    def _run(self, line, now):
        self._json = line.endswith("--json")
        verb, _, rest = (line[:-6] if self._json else line).strip().partition(" ")
        self._busy = True
        try:
            if len(line) > LONGEST_LINE:
                raise BadRequest("the line is longer than %d characters" % LONGEST_LINE, 413)
            if verb in Verbs.WITH_WORDS:
                result = Verbs.WITH_WORDS[verb](self._verbs, rest.strip(), now)
            elif verb not in Verbs.ALONE:
                raise BadRequest("there is no such verb; type help", 404)
            elif rest:
                raise BadRequest(verb + " takes no more words")
            else:
                result = Verbs.ALONE[verb](self._verbs, now)
        except BadRequest as error:
            self.fail(error.status, error.text)
            return
        if result is not None:
            self.finish(result)

    def _refuse(self, status, text, as_json, result=None):
        if as_json:
            answer = {"ok": False, "code": status, "error": text}
            if result:
                answer["result"] = dict(result)
            self._print_json(answer)
        else:
            self._show(result or [])
            self.act("print", "err %d %s" % (status, text))

    def _show(self, result):
        for line in result:
            if isinstance(line, tuple):
                line = "%s: %s" % (line[0], line[1] if isinstance(line[1], str) else json.dumps(line[1]))
            self.act("print", line)

    def _print_json(self, answer):
        self.act("print", json.dumps(answer))
