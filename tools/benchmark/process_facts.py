"""What the system says of a process (Linux, proc(5))."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Time on a processor so far, all threads, utime + stime; in steps of a clock tick (10 ms, mostly)."""
    # The name of the program stands in parentheses and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kb(pid: int) -> float:
    """The resident set, in units of 1,000 bytes."""
    return _field(Path(f"/proc/{pid}/status"), "VmRSS") * 1.024


def proportional_kb(pid: int) -> float:
    """The same, with each page that several processes share divided among them."""
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss") * 1.024


def _field(path: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{path} has no {name}")
    return int(found[1])
