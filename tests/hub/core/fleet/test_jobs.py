"""Jobs: methods and twin updates over a query, scheduled, followed and ended.

The right answers: azure-docs, iot-hub-devguide-jobs.md (here "the guide") and iot-hub-devguide-quotas-throttling.md;
troubleshoot-error-codes.md for numbers; the models of azure-iot-hub 2.7 and of Azure's SDKs for .NET and Java.
"""

import pytest
from harness import Device, Stage, refused

from twinkle_host.hub.core.times import iso

TAGS = {"type": "scheduleUpdateTwin", "updateTwin": {"tags": {"done": 1}}}
PING = {"type": "scheduleDeviceMethod", "cloudToDeviceMethod": {"methodName": "ping", "payload": {"a": 1}}}
ALL = "is_defined(deviceId)"
LATE = "The job did not start within specified period: either device did not come online or invalid endTime specified."


def create(stage, job_id="j1", condition=ALL, **changes):
    return stage.hub.jobs.create(job_id, {**TAGS, "queryCondition": condition, **changes})


def at(stage, seconds):
    """A moment so many seconds ahead, as a request has it."""
    return iso(stage.clock.utc() + seconds)


def status(stage, job_id="j1"):
    return stage.hub.jobs.get(job_id)["status"]


def counts(stage, job_id="j1"):
    """Of devices: all, failed, succeeded, running, pending."""
    told = stage.hub.jobs.get(job_id)["deviceJobStatistics"]
    return tuple(told[f"{name}Count"] for name in ("device", "failed", "succeeded", "running", "pending"))


def parts(stage, condition="devices.jobs.jobId = 'j1'"):
    rows, _, kind = stage.hub.query(f"SELECT * FROM devices.jobs WHERE {condition}", 1000)
    assert kind == "DeviceJob"
    return rows


@pytest.fixture
def fleet(stage):
    """Five devices, of which three have the tag ``floor``."""
    for number in range(5):
        stage.device(f"d{number}")
        if number < 3:
            stage.hub.patch_twin(f"d{number}", {"tags": {"floor": number}})
    return stage


# --- what is asked for


def test_a_job_is_answered_with_the_members_of_the_model(fleet):
    """Model JobResponse."""
    job = create(fleet, condition="tags.floor > 0", maxExecutionTimeInSeconds=60)
    assert set(job) == {
        *("jobId", "queryCondition", "createdTime", "startTime", "maxExecutionTimeInSeconds", "type"),
        *("updateTwin", "status", "deviceJobStatistics"),
    }
    assert (job["jobId"], job["status"], job["type"]) == ("j1", "queued", "scheduleUpdateTwin")
    assert fleet.hub.jobs.get("j1") == job
    fleet.run(5)
    job = fleet.hub.jobs.get("j1")
    assert job["status"] == "completed" and job["endTime"] >= job["startTime"]


@pytest.mark.parametrize("job_id", ["", "a b", "a.b", "x" * 65, "ä"])
def test_an_id_is_of_64_letters_digits_and_dashes(stage, job_id):
    """The guide: "must be 64 characters or less and can only contain US-ASCII letters, numbers, and the dash"."""
    assert refused(create, stage, job_id) == "ArgumentInvalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "export"},
        {"type": None},
        {"queryCondition": ""},
        {"queryCondition": None},
        {"queryCondition": "x" * 8193},
        {"startTime": "tomorrow"},
        {"startTime": "2026-13-01T00:00:00Z"},
        {"startTime": 5},
        {"maxExecutionTimeInSeconds": -1},
        {"maxExecutionTimeInSeconds": "60"},
        {"updateTwin": None},
        {"updateTwin": {"tags": {"a.b": 1}}},
        {"updateTwin": {"desired": {}}},
        {"updateTwin": {"etag": 5}},
        {**PING, "cloudToDeviceMethod": {"methodName": "a b"}},
        {**PING, "cloudToDeviceMethod": {"methodName": "ping", "responseTimeoutInSeconds": 4}},
        {**PING, "cloudToDeviceMethod": None},
        {"jobId": "other"},
    ],
)
def test_what_is_no_job_is_refused_and_not_kept(stage, changes):
    assert refused(create, stage, **changes) == "ArgumentInvalid"
    assert refused(stage.hub.jobs.get, "j1") == "JobNotFound"


