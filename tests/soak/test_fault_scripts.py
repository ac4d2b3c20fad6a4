"""Seeded lives under faults. A seed that fails is replayed with ``--seed N``; ``--soak`` runs a thousand."""

import time
from pathlib import Path

import pytest
from fault_script import Life

SHORT, FULL = 150, 1000
LONGER = FULL / SHORT


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("seed")
        count = FULL if metafunc.config.getoption("soak") else SHORT
        metafunc.parametrize("seed", [chosen] if chosen is not None else range(count))


@pytest.fixture(scope="module")
def durations():
    """How long each script took, in seconds."""
    return []


def test_whatever_fails_the_device_recovers_and_its_account_is_right(seed, durations):
    begun = time.monotonic()
    life = Life(seed)
    life.live()
    life.check()
    life.world.close()
    durations.append(time.monotonic() - begun)


def test_how_long_the_long_form_takes(durations, measured):
    each = sum(durations) / len(durations)
    measured(f"{len(durations)} fault scripts, {each * 1000:.0f} ms each; {FULL} take {each * FULL:.0f} s")


@pytest.mark.parametrize("chosen", range(3))
def test_the_same_on_micropython(chosen):
    life = Life(chosen, "micropython", [Path(__file__).parent.parent / "device"])
    life.live()
    life.check()
    life.world.close()
