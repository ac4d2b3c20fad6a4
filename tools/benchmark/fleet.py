"""P13: a configuration and jobs over 1,000 devices, and what telemetry notices of them."""

import base64
import concurrent.futures
import contextlib
import os
import time
from collections.abc import Callable

from .goals import Measurement
from .hub_load import MANY, Load, register
from .hub_process import HubProcess, Service
from .samples import Summary, summarize
from .work import METHOD, PAYLOAD

ABOUT = """1,000 devices are connected to `twinkle hub` by TLS and send a message each second. Meanwhile a service
makes a configuration for all of them, a job that updates their twins, and a job that calls a method, which each of
them answers. Time runs from the request until the hub says that all of them are done; telemetry is judged by
its acknowledgements in the three seconds in which this happens, beside three in which nothing does. They
take turns."""

LOOK_S = 0.1
PATIENCE_S = 30.0
PACE_S = 3  # as long as the work takes, or a little longer: devices answer methods as long as they are paced
CONTENT = {"deviceContent": {"properties.desired.chiller": {"temperature": 38, "pressure": 78}}}
QUIET = "nothing else"

Task = Callable[[Service, int], float]


def measure(bench) -> list[Measurement]:
    """Three rounds, ten in the full form."""
    key = base64.b64encode(os.urandom(32)).decode()
    times: dict[str, list[float]] = {name: [] for name in TASKS}
    waits: dict[str, list[float]] = {name: [] for name in (QUIET, *TASKS)}
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(HubProcess(bench.folder / "hub-p12", port=0))
        register(hub, key)
        load = stack.enter_context(Load(hub, hub.ca_file, key, bench.say))
        load.connect(MANY)
        for number in range(3 if bench.quick else 10):
            bench.say("telemetry alone")
            waits[QUIET].append(1000 * load.ask("pace", PACE_S)["p99"])
            for name, task in TASKS.items():
                bench.say(f"{name}, round {number + 1}")
                spent, p99 = _meanwhile(hub, load, task, number)
                times[name].append(spent)
                waits[name].append(p99)
    told = {name: summarize(found, "s") for name, found in times.items()}
    return [
        *(
            Measurement("P13", f"{name}: until all are done", told[name], {}, told[name].median)
            for name in TASKS
        ),
        *(_noticed(name, waits) for name in TASKS),
    ]


def _noticed(name: str, waits: dict[str, list[float]]) -> Measurement:
    ours: Summary = summarize(waits[name], "ms")
    alone = summarize(waits[QUIET], "ms")
    what = f"{name}: a message's acknowledgement meanwhile, p99"
    return Measurement("P13", what, ours, {QUIET: alone}, ours.median)


def _meanwhile(hub: HubProcess, load: Load, task: Task, number: int) -> tuple[float, float]:
    """Seconds until the task is done, and milliseconds of the slowest percent of acknowledgements."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        doing = pool.submit(task, hub.service(), number)
        paced = load.ask("pace", PACE_S)
        return doing.result(), 1000 * paced["p99"]


def _until(done: Callable[[], bool]) -> float:
    begun = time.monotonic()
    while not done():
        if time.monotonic() - begun > PATIENCE_S:
            raise RuntimeError(f"the hub was not done with {MANY} devices in {PATIENCE_S:.0f} s")
        time.sleep(LOOK_S)
    return time.monotonic() - begun


def _configuration(service: Service, number: int) -> float:
    path = f"/configurations/bench-{number}"
    service.ask("PUT", path, {"content": CONTENT, "targetCondition": "*", "priority": number})
    return _until(lambda: service.ask("GET", path)["systemMetrics"]["results"]["appliedCount"] == MANY)


def _twin_job(service: Service, number: int) -> float:
    update = {"etag": "*", "tags": {"round": number}, "properties": {"desired": {"round": number}}}
    return _job(service, f"twins-{number}", {"type": "scheduleUpdateTwin", "updateTwin": update})


def _method_job(service: Service, number: int) -> float:
    method = {"methodName": METHOD, "payload": PAYLOAD, "responseTimeoutInSeconds": 30}
    return _job(service, f"calls-{number}", {"type": "scheduleDeviceMethod", "cloudToDeviceMethod": method})


def _job(service: Service, name: str, request: dict) -> float:
    path = f"/jobs/v2/{name}"
    service.ask("PUT", path, {**request, "queryCondition": "*", "maxExecutionTimeInSeconds": 60})
    spent = _until(lambda: service.ask("GET", path)["status"] == "completed")
    told = service.ask("GET", path)["deviceJobStatistics"]
    if told["succeededCount"] != MANY:
        raise RuntimeError(f"the job {name} did not succeed on all of {MANY} devices: {told}")
    return spent


TASKS: dict[str, Task] = {
    "a configuration for 1,000 twins": _configuration,
    "a job that updates 1,000 twins": _twin_job,
    "a job that calls 1,000 methods": _method_job,
}