def test_an_id_is_given_once(fleet):
    """JobAlreadyExists is 409104, JobNotFound 404002, whatever became of the first."""
    create(fleet)
    fleet.run(5)
    assert refused(create, fleet) == "JobAlreadyExists"
    assert refused(fleet.hub.jobs.get, "nobody") == refused(fleet.hub.jobs.cancel, "nobody") == "JobNotFound"


# --- twin updates


def test_a_twin_update_reaches_the_devices_of_the_condition_and_no_other(fleet):
    create(fleet, condition="tags.floor > 0")
    fleet.run(5)
    assert status(fleet) == "completed" and counts(fleet) == (2, 0, 2, 0, 0)
    done = [row["deviceId"] for row in fleet.hub.query("SELECT * FROM devices WHERE tags.done = 1")[0]]
    assert done == ["d1", "d2"]


@pytest.mark.parametrize(
    ("condition", "devices"),
    [
        ("*", 5),
        ("deviceId IN ['d1', 'd3']", 2),
        ("DeviceId IN ['d1']", 1),  # so .NET's own end-to-end tests write it
        ("deviceId = 'nobody'", 0),
        ("FROM devices WHERE is_defined(tags.floor)", 3),
    ],
)
def test_conditions_as_the_guide_has_them(fleet, condition, devices):
    create(fleet, condition=condition)
    fleet.run(5)
    assert status(fleet) == "completed" and counts(fleet)[0] == devices


def test_a_connected_device_is_told(stage):
    device = stage.connected()
    create(stage, updateTwin={"properties": {"desired": {"a": 1}}})
    stage.run(5)
    ((topic, body),) = device.take()
    assert "desired" in topic and body == {"a": 1, "$version": 2}


@pytest.mark.parametrize(("etag", "failed"), [("*", 0), ('"*"', 0), (None, 0), ("c3RhbGU=", 5)])
def test_the_updates_etag_counts_on_each_device(fleet, etag, failed):
    """The guide's example has ``etag: '*'``; model Twin, ``etag``."""
    create(fleet, updateTwin={"etag": etag, "tags": {"done": 1}})
    fleet.run(5)
    assert counts(fleet) == (5, failed, 5 - failed, 0, 0)
    assert {part["error"]["code"] for part in parts(fleet) if "error" in part} == (
        {"PreconditionFailed"} if failed else set()
    )


def test_a_part_that_fails_fails_alone_and_the_job_is_completed(fleet):
    """Azure/remote-monitoring-services-java issue 42: "Failed jobs are reported as completed"."""
    fleet.hub.patch_twin("d1", {"tags": {"big": "x" * 4000, "more": "x" * 4000}})
    create(fleet, updateTwin={"tags": {"another": "x" * 1000}})
    fleet.run(5)
    assert status(fleet) == "completed" and counts(fleet) == (5, 1, 4, 0, 0)
    (failed,) = parts(fleet, "status = 'failed'")
    assert failed["deviceId"] == "d1" and failed["error"]["code"] == "DeviceModelMaxPropertiesExceeded"


def test_a_condition_that_is_none_fails_the_job_and_not_the_request(fleet):
    """azure-iot-sdk-csharp issue 40: the job is scheduled, then "Failed" with "SQL query parse failed due to
    following errors"."""
    assert create(fleet, condition="SELECT * FROM devices")["status"] == "queued"
    fleet.run(1)
    job = fleet.hub.jobs.get("j1")
    assert job["status"] == "failed" and job["failureReason"].startswith("SQL query parse failed due to")


def test_modules_are_reached_by_their_own_source(fleet):
    fleet.hub.create_device("d1", module_id="m")
    create(fleet, condition="FROM devices.modules WHERE devices.modules.moduleId = 'm'")
    fleet.run(5)
    assert fleet.hub.get_twin("d1", "m")["tags"] == {"done": 1}
    assert [(part["deviceId"], part["moduleId"]) for part in parts(fleet)] == [("d1", "m")]


# --- time


def test_a_job_waits_for_its_start(fleet):
    """The guide: "scheduled: Scheduled for a time in the future"."""
    assert create(fleet, startTime=at(fleet, 3600))["status"] == "scheduled"
    fleet.run(3590)
    assert status(fleet) == "scheduled" and "tags" not in fleet.hub.get_twin("d4")
    fleet.run(15)
    assert status(fleet) == "completed"


