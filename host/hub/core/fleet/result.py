"""What becomes of a job on each of its devices, which is what a query over ``devices.jobs`` answers.

The models DeviceJob, DeviceJobOutcome and DeviceJobError of Azure's SDK for .NET.
"""

import bisect
from collections.abc import Callable
from typing import Any

from ..devices.device import Call, Device
from ..errors import HubError
from ..queries.query import walk
from ..queries.values import Lookup
from ..times import iso
from .job import PENDING, RUNNING, Job


class Result:
    """A job's part on one device or module, which ``key`` is the id of."""

    __slots__ = (
        "call",
        "changed",
        "created",
        "device_id",
        "error",
        "id",
        "job",
        "key",
        "module_id",
        "outcome",
        "status",
    )

    def __init__(self, job: Job, device: Device, now: float):
        self._set(job, device.id, device.device_id, device.module_id)
        self.created = self.changed = now

    def _set(self, job: Job, key: str, device_id: str, module_id: str | None) -> None:
        self.id = f"{job.id}/{key}"  # among those of all jobs
        self.job = job
        self.key = key
        self.device_id = device_id
        self.module_id = module_id
        self.status = PENDING
        self.call: Call | None = None
        self.outcome: dict[str, Any] = {}
        self.error: dict[str, str] | None = None

    def state(self) -> str:
        """PENDING, RUNNING, COMPLETED, FAILED or CANCELED; a call runs once the device has it."""
        waits = self.status == RUNNING and self.call is not None and self.call.session is None
        return PENDING if waits else self.status

    def view(self) -> dict[str, Any]:
        """A row of ``devices.jobs``."""
        job = self.job
        view = {
            "deviceId": self.device_id,
            "jobId": job.id,
            "jobType": job.type,
            "status": self.state(),
            "startTimeUtc": iso(job.start),
            "endTimeUtc": iso(job.start + job.duration),
            "createdDateTimeUtc": iso(self.created),
            "lastUpdatedDateTimeUtc": iso(self.changed),
            "outcome": self.outcome,
        }
        if self.module_id is not None:
            view["moduleId"] = self.module_id
        if self.error is not None:
            view["error"] = self.error
        return view

    def record(self) -> dict[str, Any]:
        """What the store keeps of a part that has ended."""
        names = ("key", "device_id", "module_id", "created", "changed", "status", "outcome", "error")
        return {"id": f"/jobs/{self.id}", **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_record(cls, job: Job, record: dict[str, Any]) -> "Result":
        """The part that wrote ``record``."""
        result = cls.__new__(cls)
        result._set(job, record["key"], record["device_id"], record["module_id"])
        for name in ("created", "changed", "status", "outcome", "error"):
            setattr(result, name, record[name])
        return result


_SHORT: dict[str, Callable[[Result], Any]] = {
    "jobId": lambda result: result.job.id,
    "deviceId": lambda result: result.device_id,
    "jobType": lambda result: result.job.type,
    "status": Result.state,
}


def looker(result: Result) -> Lookup:
    """How an expression reads a part, most often without building the whole row."""

    def look(path: tuple[str, ...]) -> Any:
        short = _SHORT.get(path[0]) if len(path) == 1 else None
        return walk(result.view(), path) if short is None else short(result)

    return look


class Results:
    """The parts of all jobs, in order, for queries."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._results: dict[str, Result] = {}

    def find(self, device_id: str) -> Result:
        """The part JOB/DEVICE."""
        return self._results[device_id]

    def __len__(self) -> int:
        return len(self.order)

    def add(self, result: Result) -> None:
        """One more."""
        self._results[result.id] = result
        bisect.insort(self.order, result.id)

    def drop(self, job: Job) -> None:
        """Forget a job's."""
        begin = bisect.bisect_left(self.order, f"{job.id}/")
        end = bisect.bisect_left(self.order, f"{job.id}0")  # the character after the slash
        for name in self.order[begin:end]:
            del self._results[name]
        del self.order[begin:end]


def error_of(error: HubError) -> dict[str, str]:
    """How a refusal looks in a device's part."""
    return {"code": error.name, "description": error.message}
