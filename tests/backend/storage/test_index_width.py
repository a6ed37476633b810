"""Names of any length are stored: no index holds a value that could outgrow its page."""

from __future__ import annotations

import random

import psycopg
import pytest

from seamwatch.backend.analysis.fold_rollups import FoldRollups
from seamwatch.backend.storage.roles import conninfo_as
from seamwatch.backend.telemetry import MetricRegistry

# What the decoder cuts names to, in the widest characters and without any repetition to compress.
_RANDOM = random.Random(7)
_WIDE = "".join(chr(_RANDOM.randrange(0x10000, 0x2FFFF)) for _ in range(1_000))
CUT = _WIDE[:200]
KILOBYTES_4 = "".join(chr(_RANDOM.randrange(33, 127)) for _ in range(4_096))


@pytest.mark.parametrize("name", [KILOBYTES_4, _WIDE], ids=["4 kB", "1,000 wide characters"])
@pytest.mark.parametrize("relation", ["span", "span_out_of_range"])
def test_a_span_with_a_long_name_and_the_widest_service_name_is_stored(
    database: str, relation: str, name: str
) -> None:
    conninfo = conninfo_as(database, "seamwatch_writer", application_name="test")
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            f"INSERT INTO seamwatch.{relation} (tenant_id, trace_id, span_id, start_time, start_ns,"  # noqa: S608
            " duration_ns, service_name, name, name_key, kind, status_code, status_message, trace_state,"
            " flags, resource_id, scope_id, attributes) VALUES (1, %s, %s, now(), 999, 1, %s, %s, 1, 2, 2,"
            " %s, %s, 0, 1, 1, jsonb_build_object('key', %s::text))",
            (b"\xff" * 16, b"\xff" * 8, CUT, name, name, name, name),
        )
        row = connection.execute(
            f"SELECT name, attributes ->> 'key' FROM seamwatch.{relation}"  # noqa: S608
        ).fetchone()

    assert row == (name, name)


def test_rollups_of_the_widest_names_are_folded(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as writer:
        writer.execute(
            "INSERT INTO seamwatch.span_rollup_part VALUES"
            " (1, now(), %s, %s, 2, true, 1, 1, 1, '{1}', '{1}', 1, '\\x01')",
            (CUT, CUT[::-1]),
        )
        writer.execute(
            "INSERT INTO seamwatch.error_rollup_part VALUES (1, now(), %s, %s, 1, %s, %s, 1, 1, '\\x01')",
            (CUT, CUT[::-1], CUT, _WIDE[:500]),
        )
        conninfo = conninfo_as(database, "seamwatch_analysis", application_name="test")
        with psycopg.connect(conninfo, autocommit=True) as connection:
            FoldRollups(MetricRegistry()).run(connection)

        assert writer.execute("SELECT name FROM seamwatch.span_rollup_hour").fetchall() == [
            (CUT[::-1],)
        ]
        assert writer.execute(
            "SELECT service_name FROM seamwatch.error_rollup_minute"
        ).fetchall() == [(CUT,)]


@pytest.mark.parametrize("dictionary", ["resource", "scope"])
def test_a_dictionary_takes_names_of_any_length(database: str, dictionary: str) -> None:
    names = {"resource": "resource_id, service_name", "scope": "scope_id, version, name"}[
        dictionary
    ]
    values = {"resource": "7, %(name)s", "scope": "7, %(name)s, %(name)s"}[dictionary]
    conninfo = conninfo_as(database, "seamwatch_writer", application_name="test")
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            f"INSERT INTO seamwatch.{dictionary} (tenant_id, {names}, attributes, schema_url)"  # noqa: S608
            f" VALUES (1, {values}, '{{}}', %(name)s)",
            {"name": KILOBYTES_4},
        )


def test_every_text_column_of_an_index_is_known_to_be_short(database: str) -> None:
    query = """
        SELECT DISTINCT c.relname || '.' || a.attname
          FROM pg_index i
          JOIN pg_class c ON c.oid = i.indrelid
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
         WHERE c.relnamespace = 'seamwatch'::regnamespace AND NOT c.relispartition
           AND a.atttypid IN ('text'::regtype, 'bytea'::regtype, 'jsonb'::regtype)
    """
    with psycopg.connect(database) as connection:
        found = {row[0] for row in connection.execute(query)}

    assert found == {
        # ids and digests of fixed length
        "span.trace_id",
        "span.span_id",
        "span_out_of_range.trace_id",
        "span_out_of_range.span_id",
        "log_record.trace_id",
        "batch_digest.digest",
        "browser_session.session_hash",
        "sign_in_link.link_hash",
        "access_token.token_id",
        # cut to 200 characters by whoever writes them
        "span.service_name",
        "log_record.service_name",
        "log_record.event_name",
        "log_record.event_id",
        "metric_point.metric_name",
        "span_rollup_minute.service_name",
        "span_rollup_minute.name",
        "span_rollup_hour.service_name",
        "span_rollup_hour.name",
        "error_rollup_minute.service_name",
        "error_rollup_minute.error_type",
        "verdict.kind",
        "verdict.subject",
        # names that we give
        "tenant.name",
        "schema_migration.name",
        "analysis_loop.name",
    }
