"""An input: from the edges of a line, in their times, to changes of a value. Loaded where a board file names one.

A contact that closes or opens bounces: its line goes up and down for some milliseconds. A change counts when the line
has then been quiet for ``debounce`` milliseconds; what is over before that was none. Edges carry their moments, so it
does not matter when they are told: two presses during a long wait are two.
"""

DEBOUNCE_MS = 20

# What the line is: settled on the value, or away from it for a while.
STILL, AWAY = range(2)
# What happens: an edge to another value than the settled one, or back to that; or it was quiet for long enough.
LEAVES, RETURNS, QUIET = range(3)
# From what it is and what happens: what it is then, and what to do about it.
TABLE = {
    (STILL, LEAVES): (AWAY, "wait"),
    (AWAY, LEAVES): (AWAY, "wait"),
    (AWAY, RETURNS): (STILL, "forget"),
    (AWAY, QUIET): (STILL, "settle"),
}


class Input:
    """One input, as its board file has it. ``value``: whether it is active; None until that is known."""

    def __init__(self, about):
        self.value = None
        self._low = about.get("active", "low" if about.get("pull", "up") == "up" else "high") == "low"
        self._debounce = about.get("debounce", DEBOUNCE_MS)
        self._event = about.get("event", "change")
        self._state = STILL
        self._next = None  # the value when it is quiet
        self._due = None

    def on_edge(self, level, at):
        """The line has had this level (0 or 1) since ``at``; the changes until then, as of step()."""
        changes = self.step(at)
        value = bool(level) != self._low
        if self._fire(RETURNS if value == self.value else LEAVES) == "wait":
            self._next, self._due = value, at + self._debounce
        return changes

    def step(self, now):
        """The changes that are to be told by ``now``: at most one ``(value, the moment it counts from)``, in a list."""
        at = self._due
        if at is None or at > now:
            return []
        self._fire(QUIET)
        first, self.value = self.value is None, self._next
        told = (
            self._event == "level"
            if first
            else self._event in ("level", "change", "on" if self.value else "off")
        )
        return [(self.value, at)] if told else []

    def due(self):
        """When to call step() (milliseconds), or None."""
        return self._due

    def _fire(self, event):
        self._state, what = TABLE.get((self._state, event), (self._state, None))
        if what != "wait":
            self._due = None
        return what
