"""Verdicts: what an analysis found about a subject, from when to when."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping

import psycopg

from seamwatch.backend.storage.queries import load

__all__ = ["open_verdicts", "set_verdict"]

_MAX_TEXT = 200  # characters; 4 bytes each must fit an index row of 2,704 bytes


def set_verdict(
    connection: psycopg.Connection,
    tenant_id: int,
    kind: str,
    subject: str,
    state: str,
    evidence: Mapping[str, object],
    at: datetime.datetime,
) -> bool:
    """Let a subject be in `state` from `at` on; there is one open verdict per kind and subject.

    The same state again changes nothing: its beginning and first evidence stay. Another state
    closes the open verdict and opens the next in one transaction.

    Args:
        connection: As `seamwatch_analysis`.
        tenant_id: Whose subject it is.
        kind: The analysis, such as ``service_health``.
        subject: What is judged; longer than 200 characters it is cut and a digest added.
        state: A word of the kind's own.
        evidence: The figures behind it, plain JSON.
        at: Aware time of the finding.

    Returns:
        Whether the state changed.
    """
    key = {"tenant_id": tenant_id, "kind": kind, "subject": _shortened(subject)}
    with connection.transaction():
        current = connection.execute(load("verdict_current"), key).fetchone()
        if current is not None and current[1] == state:
            return False
        if current is not None:
            closing = {"tenant_id": tenant_id, "verdict_id": current[0], "at": at}
            connection.execute(load("verdict_close"), closing)
        opening = {**key, "state": state, "at": at, "evidence": json.dumps(evidence)}
        opened = connection.execute(load("verdict_open"), opening).fetchone()
    return opened is not None


def open_verdicts(connection: psycopg.Connection, kind: str) -> dict[tuple[int, str], str]:
    """States of the open verdicts of one kind by tenant and subject."""
    rows = connection.execute(load("verdict_open_list"), {"kind": kind})
    return {(tenant_id, subject): state for tenant_id, subject, state in rows}


def _shortened(subject: str) -> str:
    """The subject as it is stored: whole, or cut with what still tells two long ones apart."""
    subject = subject.replace("\0", "\ufffd")
    if len(subject) <= _MAX_TEXT:
        return subject
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{subject[: _MAX_TEXT - 17]}~{digest}"
