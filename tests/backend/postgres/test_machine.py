from __future__ import annotations

from pathlib import Path

from seamwatch.backend.postgres.machine import disk_bytes, memory_bytes

KIB = 1024


def machine(root: Path, cgroup: str, limits: dict[str, str]) -> Path:
    """A tree with 8,000,000 KiB of memory and the given control groups."""
    files = {
        "proc/meminfo": "MemTotal:        8000000 kB\nMemFree: 1 kB\n",
        "proc/self/cgroup": cgroup,
        **limits,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_memory_is_the_machines_where_no_group_limits_it(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/a/b\n", {"sys/fs/cgroup/a/memory.max": "max\n"})

    assert memory_bytes(root) == 8_000_000 * KIB


def test_memory_is_the_smallest_limit_of_the_groups_around_us(tmp_path: Path) -> None:
    limits = {
        "sys/fs/cgroup/a/memory.max": "1073741824\n",
        "sys/fs/cgroup/a/b/memory.max": "2147483648\n",
    }

    assert memory_bytes(machine(tmp_path, "0::/a/b\n", limits)) == 1073741824


def test_limit_of_a_container_that_sees_only_its_own_part_counts(tmp_path: Path) -> None:
    limits = {"sys/fs/cgroup/memory.max": "536870912\n"}

    assert memory_bytes(machine(tmp_path, "0::/docker/0123\n", limits)) == 536870912


def test_limit_of_a_version_one_group_counts_and_its_absence_does_not(tmp_path: Path) -> None:
    limits = {
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "268435456\n",
    }

    assert memory_bytes(machine(tmp_path, "4:memory:/job\n3:cpu:/\n", limits)) == 268435456


def test_real_machine_has_memory_and_disk(tmp_path: Path) -> None:
    assert memory_bytes() > 64 * KIB**2
    assert disk_bytes(tmp_path) > 64 * KIB**2
