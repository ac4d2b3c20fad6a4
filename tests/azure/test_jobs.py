"""Jobs over many devices, with azure-iot-hub 2.7 and azure-iot-device 2.14, unmodified."""

import datetime
import uuid

import pytest
from azure.iot.device import MethodResponse
from azure.iot.hub import IoTHubJobManager
from azure.iot.hub.models import (
    CloudToDeviceMethod,
    JobProperties,
    JobRequest,
    QuerySpecification,
    Twin,
    TwinProperties,
)
from msrest.exceptions import DeserializationError, HttpOperationError

from twinkle_host.waiting import eventually


@pytest.fixture
def jobs(service_string):
    """IoTHubJobManager."""
    return IoTHubJobManager.from_connection_string(service_string)


def ended(jobs, job_id):
    """The job, once it has ended."""

    def look():
        job = jobs.get_scheduled_job(job_id)
        return job if job.status not in ("queued", "scheduled", "running") else None

    return eventually(look)


def test_a_twin_update_over_a_query(jobs, service, device_id):
    update = Twin(etag="*", tags={"floor": 3}, properties=TwinProperties(desired={"mode": "eco"}))
    job_id = str(uuid.uuid4())
    request = JobRequest(
        job_id=job_id,
        type="scheduleUpdateTwin",
        update_twin=update,
        query_condition=f"deviceId IN ['{device_id}']",
        start_time=datetime.datetime.now(datetime.UTC),
        max_execution_time_in_seconds=60,
    )
    made = jobs.create_scheduled_job(job_id, request)
    assert (made.job_id, made.type) == (job_id, "scheduleUpdateTwin")
    job = ended(jobs, job_id)
    assert job.status == "completed" and job.device_job_statistics.succeeded_count == 1
    twin = service.get_twin(device_id)
    assert twin.tags == {"floor": 3} and twin.properties.desired["mode"] == "eco"
    with pytest.raises(HttpOperationError) as refusal:
        jobs.create_scheduled_job(job_id, request)
    assert refusal.value.response.headers["iothub-errorcode"] == "JobAlreadyExists"


def test_a_method_over_a_query_and_what_each_device_answered(hub, jobs, service, device, device_id):
    client = device(text=hub.call("connection_string", device_id))

    def answer(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, request.payload))

    client.on_method_request_received = answer
    job_id = str(uuid.uuid4())
    method = CloudToDeviceMethod(
        method_name="lockDoor", payload={"hard": True}, response_timeout_in_seconds=30
    )
    request = JobRequest(
        type="scheduleDeviceMethod",
        cloud_to_device_method=method,
        query_condition=f"deviceId = '{device_id}'",
    )
    jobs.create_scheduled_job(job_id, request)
    assert ended(jobs, job_id).device_job_statistics.succeeded_count == 1
    text = f"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{job_id}'"
    (row,) = service.query_iot_hub(QuerySpecification(query=text)).items
    told = row.additional_properties["outcome"]["deviceMethodResponse"]
    assert told == {"status": 200, "payload": {"hard": True}}


def test_a_scheduled_job_is_cancelled(jobs, device_id):
    job_id = str(uuid.uuid4())
    start = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    request = JobRequest(
        type="scheduleUpdateTwin", update_twin=Twin(tags={"a": 1}), query_condition="*", start_time=start
    )
    assert jobs.create_scheduled_job(job_id, request).status == "scheduled"
    assert jobs.cancel_scheduled_job(job_id).status == "cancelled"
    with pytest.raises(HttpOperationError) as refusal:
        jobs.cancel_scheduled_job(job_id)
    assert refusal.value.response.headers["iothub-errorcode"] == "OperationNotAllowedInCurrentState"


def test_a_list_of_jobs_is_an_array_which_this_sdk_cannot_read(jobs):
    """The SDKs for Node (query.js: ``result.map``) and .NET read an array, with the token in a header; Python's
    model wants an object."""
    with pytest.raises(DeserializationError):
        jobs.query_scheduled_jobs("scheduleUpdateTwin", "completed")


def test_import_and_export_say_that_they_are_not_here(jobs):
    """There are none to list, which `az iot hub job list` asks beside the
    scheduled ones; to make one, or to ask for one, is refused."""
    assert jobs.get_import_export_jobs() == []
    for call in (
        lambda: jobs.get_import_export_job("x"),
        lambda: jobs.cancel_import_export_job("x"),
        lambda: jobs.create_import_export_job(JobProperties(type="export")),
    ):
        with pytest.raises(HttpOperationError) as refusal:
            call()
        assert refusal.value.response.status_code == 501
