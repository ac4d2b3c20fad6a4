"""Jobs at work: each waits for its start and its turn, finds its devices, and does its part on each of them.

===========  ================================  =======================================================
state        leaves it                         for
===========  ================================  =======================================================
scheduled    at its start                      queued
queued       when fewer than RUNNING run       running, or failed if its condition is none
running      when each part has ended, or at   completed, however many parts failed
             maxExecutionTimeInSeconds
any of them  when it is cancelled              cancelled; a part that had begun may still happen
===========  ================================  =======================================================

The devices are those that fulfil the condition when the job begins to run. A method's part waits until its
device is connected and listens; one that was under way when the hub went down is called again.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from .. import throttles
from ..access.identities import check_etag, invalid
from ..devices.device import Device
from ..errors import HubError
from ..ports import MethodResult
from ..queries.query import fulfils
from ..queries.tree import parse_condition
from ..sessions.parts import Parts
from ..timers import Timer
from .job import CANCELED, CANCELLED, COMPLETED, ENDED, FAILED, PENDING, QUEUED, RUNNING, Job, order_of
from .portions import LOOKS, PAUSE_S, PORTION, Portions
from .result import Result, Results, error_of

MAX_RUNNING = 10  # of an S3 hub; with throttles, 1 as of an S1 hub, and one more is refused
LATE = "The job did not start within specified period: either device did not come online or invalid endTime specified."
UNANSWERED = "The device had not answered when maxExecutionTimeInSeconds was over."


class Runs:
    """The jobs of one hub that have not ended. ``save`` keeps a job or a part, and tells where it cannot."""

    def __init__(self, parts: Parts, results: Results, save: Callable[[Job | Result], None]):
        self._parts = parts
        self._results = results
        self._save = save
        self._queue: deque[Job] = deque()
        self._running: deque[Job] = deque()
        self._ends: dict[str, Timer] = {}
        self._unsaved: deque[Result] = deque()  # of those that ended all at once
        self._portions = Portions(parts.clock, parts.timers, self._work)

    @property
    def any(self) -> bool:
        """Whether one runs or waits for its turn."""
        return bool(self._queue or self._running)

    # --- their states

    def cancel(self, job: Job) -> None:
        """End a job before its time."""
        left = self._left(job)
        self.end(job, CANCELLED)
        for result in left:
            self._end_part(result, CANCELED, save=self._unsaved.append)

    def expect(self, job: Job) -> None:
        """Run a job at its start, when it is its turn."""
        wait = job.start - self._parts.clock.utc()
        if wait > 0:
            self._parts.timers.at(self._parts.clock.monotonic() + wait, lambda: self._due(job))
        else:
            self._due(job)

    def _due(self, job: Job) -> None:
        if job.status in ENDED:
            return
        if self._parts.clock.utc() < job.start - PAUSE_S:
            self.expect(job)  # the wall clock was set back since
            return
        job.status = QUEUED
        self._queue.append(job)
        self._portions.wake()

    def _begin(self, job: Job) -> None:
        try:
            job.source = parse_condition(job.condition).source
            if job.source not in self._parts.twins:
                raise invalid("A job is for devices or modules.")
        except HubError as error:
            self.end(job, FAILED, f"SQL query parse failed due to following errors: {error.message}")
            return
        job.status = RUNNING
        self._save(job)
        job.candidates.extend(self._parts.twins[job.source].order)
        self.go_on(job)

    def go_on(self, job: Job) -> None:
        """Run a job, as far as it is not done."""
        self._running.append(job)
        left = max(0.0, job.start + job.duration - self._parts.clock.utc())
        self._ends[job.id] = self._parts.timers.at(
            self._parts.clock.monotonic() + left, lambda: self._time_is_over(job)
        )
        self._check_end(job)
        self._portions.wake()

    def _time_is_over(self, job: Job) -> None:
        job.candidates.clear()
        job.targets = job.targets if job.targets is not None else [*job.results]
        for result in self._left(job):
            error = HubError("GatewayTimeout", UNANSWERED)
            if result.state() == PENDING:
                error = HubError("JobRunPreconditionFailed", LATE)
            self._end_part(result, FAILED, error=error_of(error), save=self._unsaved.append)
        self.end(job, COMPLETED)

    def end(self, job: Job, status: str, failure: str | None = None) -> None:
        """It is over."""
        if job.status in ENDED:
            return
        job.status, job.failure, job.ended = status, failure, self._parts.clock.utc()
        job.candidates.clear()
        job.waiting.clear()
        for jobs in (self._queue, self._running):
            if job in jobs:
                jobs.remove(job)
        if timer := self._ends.pop(job.id, None):
            timer.cancel()
        self._save(job)
        self._portions.wake()

    # --- their work

    def _work(self) -> float | None:
        """One portion of whatever is next, for one job after the other."""
        while self._queue and len(self._running) < MAX_RUNNING:
            self._begin(self._queue.popleft())
        for _ in range(min(PORTION, len(self._unsaved))):
            self._save(self._unsaved.popleft())
        for _ in range(len(self._running)):
            job = self._running[0]
            self._running.rotate(-1)
            if job.targets is None:
                self._look(job)
                return 0
            if job.waiting:
                return self._act(job)
        return 0 if self._unsaved else None

    def _look(self, job: Job) -> None:
        """Find the next of its devices."""
        twins, now = self._parts.twins[job.source], self._parts.clock.utc()
        query = parse_condition(job.condition)
        for _ in range(min(LOOKS, len(job.candidates))):
            device = twins.get(job.candidates.popleft())
            if device is not None and fulfils(query, device):
                self.add(job, Result(job, device, now))
        if not job.candidates:
            job.targets = [*job.results]
            self._save(job)
            self._check_end(job)

    def add(self, job: Job, result: Result) -> None:
        """A part that is to be done."""
        job.results[result.key] = result
        job.waiting.append(result)
        job.unfinished += 1
        self._results.add(result)

    def _act(self, job: Job) -> float:
        """Do some of its parts; the pause before the next."""
        for _ in range(min(PORTION, len(job.waiting))):
            if wait := self._parts.throttles.wait(throttles.JOB_DEVICES):
                return wait
            self._part(job, job.waiting.popleft())
            if job.status in ENDED:
                break
        return 0

    def _part(self, job: Job, result: Result) -> None:
        device = self._parts.twins[job.source].get(result.key)
        try:
            if device is None:
                raise HubError("DeviceNotFound", "The device was deleted before the job came to it.")
            if job.update is not None:
                self._update(device, job.update)
                self._end_part(result, COMPLETED, {"deviceMethodResponse": None})
            else:
                self._call(job, result, device)
        except HubError as error:
            self._end_part(result, FAILED, error=error_of(error))

    def _update(self, device: Device, update: dict[str, Any]) -> None:
        check_etag(update.get("etag"), device.twin.etag, "twin")
        change = self._parts.write_twin(device, lambda twin, time: twin.patch(update, time))
        self._parts.tell_desired(device, change)

    def _call(self, job: Job, result: Result, device: Device) -> None:
        def done(outcome: MethodResult | HubError) -> None:
            if isinstance(outcome, MethodResult):
                answer = {"status": outcome.status, "payload": outcome.payload}
                self._end_part(result, COMPLETED, {"deviceMethodResponse": answer})
            else:
                away = outcome.name == "DeviceNotOnline"
                error = HubError("JobRunPreconditionFailed", LATE) if away else outcome
                self._end_part(result, FAILED, error=error_of(error))

        result.status = RUNNING
        left = max(1, job.start + job.duration - self._parts.clock.utc())
        # A device that is away may come until the job's time is over.
        call = self._parts.methods.begin(device, order_of(job.method)._replace(connect=left), done)
        if result.status == RUNNING:
            result.call = call

    def _end_part(
        self,
        result: Result,
        status: str,
        outcome: dict[str, Any] | None = None,
        error: dict[str, str] | None = None,
        save: Callable[[Result], None] | None = None,
    ) -> None:
        job = result.job
        if result.status not in (PENDING, RUNNING):
            return  # the job had ended meanwhile
        call, result.call = result.call, None
        result.status, result.outcome, result.error = status, outcome or {}, error
        result.changed = self._parts.clock.utc()
        job.unfinished -= 1
        (save or self._save)(result)
        if call is not None and call in call.device.calls:
            self._parts.methods.give_up(call)
        self._check_end(job)

    def _check_end(self, job: Job) -> None:
        if job.targets is not None and not job.unfinished and job.status == RUNNING:
            self.end(job, COMPLETED)

    def _left(self, job: Job) -> list[Result]:
        return [result for result in job.results.values() if result.status in (PENDING, RUNNING)]
