"""Three tenants, any order of acts: nobody ever reads a row that is not his (model against SQL)."""

from __future__ import annotations

import contextlib
import datetime
import secrets
from collections.abc import Callable

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from psycopg.conninfo import make_conninfo

from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.storage.tenants import create_tenant, grant_sql, revoke_sql

TENANTS = 3
RELATIONS = {
    "span": "trace_id",
    "span_out_of_range": "trace_id",
    "span_rollup_part": "slowest_trace_id",
    "span_rollup_minute": "slowest_trace_id",
    "span_rollup": "slowest_trace_id",
}
WRITTEN = ["span", "span_out_of_range", "span_rollup_part", "span_rollup_minute"]
SETTINGS = [
    "SET seamwatch.tenant_id = '{}'",
    "SET SESSION seamwatch.tenant_id = '{}'",
    "SET search_path = pg_temp, seamwatch",
    "SET row_security = on",
    "SET ROLE seamwatch_reader",
    "RESET ROLE",
    "RESET ALL",
    "DISCARD ALL",
    "SET enable_seqscan = off",
    "SET default_transaction_read_only = off",
]
_SPAN = (
    "INSERT INTO seamwatch.{} (tenant_id, trace_id, span_id, start_time, start_ns, duration_ns,"
    " service_name, name, name_key, kind, status_code, flags, resource_id, scope_id, attributes)"
    " VALUES (%s, %s, '\\x01', %s, 0, 1, 's', 'n', 1, 1, 0, 0, 1, 1, '{{}}')"
)
_ROLLUP = (
    "INSERT INTO seamwatch.{} VALUES (%s, %s, 's', %s, 2, true, 1, 0, 1, '{{1}}', '{{1}}', 1, %s)"
)

tenant_numbers = st.integers(0, TENANTS - 1)


class _World:
    """Connections and tenants, made once for all examples."""

    def __init__(self, database: str, stack: contextlib.ExitStack) -> None:
        def connect(conninfo: str) -> psycopg.Connection:
            # Without prepared statements: DISCARD ALL takes them from the server unseen.
            return stack.enter_context(
                psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
            )

        names = [f"m{secrets.token_hex(6)}" for _ in range(TENANTS)]
        self.ids = [create_tenant(database, name, actor="test").tenant_id for name in names]
        self.admin = connect(database)
        self.writer = connect(conninfo_as(database, "seamwatch_writer", application_name="model"))
        self.app = connect(conninfo_as(database, "seamwatch_app", application_name="model"))
        self.logins: list[psycopg.Connection] = []
        for name in names:
            login = grant_sql(database, name, actor="test")
            stack.callback(revoke_sql, database, name, actor="test")
            self.logins.append(
                connect(make_conninfo(database, user=login.login, password=login.password))
            )


def _machine(world: _World) -> type[RuleBasedStateMachine]:
    class Isolation(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            world.admin.execute(
                "TRUNCATE seamwatch.span, seamwatch.span_out_of_range,"
                " seamwatch.span_rollup_part, seamwatch.span_rollup_minute"
            )
            for login in world.logins:
                login.execute("DISCARD ALL")
            self.rows: dict[str, list[set[bytes]]] = {
                relation: [set() for _ in range(TENANTS)] for relation in WRITTEN
            }

        def expected(self, relation: str, tenant: int) -> set[bytes]:
            if relation == "span_rollup":
                parts = self.rows["span_rollup_part"][tenant]
                return parts | self.rows["span_rollup_minute"][tenant]
            return self.rows[relation][tenant]

        @rule(tenant=tenant_numbers, relation=st.sampled_from(WRITTEN))
        def write(self, tenant: int, relation: str) -> None:
            trace_id = secrets.token_bytes(8)
            now = datetime.datetime.now(datetime.UTC)
            if relation.startswith("span_rollup"):
                # The rollup of minutes is the fold's; an administrator stands in for it.
                world.admin.execute(
                    _ROLLUP.format(relation), (world.ids[tenant], now, trace_id.hex(), trace_id)
                )
            else:
                world.writer.execute(_SPAN.format(relation), (world.ids[tenant], trace_id, now))
            self.rows[relation][tenant].add(trace_id)

        @rule(tenant=tenant_numbers, relation=st.sampled_from(sorted(RELATIONS)))
        def read_as_application(self, tenant: int, relation: str) -> None:
            with world.app.transaction():
                world.app.execute(
                    "SELECT set_config('seamwatch.tenant_id', %s, true)", (str(world.ids[tenant]),)
                )
                assert _read(world.app, relation) == self.expected(relation, tenant)

        @rule(relation=st.sampled_from(sorted(RELATIONS)))
        def read_as_application_without_a_tenant(self, relation: str) -> None:
            assert _read(world.app, relation) == set()

        @rule(
            tenant=tenant_numbers,
            other=st.integers(0, TENANTS),
            statement=st.sampled_from(SETTINGS),
        )
        def a_login_sets_what_it_likes(self, tenant: int, other: int, statement: str) -> None:
            other_id = world.ids[other] if other < TENANTS else 1
            world.logins[tenant].execute(statement.format(other_id))

        @rule(
            tenant=tenant_numbers,
            relation=st.sampled_from(sorted(RELATIONS)),
            other=tenant_numbers,
        )
        def a_login_asks_for_another_tenant(self, tenant: int, relation: str, other: int) -> None:
            rows = world.logins[tenant].execute(
                f"SELECT count(*) FROM seamwatch.{relation} WHERE tenant_id = %s",  # noqa: S608
                (world.ids[other],),
            )
            seen = len(self.rows_of(relation, other)) if other == tenant else 0
            assert rows.fetchone() == (seen,)

        def rows_of(self, relation: str, tenant: int) -> set[bytes]:
            return self.expected(relation, tenant)

        @invariant()
        def every_login_sees_exactly_its_rows(self) -> None:
            for tenant, login in enumerate(world.logins):
                assert _read(login, "span") == self.expected("span", tenant)
                assert _read(login, "span_rollup") == self.expected("span_rollup", tenant)

    return Isolation


def _read(connection: psycopg.Connection, relation: str) -> set[bytes]:
    rows = connection.execute(f"SELECT {RELATIONS[relation]} FROM seamwatch.{relation}")  # noqa: S608
    return {bytes(row[0]) for row in rows}


def test_no_sequence_of_acts_shows_a_foreign_row(
    make_database: Callable[[str | None], str], database_template: str
) -> None:
    with contextlib.ExitStack() as stack:
        world = _World(make_database(database_template), stack)

        run_state_machine_as_test(
            _machine(world),
            settings=settings(
                max_examples=25,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