@pytest.mark.parametrize(
    "start",
    ["2000-01-01T00:00:00Z", "2000-01-01T00:00:00.1234567+02:00", "2000-01-01 00:00", None, ""],
)
def test_a_start_that_is_past_or_missing_is_now(fleet, start):
    create(fleet, startTime=start, maxExecutionTimeInSeconds=2**31 - 1)
    fleet.run(5)
    assert status(fleet) == "completed"


def test_the_devices_are_those_at_the_start(fleet):
    """ThingWorx Azure connector, device jobs: devices added after the query has been run are no part of the job."""
    create(fleet, startTime=at(fleet, 60))
    fleet.device("late")
    fleet.run(65)
    fleet.device("later")
    fleet.run(5)
    assert counts(fleet)[0] == 6


def test_what_has_not_begun_in_time_fails_with_a_reason(fleet):
    """azure-iot-sdk-java, ScheduledJobTest: the error of a device that did not come."""
    create(fleet, **PING, maxExecutionTimeInSeconds=30)
    fleet.run(29)
    assert status(fleet) == "running" and counts(fleet) == (5, 0, 0, 0, 5)
    fleet.run(2)
    assert status(fleet) == "completed" and counts(fleet) == (5, 5, 0, 0, 0)
    assert parts(fleet)[0]["error"] == {"code": "JobRunPreconditionFailed", "description": LATE}


def test_a_device_that_does_not_answer_in_time_fails_as_its_method_does(stage):
    stage.connected()
    create(stage, **PING)
    stage.run(5)
    assert counts(stage) == (1, 0, 0, 1, 0) and parts(stage)[0]["status"] == "running"
    stage.run(31)
    assert parts(stage)[0]["error"]["code"] == "GatewayTimeout"


def test_an_answer_that_comes_after_the_job_changes_nothing(stage):
    device = stage.connected()
    create(stage, **PING, maxExecutionTimeInSeconds=10)
    stage.run(11)
    ((_, rid, _),) = device.calls()
    device.answer(rid, 200)
    assert parts(stage)[0]["status"] == "failed" and status(stage) == "completed"
    assert stage.hub.devices.find("dev1").calls == [], "nothing waits for it"


# --- methods


def test_a_method_is_called_on_each_device_and_its_answer_kept(stage):
    """Model DeviceJobOutcome: ``deviceMethodResponse`` with status and payload."""
    device = stage.connected()
    create(stage, **PING)
    stage.run(1)
    ((name, rid, payload),) = device.calls()
    assert (name, payload) == ("ping", {"a": 1})
    device.answer(rid, 207, {"b": 2})
    stage.run(1)
    (part,) = parts(stage)
    assert part["status"] == "completed" and status(stage) == "completed"
    assert part["outcome"] == {"deviceMethodResponse": {"status": 207, "payload": {"b": 2}}}


def test_a_device_that_is_away_is_called_when_it_comes(stage):
    device = stage.device()
    create(stage, **PING)
    stage.run(600)
    assert parts(stage)[0]["status"] == "pending"
    device.connect()
    stage.hub.step()
    ((_, rid, _),) = device.calls()
    assert parts(stage)[0]["status"] == "running"
    device.answer(rid, 200)
    assert status(stage) == "completed" and counts(stage) == (1, 0, 1, 0, 0)


def test_a_device_that_is_deleted_or_disabled_meanwhile_fails(fleet):
    create(fleet, **PING)
    fleet.run(1)
    fleet.hub.delete_device("d1")
    fleet.hub.update_device("d2", {"status": "disabled"})
    assert {part["deviceId"]: part["error"]["code"] for part in parts(fleet, "status = 'failed'")} == {
        "d1": "DeviceNotFound",
        "d2": "DeviceNotFound",
    }


# --- the end


@pytest.mark.parametrize("when", [0, 10])
def test_a_cancelled_job_does_nothing_more(fleet, when):
    """Model JobResponse: "cancelled"; .NET's DeviceJobStatus: "canceled"."""
    start = {"startTime": at(fleet, 60)} if when == 0 else {}
    create(fleet, **PING, **start)
    fleet.run(when)
    assert fleet.hub.jobs.cancel("j1")["status"] == "cancelled"
    fleet.run(100)
    assert status(fleet) == "cancelled"
    assert [part["status"] for part in parts(fleet)] == (["canceled"] * 5 if when else [])
    assert all(device.calls == [] for device in fleet.hub.devices)


