"""A job as it is asked for, stored and shown.

IoT Hub developer guide, "Schedule jobs on multiple devices"; the models JobRequest, JobResponse and
DeviceJobStatistics of the REST reference.
"""

import re
from collections import Counter, deque
from typing import Any

from .. import jsontext
from ..access.identities import invalid
from ..sessions.methods import Order, read_order
from ..times import NEVER, iso, moment
from ..twins.twin import Twin

UPDATE_TWIN, DEVICE_METHOD = TYPES = ("scheduleUpdateTwin", "scheduleDeviceMethod")
# Of a job. From QUEUED it is waiting for its turn.
SCHEDULED, QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED = STATES = (
    *("scheduled", "queued", "running", "completed", "failed", "cancelled"),
)
# What the model JobResponse knows beside, and no job of this hub is: services may ask for it, and find none.
OTHER_TYPES = tuple(
    "unknown export import backup readDeviceProperties writeDeviceProperties updateDeviceConfiguration rebootDevice "
    "factoryResetDevice firmwareUpdate restoreFromBackup failoverDataCopy".split()
)
OTHER_STATES = ("unknown", "enqueued")
ENDED = frozenset((COMPLETED, FAILED, CANCELLED))
# Of its part on a device, beside RUNNING, COMPLETED and FAILED.
PENDING, CANCELED = "pending", "canceled"

_ID = re.compile(r"[A-Za-z0-9\-]{1,64}")
DEFAULT_DURATION_S = 3600  # npm azure-iothub's defaultMaxExecutionTimeInSeconds
MAX_DURATION_S = 2**31 - 1
MAX_CONDITION = 8192  # characters; the query has no more


def check_job_id(job_id: str) -> None:
    """ "64 characters or less and can only contain US-ASCII letters, numbers, and the dash"; 400004 else."""
    if not _ID.fullmatch(job_id):
        raise invalid("A job's id is 1 to 64 ASCII letters, digits and dashes.")


class Job:
    """One job. ``request``: what was asked for; ``start`` and others: seconds since 1970; ``duration``: seconds.

    While it runs: ``candidates`` are ids still to be looked at, ``waiting`` the parts to be begun, and
    ``results`` all parts by their key, see the module result.
    """

    def __init__(self, job_id: str, request: Any, now: float):
        check_job_id(job_id)
        if not isinstance(request, dict):
            raise invalid("The body of a job must be a JSON object.")
        named = request.get("jobId")
        if named is not None and named != job_id:
            raise invalid(f"The body names another job than the address, {job_id!r}; make them equal.")
        self.id = job_id
        self.type: str = request.get("type")
        self.condition: str = request.get("queryCondition")
        if self.type not in TYPES:
            raise invalid(f"The member 'type' must be one of {', '.join(TYPES)}.")
        if not isinstance(self.condition, str) or not 0 < len(self.condition) <= MAX_CONDITION:
            raise invalid(f"The member 'queryCondition' must be text of 1 to {MAX_CONDITION} characters.")
        self.duration = _duration(request.get("maxExecutionTimeInSeconds"))
        self.start = _start(request.get("startTime"), now)
        self.update: dict[str, Any] | None = None
        self.method: dict[str, Any] | None = None
        if self.type == UPDATE_TWIN:
            self.update = _update(request.get("updateTwin"))
        else:
            self.method = request.get("cloudToDeviceMethod")
            order_of(self.method)
        self.created = now
        self.ended: float | None = None
        self.status = SCHEDULED if self.start > now else QUEUED
        self.failure: str | None = None
        self.source = ""
        self.targets: list[str] | None = None  # None until all were looked at
        self.candidates: deque[str] = deque()
        self.waiting: deque[Any] = deque()
        self.results: dict[str, Any] = {}
        self.unfinished = 0  # parts that have not ended
        self._told: dict[str, int] | None = None  # the statistics of a job that has ended

    def view(self) -> dict[str, Any]:
        """The job as REST answers it."""
        view = {
            "jobId": self.id,
            "queryCondition": self.condition,
            "createdTime": iso(self.created),
            "startTime": iso(self.start),
            "maxExecutionTimeInSeconds": self.duration,
            "type": self.type,
            "status": self.status,
            "deviceJobStatistics": dict(self._statistics()),
        }
        for name, value in (("updateTwin", self.update), ("cloudToDeviceMethod", self.method)):
            if value is not None:
                view[name] = jsontext.copy(value)
        if self.ended is not None:
            view["endTime"] = iso(self.ended)
        if self.failure is not None:
            view["failureReason"] = view["statusMessage"] = self.failure
        return view

    def _statistics(self) -> dict[str, int]:
        if self._told is not None:
            return self._told
        states = Counter(result.state() for result in self.results.values())
        told = {
            "deviceCount": len(self.results),
            "failedCount": states[FAILED] + states[CANCELED],
            "succeededCount": states[COMPLETED],
            "runningCount": states[RUNNING],
            "pendingCount": states[PENDING],
        }
        if self.status in ENDED:
            self._told = told
        return told

    def record(self) -> dict[str, Any]:
        """What the store keeps, without the parts."""
        names = ("type", "condition", "duration", "start", "update", "method", "created", "ended", "status")
        more = ("failure", "source", "targets")
        return {"id": f"/jobs/{self.id}", **{name: getattr(self, name) for name in (*names, *more)}}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Job":
        """The job that wrote ``record``, without the parts."""
        job = cls.__new__(cls)
        for name, value in record.items():
            setattr(job, name, value)
        job.id = record["id"].split("/")[2]
        job.candidates, job.waiting, job.results, job.unfinished = deque(), deque(), {}, 0
        job._told = None
        return job


def order_of(method: Any) -> Order:
    """The call that a job makes; 400004 or 413001 when it is none."""
    if not isinstance(method, dict):
        raise invalid("The member 'cloudToDeviceMethod' must be an object with a 'methodName'.")
    return read_order(
        method.get("methodName"),
        method.get("payload"),
        method.get("responseTimeoutInSeconds", 30),
        method.get("connectTimeoutInSeconds", 0),
    )


def _update(twin: Any) -> dict[str, Any]:
    if not isinstance(twin, dict):
        raise invalid("The member 'updateTwin' must be an object with 'tags' and/or 'properties.desired'.")
    etag = twin.get("etag")
    if etag is not None and not isinstance(etag, str):
        raise invalid("The member 'updateTwin.etag' must be text.")
    Twin().patch(twin, NEVER)  # which refuses what no twin takes
    return twin


def _duration(value: Any) -> int:
    if value is None or value == 0:
        return DEFAULT_DURATION_S
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_DURATION_S:
        raise invalid(
            f"The member 'maxExecutionTimeInSeconds' must be a whole number from 1 to {MAX_DURATION_S}."
        )
    return value


def _start(value: Any, now: float) -> float:
    if value is None or value == "":
        return now
    found = moment(value) if isinstance(value, str) else None
    if found is None:
        raise invalid("The member 'startTime' must be a moment in ISO 8601, such as 2030-01-31T12:00:00Z.")
    return found
