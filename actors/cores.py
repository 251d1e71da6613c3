"""How many cores this process may really use: not how many the machine has."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MEMBERSHIP = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Whole cores that the process may use: those it may run on (affinity), and no more than its control groups grant it
    time for (the limit of a container, or ``CPUQuota=`` of a systemd unit). At least 1.

    ``os.process_cpu_count`` of Python 3.13 knows the affinity only. The files are described in the kernel's documentation,
    "Control Group v2" (``cpu.max``) and "CFS Bandwidth Control" (``cpu.cfs_quota_us``, of v1).
    """
    allowed = len(os.sched_getaffinity(0))
    try:
        granted = granted_cores(MEMBERSHIP.read_text(), MOUNT)
    except OSError:
        return allowed  # no control groups here
    return max(1, int(min(allowed, granted)))


def granted_cores(membership: str, mount: Path) -> float:
    """Cores' worth of time that control groups grant; infinite where none limits it.

    ``membership``: the text of ``/proc/self/cgroup``. A group's limit holds for all groups below it, so each group on the
    way up is asked. A container may see its own group mounted as the root, under a path that is not there: the root answers.
    """
    least = float("inf")
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = Path(path.lstrip("/"))
        for root in (mount, mount / "unified") if not controllers else (mount / controllers, mount / "cpu"):
            for group in (place, *place.parents):
                least = min(least, _limit(root / group))
    return least


def _limit(group: Path) -> float:
    """Cores' worth of time that one group grants."""
    with suppress(OSError, ValueError):
        quota, period = (group / "cpu.max").read_text().split()
        if quota != "max":
            return int(quota) / int(period)
    with suppress(OSError, ValueError):
        quota = int((group / "cpu.cfs_quota_us").read_text())
        if quota > 0:
            return quota / int((group / "cpu.cfs_period_us").read_text())
    return float("inf")