def test_a_job_that_has_ended_is_not_cancelled(fleet):
    """OperationNotAllowedInCurrentState is 405102."""
    create(fleet)
    fleet.run(5)
    assert refused(fleet.hub.jobs.cancel, "j1") == "OperationNotAllowedInCurrentState"


def test_jobs_are_forgotten_30_days_after_their_end(fleet):
    """Quotas: "Job history is retained up to 30 days"."""
    create(fleet)
    fleet.run(10)
    fleet.run(29 * 86400)
    create(fleet, "j2")
    assert status(fleet) == "completed"
    fleet.run(2 * 86400)
    create(fleet, "j3")
    fleet.run(10)
    assert refused(fleet.hub.jobs.get, "j1") == "JobNotFound" and parts(fleet) == []
    assert not [name for name in fleet.store.texts if name.startswith("/jobs/j1")]


# --- following


def test_jobs_are_found_by_type_and_state_in_pages(fleet):
    """REST reference, Jobs - Query Scheduled Jobs: jobType and jobStatus, whose values are those of azure-iot-hub's
    model JobResponse."""
    for number in range(5):
        create(fleet, f"t{number}")
    create(fleet, "m", **PING)
    fleet.run(5)
    query = fleet.hub.jobs.query
    assert [job["jobId"] for job in query(None, None)[0]] == ["m", "t0", "t1", "t2", "t3", "t4"]
    assert [job["jobId"] for job in query("scheduleDeviceMethod", None)[0]] == ["m"]
    assert [job["jobId"] for job in query("", "Running")[0]] == ["m"]
    first, token = query("scheduleUpdateTwin", "completed", 3)
    second, last = query("scheduleUpdateTwin", "completed", 3, token)
    assert [job["jobId"] for job in first + second] == ["t0", "t1", "t2", "t3", "t4"] and last is None
    for arguments in (("export", None), ("Import", ""), (None, "unknown"), ("", "Enqueued")):
        assert query(*arguments) == ([], None)
    for arguments in (("banana", None), (None, "asleep"), (None, None, 3, "not a token")):
        assert refused(query, *arguments) == "ArgumentInvalid"


def test_the_parts_of_jobs_are_rows_of_devices_jobs(fleet):
    """azure-docs, query language: conditions on ``devices.jobs``; the members of .NET's model DeviceJob."""
    create(fleet, "a", condition="tags.floor = 1")
    create(fleet, "b", condition="tags.floor > 0")
    fleet.run(5)
    rows = parts(fleet, "devices.jobs.deviceId = 'd1' AND devices.jobs.jobType = 'scheduleUpdateTwin'")
    assert [row["jobId"] for row in rows] == ["a", "b"]
    assert set(rows[0]) == {
        *("deviceId", "jobId", "jobType", "status", "startTimeUtc", "endTimeUtc", "createdDateTimeUtc"),
        *("lastUpdatedDateTimeUtc", "outcome"),
    }
    assert len(parts(fleet, "devices.jobs.createdDateTimeUtc > '2000-09-01'")) == 3


@pytest.mark.parametrize("columns", ["deviceId", "count() AS n"])
def test_of_devices_jobs_there_is_only_the_whole_row(fleet, columns):
    """azure-docs, query language, limitations of devices.jobs: "only SELECT * is possible", no aggregations."""
    assert refused(fleet.hub.query, f"SELECT {columns} FROM devices.jobs") == "ArgumentInvalid"


# --- many at once


def test_ten_jobs_run_at_once_and_the_next_waits_for_its_turn(stage):
    """Quotas: "Maximum concurrent jobs is 1 (for Free and S1), 5 (for S2), and 10 (for S3)"."""
    stage.device()
    for number in range(11):
        create(stage, f"j{number}", **PING)
    stage.run(5)
    assert [status(stage, f"j{number}") for number in (0, 9, 10)] == ["running", "running", "queued"]
    stage.hub.jobs.cancel("j3")
    stage.run(1)
    assert status(stage, "j10") == "running"


