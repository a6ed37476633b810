"""Settings of the embedded server, computed from the machine."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["server_settings", "settings_text"]

_MIB = 1024**2
_GIB = 1024**3


def server_settings(
    *, memory_bytes: int, disk_bytes: int, socket_dir: Path, cluster_name: str
) -> dict[str, str]:
    """Choose values for a store that mostly inserts and is shared with Seamwatch's own processes.

    Args:
        memory_bytes: What the machine or its control group allows.
        disk_bytes: Size of the file system below the data directory.
        socket_dir: Folder of the Unix socket.
        cluster_name: Shown in the process list; tells this cluster's processes from others.

    Returns:
        Value by name, as ``postgresql.conf`` spells them, without quotes.
    """
    # An eighth, not the usual quarter: the receivers and the page cache live on the same machine,
    # and rows are read through rollups. 4 GiB bounds the final checkpoint of a clean stop.
    shared_buffers = _clamp(memory_bytes // 8, 32 * _MIB, 4 * _GIB)
    # Checkpoints by time, not by volume, yet a replay after a crash that stays within seconds.
    max_wal_size = _clamp(disk_bytes // 10, 512 * _MIB, 4 * _GIB)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": '"' + str(socket_dir).replace('"', '""') + '"',
        "cluster_name": cluster_name,
        "max_connections": "100",
        # One query may touch every index of every daily partition.
        "max_locks_per_transaction": "256",
        "shared_buffers": _mib(shared_buffers),
        "effective_cache_size": _mib(memory_bytes // 2),
        "work_mem": _mib(_clamp(memory_bytes // 400, 4 * _MIB, 32 * _MIB)),
        "maintenance_work_mem": _mib(_clamp(memory_bytes // 32, 32 * _MIB, 512 * _MIB)),
        "wal_buffers": "16MB",
        "wal_compression": "off",
        "min_wal_size": _mib(max_wal_size // 8),
        "max_wal_size": _mib(max_wal_size),
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "random_page_cost": "1.1",
        "jit": "off",
        # Rows are inserted once and dropped by partition: visit a partition now and then for its
        # visibility map and statistics, in small steps, and freeze on that visit.
        "autovacuum_max_workers": "2",
        "autovacuum_naptime": "30s",
        "autovacuum_vacuum_insert_threshold": "100000",
        "autovacuum_vacuum_insert_scale_factor": "0.2",
        "autovacuum_analyze_scale_factor": "0.05",
        "autovacuum_vacuum_cost_limit": "1000",
        "vacuum_freeze_min_age": "1000000",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "logging_collector": "on",
        "log_destination": "stderr",
        "log_directory": "log",
        "log_filename": "postgresql-%Y%m%d-%H%M%S.log",
        "log_file_mode": "0600",
        "log_rotation_size": "16MB",
        "log_rotation_age": "1d",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        # DETAIL and CONTEXT carry values of rows, which are other people's data.
        "log_error_verbosity": "terse",
        "password_encryption": "scram-sha-256",
    }
    if sys.platform == "linux":  # both are refused at start where the platform lacks the call
        settings["client_connection_check_interval"] = "5s"
        settings["effective_io_concurrency"] = "200"
    return settings


def settings_text(settings: dict[str, str]) -> str:
    """Spell `settings` as a file that ``postgresql.conf`` can include."""
    lines = [f"{name} = '{_escape(value)}'" for name, value in settings.items()]
    header = (
        "# Written by Seamwatch at every start: put changes into postgresql.conf, below include."
    )
    return "\n".join([header, *lines, ""])


def _clamp(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))


def _mib(size_bytes: int) -> str:
    return f"{size_bytes // _MIB}MB"


def _escape(value: str) -> str:
    """Inside the quotes of a configuration file both marks are doubled."""
    return value.replace("\\", "\\\\").replace("'", "''")
