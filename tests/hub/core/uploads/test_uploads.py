"""File uploads as devices begin and end them, without a disk."""

import base64
import hashlib
import hmac
import random
from urllib.parse import parse_qsl, urlsplit

import pytest
from harness import HOST, Stage, token
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.hub.core import Blob, HubError, Uploads
from twinkle_host.hub.core.uploads import signatures
from twinkle_host.hub.core.uploads.names import MAX_FILE, MAX_NAME, check_name, file_of
from twinkle_host.hub.core.uploads.signatures import SignatureRefused
from twinkle_host.hub.core.uploads.uploads import LIFETIME_S, MAX_ACTIVE

WHERE = "store.example"


class Desk:
    """A hub with two devices, its uploads, and the blobs that there are."""

    def __init__(self):
        self.stage = Stage()
        for name in ("dev1", "dev2"):
            self.stage.device(name)
        self.blobs = {}
        self.start()

    def start(self):
        hub, clock, store = self.stage.hub, self.stage.clock, self.stage.store
        self.uploads = Uploads(hub, store, clock, random.Random(3).randbytes, self.blobs.get)

    def device(self, name="dev1"):
        return self.stage.hub.devices.find(name)

    def begin(self, name="a.txt", device="dev1"):
        return self.uploads.begin(self.device(device), {"blobName": name}, WHERE)

    def finish(self, correlation, device="dev1", succeeded=True):
        body = {
            "correlationId": correlation,
            "isSuccess": succeeded,
            "statusCode": 200,
            "statusDescription": "",
        }
        self.uploads.finish(self.device(device), body, WHERE)

    def told(self):
        return self.stage.hub.files.lease(1000)

    def opens(self, made, permission="w", name=None, **changes):
        fields = dict(parse_qsl(made["sasToken"][1:], keep_blank_values=True)) | changes
        try:
            self.uploads.check(name or made["blobName"], fields, permission)
        except SignatureRefused as refused:
            return refused.code
        return True


@pytest.fixture
def desk():
    return Desk()


def refused(call, *arguments, **options):
    with pytest.raises(HubError) as error:
        call(*arguments, **options)
    return error.value.code


def test_an_upload_is_begun_done_and_told(desk):
    """IoT Hub developer guide, "Initialize a file upload", "Notify IoT Hub of a completed file upload" and "File
    upload notifications": the members, and the name below the device's id."""
    made = desk.begin("photos/a b.jpg")
    assert set(made) == {"correlationId", "hostName", "containerName", "blobName", "sasToken"}
    assert made["blobName"] == "dev1/photos/a b.jpg" and made["hostName"] == WHERE
    fields = dict(parse_qsl(made["sasToken"][1:]))
    assert (fields["sr"], fields["sp"]) == ("b", "rw") and made["sasToken"].startswith("?sv=")
    desk.blobs["dev1/photos/a b.jpg"] = Blob(12, desk.stage.clock.utc() + 5)
    desk.stage.clock.seconds += 7
    desk.finish(made["correlationId"])
    (told,) = desk.told()
    assert told.pop("enqueuedTimeUtc") > told.pop("lastUpdatedTime")
    assert told == {
        "deviceId": "dev1",
        "blobUri": f"https://{WHERE}/{made['containerName']}/dev1/photos/a%20b.jpg",
        "blobName": "dev1/photos/a b.jpg",
        "blobSizeInBytes": 12,
    }
    assert refused(desk.finish, made["correlationId"]) == 400004, "which has had its end"


def test_an_upload_that_failed_is_not_told_and_one_without_its_file_neither(desk):
    desk.finish(desk.begin()["correlationId"], succeeded=False)
    desk.finish(desk.begin("gone")["correlationId"])
    assert desk.told() == []
    assert "is not in the store" in desk.stage.told("requestRefused")[-1]


def test_a_device_has_ten_uploads_at_a_time(desk):
    """IoT Hub, "Other limits": "Maximum of 10 concurrent uploads per device"; error 403006, "Number of active file
    upload requests cannot exceed 10"."""
    made = [desk.begin(str(number)) for number in range(MAX_ACTIVE)]
    assert refused(desk.begin) == 403006
    desk.begin(device="dev2")
    desk.finish(made[0]["correlationId"], succeeded=False)
    desk.begin()
    assert refused(desk.begin) == 403006
    desk.stage.clock.seconds += LIFETIME_S
    desk.begin()


def test_what_was_begun_survives_a_restart_and_ends_after_an_hour(desk):
    """``sasTtlAsIso8601`` is an hour unless it is configured otherwise."""
    made, other = desk.begin(), desk.begin("b")
    desk.stage.start()
    desk.start()
    assert desk.opens(made)
    desk.finish(made["correlationId"], succeeded=False)
    desk.stage.clock.seconds += LIFETIME_S
    assert refused(desk.finish, other["correlationId"]) == 400004
    assert desk.opens(other) == "AuthenticationFailed"


