from __future__ import annotations

from pathlib import Path

import pytest

from seamwatch.backend.postgres.server_settings import server_settings, settings_text

GIB = 1024**3


def settings(memory_bytes: int = 8 * GIB, disk_bytes: int = 100 * GIB) -> dict[str, str]:
    return server_settings(
        memory_bytes=memory_bytes,
        disk_bytes=disk_bytes,
        socket_dir=Path("/run/seamwatch"),
        cluster_name="seamwatch-test",
    )


@pytest.mark.parametrize(
    ("memory_gib", "shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem"),
    [
        (0.25, "32MB", "128MB", "4MB", "32MB"),
        (2, "256MB", "1024MB", "5MB", "64MB"),
        (8, "1024MB", "4096MB", "20MB", "256MB"),
        (256, "4096MB", "131072MB", "32MB", "512MB"),
    ],
)
def test_settings_follow_the_memory(
    memory_gib: float,
    shared_buffers: str,
    effective_cache_size: str,
    work_mem: str,
    maintenance_work_mem: str,
) -> None:
    chosen = settings(memory_bytes=int(memory_gib * GIB))

    assert chosen["shared_buffers"] == shared_buffers
    assert chosen["effective_cache_size"] == effective_cache_size
    assert chosen["work_mem"] == work_mem
    assert chosen["maintenance_work_mem"] == maintenance_work_mem


@pytest.mark.parametrize(
    ("disk_gib", "max_wal_size"), [(2, "512MB"), (20, "2048MB"), (500, "4096MB")]
)
def test_wal_takes_no_more_than_a_tenth_of_a_small_disk(disk_gib: int, max_wal_size: str) -> None:
    assert settings(disk_bytes=disk_gib * GIB)["max_wal_size"] == max_wal_size


def test_text_doubles_what_would_end_a_quoted_value() -> None:
    text = settings_text({"cluster_name": "it's a \\ mark"})

    assert "cluster_name = 'it''s a \\\\ mark'" in text.splitlines()
