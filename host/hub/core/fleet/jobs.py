"""The jobs of a hub, as services ask for them, and kept.

Ended jobs are kept for 30 days ("Job history is retained up to 30 days"), 500 of them at most, and the oldest are
forgotten before that where all have more than 100,000 parts.
"""

import base64
import binascii
from collections import deque
from typing import Any

from .. import throttles
from ..access.identities import invalid
from ..errors import HubError
from ..ports import Store
from ..queries.query import Collection
from ..queries.tree import JOBS
from ..sessions.parts import Parts
from .job import ENDED, OTHER_STATES, OTHER_TYPES, QUEUED, RUNNING, SCHEDULED, STATES, TYPES, Job
from .portions import PORTION, Portions
from .result import Result, Results, looker
from .runs import Runs

HISTORY_S = 30 * 24 * 3600
MAX_JOBS = 500
MAX_RESULTS = 100_000


class Jobs:
    """The jobs of one hub. ``stored``: the records of earlier ones."""

    def __init__(self, parts: Parts, store: Store, stored: list[dict[str, Any]]):
        self._parts = parts
        self._store = store
        self._jobs: dict[str, Job] = {}
        self._results = Results()
        self._runs = Runs(parts, self._results, self._save_or_tell)
        self._rubbish: deque[str] = deque()  # records of what is forgotten
        self._portions = Portions(parts.clock, parts.timers, self._sweep)
        parts.collections[JOBS] = Collection(self._results, Result.view, looker, "DeviceJob")
        self._load(stored)

    # --- what services ask

    def create(self, job_id: str, request: Any) -> dict[str, Any]:
        """A new job; 409104 when there is one of that id, whether it has ended or not."""
        self._parts.throttles.spend(throttles.JOBS)
        job = Job(job_id, request, self._parts.clock.utc())
        if job_id in self._jobs:
            raise HubError("JobAlreadyExists", f"There is a job {job_id!r} already; choose another id.")
        if self._parts.throttles.share is not None and self._runs.any:
            raise HubError(
                "ThrottlingMaxActiveJobCountExceeded",
                "One job runs at a time on a hub of this size; create the next when it has ended.",
            )
        self._save(job)
        self._jobs[job_id] = job
        self._forget_old()
        self._runs.expect(job)
        return job.view()

    def get(self, job_id: str) -> dict[str, Any]:
        """The job; 404002 when there is none."""
        self._parts.throttles.spend(throttles.JOBS)
        return self._find(job_id).view()

    def cancel(self, job_id: str) -> dict[str, Any]:
        """End a job before its time; 405102 for one that has ended. What had begun on a device goes on there."""
        self._parts.throttles.spend(throttles.JOBS)
        job = self._find(job_id)
        if job.status in ENDED:
            raise HubError(
                "OperationNotAllowedInCurrentState", f"The job {job_id!r} is {job.status} already."
            )
        self._runs.cancel(job)
        return job.view()

    def query(
        self, kind: str | None, status: str | None, size: int = 100, continuation: str | None = None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """The jobs of a type and in a state, a page of them, and the token of the next page if there is one."""
        self._parts.throttles.spend(throttles.JOBS)
        for name, value, known in (
            ("jobType", kind, TYPES + OTHER_TYPES),
            ("jobStatus", status, STATES + OTHER_STATES),
        ):
            if value and value.lower() not in map(str.lower, known):
                raise invalid(f"{name} must be one of {', '.join(known)}.")
        after = _read_token(continuation)
        found = [
            job
            for job in sorted(self._jobs.values(), key=lambda job: job.id)
            if job.id > after
            and (not kind or job.type.lower() == kind.lower())
            and (not status or job.status.lower() == status.lower())
        ]
        token = base64.urlsafe_b64encode(found[size - 1].id.encode()).decode() if len(found) > size else None
        return [job.view() for job in found[:size]], token

    # --- keeping

    def _find(self, job_id: str) -> Job:
        job = self._jobs.get(job_id)
        if job is None:
            raise HubError(
                "JobNotFound", f"There is no job {job_id[:64]!r}; one is kept for 30 days after its end."
            )
        return job

    def _save(self, job: Job | Result) -> None:
        try:
            self._store.save(job.record())
        except Exception as error:  # of whatever store
            raise HubError(
                "ServerError", f"The hub could not store the job ({error}); make room on the hub's disk."
            ) from error

    def _save_or_tell(self, job: Job | Result) -> None:
        try:
            self._save(job)
        except HubError as error:
            self._parts.tell_store_failed("", str(error))

    def _load(self, stored: list[dict[str, Any]]) -> None:
        parts = [record for record in stored if record["id"].count("/") > 2]
        for record in stored:
            if record["id"].count("/") == 2:
                job = Job.from_record(record)
                self._jobs[job.id] = job
        for record in parts:
            job = self._jobs.get(record["id"].split("/")[2])
            if job is None:
                self._rubbish.append(record["id"])
                continue
            result = Result.from_record(job, record)
            job.results[result.key] = result
            self._results.add(result)
        for job in sorted(self._jobs.values(), key=lambda job: (job.start, job.created)):
            self._go_on(job)
        self._forget_old()
        if self._rubbish:
            self._portions.wake()

    def _go_on(self, job: Job) -> None:
        """With a job that had not ended when the hub did."""
        if job.status in (SCHEDULED, QUEUED):
            self._runs.expect(job)
        elif job.status == RUNNING:
            twins = self._parts.twins[job.source]
            if job.targets is None:
                job.candidates.extend(twins.order)
            for key in job.targets or ():
                device = twins.get(key)
                if key not in job.results and device is not None:
                    self._runs.add(job, Result(job, device, self._parts.clock.utc()))
            self._runs.go_on(job)

    def _sweep(self) -> float | None:
        try:
            for _ in range(min(PORTION, len(self._rubbish))):
                self._store.delete(self._rubbish[0])
                self._rubbish.popleft()
        except Exception as error:  # of whatever store; it is tried again when the next job is forgotten
            self._parts.tell_store_failed(
                "", f"old jobs could not be removed ({error}); make room on the disk"
            )
            return None
        return 0 if self._rubbish else None

    def _forget_old(self) -> None:
        ended = sorted((job.ended, job.id) for job in self._jobs.values() if job.ended is not None)
        oldest, too_many = self._parts.clock.utc() - HISTORY_S, len(self._jobs) - MAX_JOBS
        for number, (when, job_id) in enumerate(ended):
            if when < oldest or number < too_many or len(self._results) > MAX_RESULTS:
                job = self._jobs.pop(job_id)
                self._results.drop(job)
                self._rubbish.extend(f"/jobs/{result.id}" for result in job.results.values())
                self._rubbish.append(f"/jobs/{job_id}")
        if self._rubbish:
            self._portions.wake()


def _read_token(text: str | None) -> str:
    try:
        return base64.urlsafe_b64decode((text or "").encode("ascii")).decode("ascii")
    except (binascii.Error, ValueError):
        raise invalid("The continuation token is not one of this query.") from None
