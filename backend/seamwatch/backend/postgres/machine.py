"""How much memory and disk this process may count on."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["disk_bytes", "memory_bytes"]


def memory_bytes(root: Path = Path("/")) -> int:
    """Memory that this process may use: the machine's, or less where a control group says so.

    Args:
        root: Where ``proc`` and ``sys`` are found.
    """
    limits = [limit for limit in _cgroup_limits(root) if limit > 0]
    return min([_physical_bytes(root), *limits])


def disk_bytes(path: Path) -> int:
    """Size of the file system that holds `path`, used or not."""
    status = os.statvfs(path)
    return status.f_frsize * status.f_blocks


def _physical_bytes(root: Path) -> int:
    """The machine's memory."""
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup_limits(root: Path) -> list[int]:
    """Limits of our control group and of those around it, version 1 and 2."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounts, name = ["sys/fs/cgroup", "sys/fs/cgroup/unified"], "memory.max"
        elif "memory" in controllers.split(","):
            mounts, name = [f"sys/fs/cgroup/{controllers}"], "memory.limit_in_bytes"
        else:
            continue
        group = Path(path.lstrip("/"))
        # In a container the path is the host's while the mount shows only our part: try all levels.
        for level in (group, *group.parents):
            for mount in mounts:
                limits.append(_read_limit(root / mount / level / name))
    return limits


def _read_limit(path: Path) -> int:
    """One limit in bytes, 0 where there is none."""
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0
