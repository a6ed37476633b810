"""docs/reference/sql.md names every relation that a tenant may read, with all its columns in their order."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "sql.md"
_READABLE = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'seamwatch'
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p', 'v')
   AND NOT c.relispartition
   AND has_table_privilege('seamwatch_reader', c.oid, 'SELECT')
 ORDER BY c.relname, a.attnum
"""


def documented() -> dict[str, list[tuple[str, str]]]:
    """Columns with their types by relation, as the document lists them ("Columns of `span`" stands for its list)."""
    sections = re.split(r"^### `(\w+)`$", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
    texts = dict(zip(sections[::2], sections[1::2], strict=True))
    own = {
        relation: re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, re.MULTILINE)
        for relation, text in texts.items()
    }
    shared = {
        relation: re.findall(r"^Columns of `(\w+)`", text, re.MULTILINE)
        for relation, text in texts.items()
    }
    return {
        relation: [*(c for base in shared[relation] for c in own[base]), *own[relation]]
        for relation in texts
    }


def test_sql_reference_lists_the_readable_relations_and_their_columns(database: str) -> None:
    with psycopg.connect(database) as connection:
        rows = connection.execute(_READABLE).fetchall()
    expected: dict[str, list[tuple[str, str]]] = {}
    for relation, column, kind in rows:
        expected.setdefault(relation, []).append((column, kind))

    assert documented() == expected