def test_a_hub_with_throttles_is_an_s1_which_takes_one_job_and_ten_devices_a_second(fleet):
    """Quotas: "Jobs device operations 10/sec"; azure-iot-sdk-csharp issue 361: ThrottlingMaxActiveJobCountExceeded."""
    for number in range(25):
        fleet.device(f"x{number:02}")
    fleet.hub.throttles.set(1)
    create(fleet, **PING)
    assert refused(create, fleet, "j2") == "ThrottlingMaxActiveJobCountExceeded"
    fleet.run(1)
    waiting = sum(len(device.calls) for device in fleet.hub.devices)
    assert 18 <= waiting <= 22
    fleet.run(2)
    assert sum(len(device.calls) for device in fleet.hub.devices) == 30


def test_a_thousand_devices_are_done_within_five_seconds_in_small_portions():
    """No step takes more than a few devices, so that what devices send is served between any two."""
    stage = Stage()
    for number in range(1000):
        stage.device(f"d{number:04}")
    create(stage)
    begin, most = stage.clock.seconds, 0
    while status(stage) != "completed":
        before = counts(stage)[2]
        stage.clock.seconds += stage.hub.step()
        stage.hub.step()
        most = max(most, counts(stage)[2] - before)
    assert stage.clock.seconds - begin < 5 and 0 < most <= 20


# --- restarts


def test_a_job_that_was_scheduled_runs_after_a_restart(fleet):
    create(fleet, startTime=at(fleet, 60))
    fleet.start()
    assert status(fleet) == "scheduled"
    fleet.run(65)
    assert status(fleet) == "completed" and counts(fleet)[2] == 5


def test_a_job_that_ran_goes_on_after_a_restart_where_it_stopped():
    stage = Stage()
    for number in range(40):
        stage.device(f"d{number:02}")
    create(stage)
    while counts(stage)[2] < 15:
        stage.clock.seconds += stage.hub.step()
    versions = {device.id: device.twin.counter for device in stage.hub.devices}
    done = {device_id for device_id, counter in versions.items() if counter > 1}
    stage.start()
    stage.run(5)
    assert status(stage) == "completed" and counts(stage) == (40, 0, 40, 0, 0)
    assert all(device.twin.counter == 2 for device in stage.hub.devices), "each once"
    assert 0 < len(done) < 40


def test_what_has_ended_is_as_it_was_after_a_restart(stage):
    device = stage.connected()
    create(stage, **PING)
    stage.run(1)
    device.answer(device.calls()[0][1], 200, "ok")
    stage.run(1)
    before = stage.hub.jobs.get("j1"), parts(stage)
    device.session.end(True)
    stage.start()
    assert (stage.hub.jobs.get("j1"), parts(stage)) == before


def test_a_method_that_waited_for_its_device_waits_again(stage):
    device = stage.device()
    create(stage, **PING)
    stage.run(10)
    stage.start()
    stage.run(1)
    device = Device(stage, "dev1")
    device.connect()
    stage.hub.step()
    device.answer(device.calls()[0][1], 200)
    assert status(stage) == "completed"


@pytest.mark.parametrize("end", ["cancelled", "completed"])
def test_what_ended_all_at_once_is_kept_as_well(fleet, end):
    create(fleet, **PING, maxExecutionTimeInSeconds=30)
    fleet.run(10 if end == "cancelled" else 31)
    if end == "cancelled":
        fleet.hub.jobs.cancel("j1")
    fleet.run(1)
    before = fleet.hub.jobs.get("j1"), parts(fleet)
    assert before[0]["status"] == end and before[0]["deviceJobStatistics"]["failedCount"] == 5
    fleet.start()
    fleet.run(100)
    assert (fleet.hub.jobs.get("j1"), parts(fleet)) == before


def test_a_store_that_fails_refuses_a_job_and_holds_up_none(fleet):
    save = fleet.store.save

    def full(record):
        if record["id"].startswith("/jobs/"):
            raise OSError("disk full")
        save(record)

    fleet.store.save = full
    assert refused(create, fleet) == "ServerError"
    fleet.store.save = save
    create(fleet)
    fleet.store.save = full
    fleet.run(5)
    assert status(fleet) == "completed" and "disk full" in fleet.told("storeFailed")[0]
