"""The hubs that a benchmark starts in the place of ``twinkle hub`` start, and take devices."""

import os

import pytest
from support import ROOT

from benchmark.hub_process import HubProcess


@pytest.mark.parametrize("module", ["benchmark.stamped_hub", "benchmark.hub_without_log"])
def test_it_starts_and_takes_devices(tmp_path, monkeypatch, module):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "tools", ROOT / "firmware"))))
    with HubProcess(tmp_path / "hub", port=0, module=module) as hub:
        assert "DeviceId=desk" in hub.service().add("desk")
