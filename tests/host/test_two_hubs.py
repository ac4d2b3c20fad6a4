"""One process that talks to two local hubs, each with an authority of its own."""

import os

import pytest
from urllib3.util.retry import Retry

from twinkle_host.failure import Failure
from twinkle_host.hub.live import LiveHub
from twinkle_host.service.hub import Hub


@pytest.fixture(scope="module")
def hubs(tmp_path_factory):
    places = (tmp_path_factory.mktemp(name) for name in ("one", "other"))
    with LiveHub(next(places)) as one, LiveHub(next(places)) as other:
        yield one, other


def seen(live, ca_file=None):
    return Hub(live.info["serviceConnectionString"], ca_file or live.info["caFile"])


def test_a_hubs_authority_is_its_own_and_the_processs_environment_is_left_alone(hubs, monkeypatch):
    """msrest, ``ClientConnection.verify``: the authorities of one client."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")  # as it was at the end, whatever is done
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    before = dict(os.environ)
    one, other = map(seen, hubs)
    with one.registry() as registry, other.registry() as another, other.digital_twins() as twins:
        registry.create_device_with_sas("here", None, None, "enabled")
        another.create_device_with_sas("there", None, None, "enabled")
        assert [device.device_id for device in registry.get_devices()] == ["here"]
        assert [device.device_id for device in another.get_devices()] == ["there"]
        assert twins.get_digital_twin("there")["$dtId"] == "there"
    assert dict(os.environ) == before


def test_what_the_environment_says_does_not_count_for_a_local_hub(hubs, monkeypatch):
    one, other = hubs
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", other.info["caFile"])
    with seen(one).registry() as registry:
        assert registry.get_service_statistics()
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)  # azure-iot-hub asks again by itself, after pauses
    stranger = seen(one, other.info["caFile"])
    with pytest.raises(Failure, match="not trusted"), stranger.registry() as registry:
        registry.get_service_statistics()
