"""Files uploaded with azure-iot-device and azure-storage-blob, unmodified, as Azure's sample does it.

azure-iot-device, samples/async-hub-scenarios/upload_to_blob.py: storage info, ``BlobClient.from_blob_url``,
``upload_blob``, ``notify_blob_upload_status``.
"""

import os

import pytest
from azure.core.exceptions import ClientAuthenticationError, ResourceExistsError
from azure.iot.device import ProxyOptions
from azure.storage.blob import BlobClient
from https_door import HttpsDoor
from support import own_address
from test_cloud_to_device import program


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


def test_an_upload_with_somebody_elses_signature_is_refused(client, blob_of):
    info = client.get_storage_info_for_blob("mine.txt")
    other = client.get_storage_info_for_blob("other.txt")
    with blob_of({**info, "sasToken": other["sasToken"]}) as blob, pytest.raises(ClientAuthenticationError):
        blob.upload_blob(b"x")
