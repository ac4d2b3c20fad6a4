"""Handlers that take their time, without threads.

A handler may be a plain function or a generator. A generator yields seconds
to be continued later, or an answer to be sent at once while it goes on; what
it returns is its last answer. Nothing here waits: the device core calls step()
with the time, and everything that is due runs.
"""

MAX_TASKS = 8  # handlers under way at once; more are refused, not queued


class Tasks:
    """The generators under way, each with when it goes on and whom it answers."""

    def __init__(self):
        self._running = []

    def start(self, result, now, answer, key=None):
        """Begin with what a handler gave: a generator to run, or the answer itself.

        ``answer(value, error, final)`` hears each answer; ``error`` is the exception
        that ended the handler. ``key`` names the task so that stop() finds it.
        """
        if not hasattr(result, "send"):
            answer(result, None, True)
            return
        task = [now, result, answer, key]
        if self._advance(task, now):
            self._running.append(task)

    def full(self):
        """True when no further handler may begin."""
        return len(self._running) >= MAX_TASKS

    def stop(self, key):
        """End every task that was started under ``key``, unanswered."""
        for task in [t for t in self._running if t[3] == key]:
            self._running.remove(task)
            task[1].close()

    def step(self, now):
        """Run what is due."""
        for task in [t for t in self._running if t[0] <= now]:
            # An earlier task of this round may have stopped this one.
            if task in self._running and not self._advance(task, now):
                self._running.remove(task)

    def due(self):
        """When the next task goes on, or None."""
        return min([t[0] for t in self._running]) if self._running else None

    def _advance(self, task, now):
        # True while the generator is to be continued.
        _, handler, answer, _ = task
        while True:
            try:
                value = next(handler)
            except StopIteration as end:
                answer(end.value, None, True)
                return False
            except Exception as error:
                answer(None, error, True)
                return False
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                task[0] = now + int(value * 1000)
                return True
            answer(value, None, False)
