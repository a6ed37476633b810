"""An admin application over a real database, asked from ordinary functions; rows put in by plain SQL."""

from __future__ import annotations

import asyncio
import json
import math
import threading
import zlib
from collections import defaultdict
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import psycopg
import pytest

from seamwatch.backend.api import AdminConfig, CursorSigner, Services, create_app
from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.errors import UnauthenticatedError
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.storage.access import TenantDatabase

_Result = TypeVar("_Result")

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=30, microsecond=0)
TENANTS = {"default": 1, "other": 2, "third": 3}

_INSERT_SPAN = """
INSERT INTO seamwatch.span (tenant_id, trace_id, span_id, parent_span_id, start_time, start_ns, duration_ns,
    service_name, name, name_key, kind, status_code, status_message, trace_state, flags, resource_id, scope_id,
    attributes, events, links, dropped_counts)
VALUES (%(tenant_id)s, %(trace_id)s, %(span_id)s, %(parent_span_id)s, %(start_time)s, %(start_ns)s,
    %(duration_ns)s, %(service_name)s, %(name)s, %(name_key)s, %(kind)s, %(status_code)s, %(status_message)s,
    %(trace_state)s, %(flags)s, %(resource_id)s, %(scope_id)s, %(attributes)s::jsonb, %(events)s::jsonb,
    %(links)s::jsonb, %(dropped_counts)s)
"""
_INSERT_ROLLUP = """
INSERT INTO seamwatch.span_rollup_minute (tenant_id, minute, service_name, name, kind, is_entry, span_count,
    error_count, duration_sum_ns, histogram_bucket, histogram_count, slowest_duration_ns, slowest_trace_id)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, kw_only=True)
class SpanRow:
    """One span to be stored; `at` has microseconds, `ns` the rest."""

    trace: int
    id: int = 1
    parent: int | None = None
    at: datetime
    ns: int = 0
    duration_ns: int = 1_000_000
    service: str = "shop"
    name: str = "GET /"
    kind: int = 2
    status: int = 0
    status_message: str | None = None
    trace_state: str | None = None
    flags: int = 257
    resource: int = 1
    scope: int = 1
    attributes: str = "{}"
    events: str | None = None
    links: str | None = None
    dropped: list[int] | None = None
    tenant: str = "default"

    @property
    def trace_id(self) -> str:
        return f"{self.trace:032x}"

    @property
    def is_entry(self) -> bool:
        return self.parent is None or self.kind in (2, 5)

    @property
    def start_ns(self) -> int:
        return (self.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
            microseconds=1
        ) * 1000 + self.ns


@dataclass
class Store:
    """Writes rows as the superuser and keeps the spans that it wrote."""

    conninfo: str
    now: datetime = NOW
    spans: list[SpanRow] = field(default_factory=list)

    def add(self, *spans: SpanRow, relation: str = "seamwatch.span") -> None:
        rows = [self._row(span) for span in spans]
        self.spans.extend(spans)
        with psycopg.connect(self.conninfo) as connection:
            statement = _INSERT_SPAN.replace("seamwatch.span ", relation + " ")
            connection.cursor().executemany(statement.encode(), rows)

    def add_traces(self, count: int, *, step_s: float = 1.0, **fields: Any) -> list[str]:
        """Traces of one root span each, `step_s` apart, the newest first; their ids."""
        rows = [
            SpanRow(trace=n + 1, at=self.now - timedelta(seconds=60 + n * step_s), **fields)
            for n in range(count)
        ]
        self.add(*rows)
        return [row.trace_id for row in rows]

    def roll_up(self, *, into: Sequence[str] = ("span_rollup_minute",), per_s: int = 60) -> None:
        """Make rollup rows of the spans written so far, as the schema describes them."""
        groups: dict[tuple[Any, ...], list[SpanRow]] = defaultdict(list)
        for span in self.spans:
            slot = span.at - timedelta(seconds=span.at.timestamp() % per_s, microseconds=0)
            key = (TENANTS[span.tenant], slot, span.service, span.name, span.kind, span.is_entry)
            groups[key].append(span)
        with psycopg.connect(self.conninfo) as connection:
            for key, members in groups.items():
                counts: dict[int, int] = defaultdict(int)
                for span in members:
                    ns = span.duration_ns
                    counts[math.ceil(16 * math.log2(ns)) if ns > 1 else 0] += 1
                buckets = sorted(counts)
                slowest = max(members, key=lambda span: span.duration_ns)
                values = (
                    *key,
                    len(members),
                    sum(span.status == 2 for span in members),
                    sum(max(0, span.duration_ns) for span in members),
                    buckets,
                    [counts[bucket] for bucket in buckets],
                    slowest.duration_ns,
                    bytes.fromhex(slowest.trace_id),
                )
                for relation in into:
                    statement = _INSERT_ROLLUP.replace("span_rollup_minute", relation)
                    connection.execute(statement.encode(), values)

    def execute(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    @staticmethod
    def _row(span: SpanRow) -> dict[str, Any]:
        key = zlib.crc32(span.name.encode())
        return {
            "tenant_id": TENANTS[span.tenant],
            "trace_id": bytes.fromhex(span.trace_id),
            "span_id": span.id.to_bytes(8, "big"),
            "parent_span_id": None if span.parent is None else span.parent.to_bytes(8, "big"),
            "start_time": span.at,
            "start_ns": span.ns,
            "duration_ns": span.duration_ns,
            "service_name": span.service,
            "name": span.name,
            "name_key": key - 2**32 if key >= 2**31 else key,
            "kind": span.kind,
            "status_code": span.status,
            "status_message": span.status_message,
            "trace_state": span.trace_state,
            "flags": span.flags,
            "resource_id": span.resource,
            "scope_id": span.scope,
            "attributes": span.attributes,
            "events": span.events,
            "links": span.links,
            "dropped_counts": span.dropped,
        }


class FakeCredentials:
    """Bearer ``role,role@tenant`` is a token with these roles; the cookie value is the same text."""

    async def by_authorization(
        self, authorization: Sequence[str], *, peer: str, is_forwarded: bool
    ) -> Access:
        roles, _, tenant = authorization[0].removeprefix("Bearer ").partition("@")
        if len(authorization) != 1 or tenant not in TENANTS:
            raise UnauthenticatedError()
        return self._access(roles, tenant)

    async def by_session(self, cookie: str) -> Access | None:
        role, _, tenant = cookie.partition("-")
        return self._access(role, tenant) if tenant in TENANTS else None

    @staticmethod
    def _access(roles: str, tenant: str) -> Access:
        return Access(
            token_id=f"{roles}@{tenant}",
            tenant_id=TENANTS[tenant],
            tenant_name=tenant,
            roles=frozenset(map(Role, roles.split(","))),
        )


class FakeTenants:
    async def find_tenant(self, name: str) -> int | None:
        return TENANTS.get(name)


class Loop:
    """An event loop in a thread of its own, so that tests are ordinary functions."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Api:
    """Asks the application as a client on loopback would."""

    def __init__(self, loop: Loop, database: TenantDatabase, **changes: Any) -> None:
        self.loop = loop
        self.database = database
        self.now = NOW
        values: dict[str, Any] = {
            "config": AdminConfig(),
            "database": database,
            "credentials": FakeCredentials(),
            "tenants": FakeTenants(),
            "cursors": CursorSigner(b"k" * 32),
            "clock": lambda: self.now.timestamp(),
        }
        modules = changes.pop("modules", None)
        self.services = Services(**{**values, **changes})
        self.app = create_app(self.services, modules=modules)

    def get(self, path: str, *, role: str | None = "viewer", **options: Any) -> httpx.Response:
        return self.request("GET", path, role=role, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        role: str | None = "viewer",
        tenant: str = "default",
        headers: dict[str, str] | None = None,
        params: Any = None,
        peer: str = "127.0.0.1",
    ) -> httpx.Response:
        sent = dict(headers or {})
        if role is not None:
            sent["Authorization"] = f"Bearer {role}@{tenant}"

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(peer, 50_000))  # type: ignore[arg-type]
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:4320"
            ) as client:
                return await client.request(method, path, headers=sent, params=params)

        return self.loop.run(ask())

    def pages(self, path: str, params: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """The items of every page."""
        cursor: str | None = None
        while True:
            sent = {**params, "cursor": cursor} if cursor else params
            answer = self.get(path, params=sent)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            yield body["items"]
            cursor = body["next_cursor"]
            if cursor is None:
                return

    def with_services(self, **changes: Any) -> Api:
        return Api(self.loop, self.database, **changes)


@pytest.fixture
def store(database: str) -> Store:
    store = Store(database)
    store.execute("INSERT INTO seamwatch.tenant (name) VALUES ('other'), ('third')")
    return store


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def tenant_database(loop: Loop, database: str) -> Iterator[TenantDatabase]:
    tenant_database = TenantDatabase(database, max_connections=3)
    loop.run(tenant_database.open())
    yield tenant_database
    loop.run(tenant_database.close())


@pytest.fixture
def api(loop: Loop, tenant_database: TenantDatabase, store: Store) -> Api:
    return Api(loop, tenant_database)


@pytest.fixture
def span_row() -> type[SpanRow]:
    return SpanRow


@pytest.fixture
def as_json() -> Any:
    return json.dumps
