"""Keeps records in PostgreSQL: schema, roles, partitions, and the sink that stores by group commit.

The parts are imported by their modules: a command that only lists tenants loads no writer.
"""

__all__: list[str] = []
