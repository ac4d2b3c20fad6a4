"""What is done to a board: from what is wanted and what is there, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinkle_host.failure import Failure
from twinkle_host.flash.plan import OURS, make_plan, refuse_downgrade

PATHS = st.sampled_from(
    "main.py board.json credentials.json ca.pem hold state/config.json notes.txt lib/mine.mpy apps/a.mpy apps/b.py "
    "twinkle/core/link.mpy twinkle/core/link.py twinkle/old/ twinkle/old/x.mpy twinkle/core/ lib/umqtt/a.mpy".split()
)
FILES = st.dictionaries(PATHS, st.sampled_from(["1", "2"]))


def perform(plan, wanted, there):
    """The board after the plan was carried out, up to any point."""
    now = dict(there)
    yield dict(now)
    for path in plan.remove:
        assert not any(other != path and other.startswith(path) for other in now if path.endswith("/")), path
        del now[path]
        yield dict(now)
    for path in plan.copy:
        now[path] = wanted[path]
        yield dict(now)


@given(
    wanted=FILES.map(lambda files: {path: digest for path, digest in files.items() if path[-1] != "/"}),
    there=FILES,
)
def test_from_wherever_it_was_cut_the_next_plan_ends_at_what_is_wanted(wanted, there):
    for state in perform(make_plan(wanted, there), wanted, there):
        *_, end = perform(make_plan(wanted, state), wanted, state)
        assert all(end[path] == digest for path, digest in wanted.items())
        left = [path for path in end if path.startswith(OURS) and path not in wanted]
        assert all(path[-1] == "/" and any(file.startswith(path) for file in wanted) for path in left)
        assert not make_plan(wanted, end)
        # What is not ours is as it was.
        for path in there:
            if not path.startswith(OURS) and path not in wanted:
                assert end[path] == there[path]


def test_the_entry_is_copied_last_and_a_folder_removed_after_what_lies_in_it():
    plan = make_plan({"main.py": "1", "twinkle/z.mpy": "1"}, {"twinkle/old/": "", "twinkle/old/x.mpy": "1"})
    assert plan.copy == ["twinkle/z.mpy", "main.py"] and plan.remove == ["twinkle/old/x.mpy", "twinkle/old/"]


def test_versions_are_compared_as_numbers():
    for wanted, there in (("0.10.0", "0.9.9"), ("1.0", None), ("1.0", "1.0"), ("1.0", "unknown")):
        refuse_downgrade(wanted, there, False)
    refuse_downgrade("0.9.0", "0.10.0", True)
    with pytest.raises(Failure, match="--downgrade"):
        refuse_downgrade("0.9.0", "0.10.0", False)
