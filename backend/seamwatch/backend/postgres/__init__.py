"""Finds or runs the PostgreSQL that keeps everything."""

from seamwatch.backend.postgres.config import PostgresConfig, default_state_dir
from seamwatch.backend.postgres.provider import (
    RunningPostgres,
    open_postgres,
    remove_cluster,
    running_conninfo,
)

__all__ = [
    "PostgresConfig",
    "RunningPostgres",
    "default_state_dir",
    "open_postgres",
    "remove_cluster",
    "running_conninfo",
]