def test_a_device_ends_its_own_uploads_only(desk):
    made = desk.begin()
    assert refused(desk.finish, made["correlationId"], "dev2") == 400004
    for body in (
        None,
        [],
        {},
        {"isSuccess": True},
        {"isSuccess": "yes", "correlationId": made["correlationId"]},
    ):
        assert refused(desk.uploads.finish, desk.device(), body, WHERE) == 400004
    desk.finish(made["correlationId"], succeeded=False)


def test_a_signature_opens_one_blob_for_what_it_says_until_it_ends(desk):
    """Storage services, "Create a service SAS": what is signed; every other field changes the signature, too."""
    made = desk.begin()
    assert desk.opens(made) is True and desk.opens(made, "r") is True
    assert desk.opens(made, "d") == "AuthorizationPermissionMismatch"
    for name in ("dev1/b.txt", "dev2/a.txt", "dev1/a.txt/", "dev1/../dev1/a.txt"):
        assert desk.opens(made, name=name) == "AuthenticationFailed"
    changes = (
        {"sp": "rwd"},
        {"se": "2999-01-01T00:00:00Z"},
        {"sip": "1.2.3.4"},
        {"sr": "c"},
        {"sv": "2020-02-10"},
    )
    for change in (*changes, {"sig": "AAAA"}, {"sig": "²"}, {"rsct": "text/html"}):
        assert desk.opens(made, **change) == "AuthenticationFailed"
    assert desk.opens(made, sig="") == "NoAuthenticationInformation"
    desk.stage.clock.seconds += LIFETIME_S - 1
    assert desk.opens(made) is True
    desk.stage.clock.seconds += 2
    assert desk.opens(made) == "AuthenticationFailed"


def test_the_signature_is_that_of_the_document():
    """Azure's generators are for newer versions; this is the document's recipe by hand: HMAC-SHA256 of the fields, one
    a line, keyed with the account's key."""
    key = base64.b64encode(b"k" * 32).decode()
    made = dict(parse_qsl(signatures.sign("dev1/a", "rw", 1_800_000_000.9, "contoso", key)[1:]))
    lines = [
        "rw",
        "",
        "2027-01-15T08:00:00Z",
        "/blob/contoso/device-uploads/dev1/a",
        "",
        "",
        "",
        "2018-03-28",
    ]
    text = "\n".join([*lines, "", "", "", "", ""]).encode()
    assert made["sig"] == base64.b64encode(hmac.new(b"k" * 32, text, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    "name",
    ["", None, 5, "..", "../a", "a/../../b", "a/..", ".", "a\\..\\b", "a\nb", "\0", "\ud800", "x" * MAX_NAME],
)
def test_a_name_that_cannot_be_is_refused(desk, name):
    assert refused(desk.begin, name) == 400004
    assert refused(desk.uploads.begin, desk.device(), name, WHERE) == 400004


names = st.text(
    st.sampled_from("a./\\~%: é\u202e-_") | st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300
)


@given(names, names)
def test_each_name_is_one_file_below_its_device_and_no_other(one, two):
    files = [file_of(f"dev1/{name}") for name in (one, two)]
    for directory, file in files:
        assert directory == "dev1" and file and len(file) <= MAX_FILE
        assert "/" not in file and "\0" not in file and not file.startswith(".")
    assert (files[0] == files[1]) == (one == two)


def test_a_devices_directory_is_none_of_the_stores_own():
    """Ids of devices may begin with a dot; the store's own directories do."""
    assert file_of(".new/a")[0] == "%2Enew"
    assert file_of("~/" + "~" * 400) == ("%7E", file_of("~/" + "~" * 400)[1])
    assert check_name("dev1", "a..b/.c") == "dev1/a..b/.c"


def test_a_request_is_a_devices_own_by_its_token(desk):
    """IoT Hub developer guide, "Control access": a device's token is for its own resource; the hub's policy ``device``
    opens them all."""
    hub, clock = desk.stage.hub, desk.stage.clock
    (key, _) = hub.get_device("dev1")["authentication"]["symmetricKey"].values()

    def admit(resource=f"{HOST}/devices/dev1", key=key, lifetime=60, policy=None, device="dev1"):
        return hub.admit(device, token(resource, key, int(clock.utc()) + lifetime, policy))

    assert admit().device.id == "dev1"
    owner = hub.access.policies["device"].keys[0]
    assert admit(HOST, owner, policy="device").device.id == "dev1"
    assert refused(admit, f"{HOST}/devices/dev2") == 401003
    assert refused(admit, device="dev2") == 401003
    assert refused(admit, device="nobody") == 401003
    assert refused(admit, lifetime=-1) == 401003
    assert refused(hub.admit, "dev1", None) == 401003
    assert refused(hub.admit, "dev1", "Bearer x") == 401003
    hub.update_device("dev1", {"status": "disabled"})
    assert refused(admit) == 401003


def test_the_address_of_a_notification_is_one(desk):
    made = desk.begin("é?#%.txt")
    desk.blobs[made["blobName"]] = Blob(1, 0.0)
    desk.finish(made["correlationId"])
    (told,) = desk.told()
    assert urlsplit(told["blobUri"]).path.endswith("/dev1/%C3%A9%3F%23%25.txt")
