"""Files uploaded with azure-iot-device and azure-storage-blob, unmodified, as Azure's sample does it.

azure-iot-device, samples/async-hub-scenarios/upload_to_blob.py and upload_to_blob_x509.py: storage info,
``BlobClient.from_blob_url``, ``upload_blob``, ``notify_blob_upload_status``.
"""

import os

import pytest
from azure.core.exceptions import ClientAuthenticationError, ResourceExistsError
from azure.iot.device import X509, IoTHubDeviceClient, ProxyOptions
from azure.storage.blob import BlobClient
from https_door import HttpsDoor
from support import own_address
from test_cloud_to_device import program

from twinkle_host.device_certificate import make_certificate


@pytest.fixture
def client(hub, device):
    """A device's client that has not connected: uploads need HTTPS alone."""
    with HttpsDoor(own_address(), hub.info["restPort"]) as door:
        yield device(connect=False, proxy_options=ProxyOptions("HTTP", "127.0.0.1", door.port))


@pytest.fixture
def blob_of(hub):
    """The client of the blob that storage info is for."""

    def make(info, **options):
        url = "https://{hostName}/{containerName}/{blobName}{sasToken}".format(**info)
        return BlobClient.from_blob_url(url, connection_verify=hub.info["caFile"], **options)

    return make


def test_a_file_is_uploaded_and_a_service_is_told(hub, client, blob_of):
    info = client.get_storage_info_for_blob("photos/a b.txt")
    with blob_of(info) as blob:
        blob.upload_blob(b"what it saw", metadata={"camera": "1"})
        with pytest.raises(ResourceExistsError):
            blob.upload_blob(b"again")
        blob.upload_blob(b"what it saw next", overwrite=True)
        assert blob.download_blob().readall() == b"what it saw next"
    client.notify_blob_upload_status(info["correlationId"], True, 200, "OK")
    (told,) = program(hub, "files", "1")
    assert told["blobName"] == info["blobName"] and told["blobSizeInBytes"] == 16
    assert told["deviceId"] == info["blobName"].partition("/")[0]


def test_a_large_file_goes_up_in_blocks_several_at_a_time(hub, client, blob_of):
    content = os.urandom(300_000)
    info = client.get_storage_info_for_blob("large.bin")
    with blob_of(info, max_single_put_size=65536, max_block_size=65536) as blob:
        blob.upload_blob(content, max_concurrency=3)
        assert blob.download_blob().readall() == content
        assert blob.get_blob_properties().size == len(content)
    client.notify_blob_upload_status(info["correlationId"], False, 500, "tried")


def test_a_device_with_a_certificate_uploads_a_file(hub, blob_of, tmp_path):
    """azure-docs, iot-hub, "Authenticate identities with X.509 certificates": there for thumbprints."""
    prints = {"primaryThumbprint": make_certificate(tmp_path, "certified-2")}
    hub.call(
        *("create_device", "certified-2"),
        {"authentication": {"type": "selfSigned", "x509Thumbprint": prints}},
    )
    with HttpsDoor(own_address(), hub.info["restPort"]) as door, open(hub.info["caFile"]) as ca:
        client = IoTHubDeviceClient.create_from_x509_certificate(
            hostname=hub.info["host"],
            device_id="certified-2",
            x509=X509(str(tmp_path / "device.pem"), str(tmp_path / "device.key")),
            server_verification_cert=ca.read(),
            proxy_options=ProxyOptions("HTTP", "127.0.0.1", door.port),
        )
        info = client.get_storage_info_for_blob("a.txt")
        with blob_of(info) as blob:
            blob.upload_blob(b"what it saw")
            assert blob.download_blob().readall() == b"what it saw"
        client.notify_blob_upload_status(info["correlationId"], True, 200, "OK")
        client.shutdown()


def test_an_upload_with_somebody_elses_signature_is_refused(client, blob_of):
    info = client.get_storage_info_for_blob("mine.txt")
    other = client.get_storage_info_for_blob("other.txt")
    with blob_of({**info, "sasToken": other["sasToken"]}) as blob, pytest.raises(ClientAuthenticationError):
        blob.upload_blob(b"x")
