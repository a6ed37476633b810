"""The names of seamwatch.semconv against docs/semconv.md and against OpenTelemetry's package."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import seamwatch.semconv as semconv
from seamwatch.semconv import CANONICAL_NAMES, SCHEMA_URL, standard

DOCUMENT = (Path(__file__).parents[2] / "docs" / "semconv.md").read_text()
_NAME_ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| `([A-Z0-9_]+)` \|", re.MULTILINE)
_ALIAS_ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| `([a-z0-9_.]+)` \|$", re.MULTILINE)
_PREFIXES = ("webhook.", "websocket.", "ml.", "circuit_breaker.", "seamwatch.")


def constants() -> dict[str, str]:
    """Names by constant."""
    return {
        constant: getattr(semconv, constant)
        for constant in semconv.__all__
        if constant not in {"CANONICAL_NAMES", "SCHEMA_URL"}
    }


def official_names() -> set[str]:
    """Every string constant of OpenTelemetry's own package of conventions."""
    names: set[str] = set()
    for name in (
        "opentelemetry.semconv.attributes",
        "opentelemetry.semconv._incubating.attributes",
    ):
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__, name + "."):
            values = vars(importlib.import_module(module.name)).values()
            names |= {value for value in values if isinstance(value, str)}
    return names


def test_document_and_code_name_the_same_constants() -> None:
    documented = {constant: name for name, constant in _NAME_ROW.findall(DOCUMENT)}

    assert documented == constants()


def test_document_names_each_constant_once() -> None:
    documented = [constant for _, constant in _NAME_ROW.findall(DOCUMENT)]

    assert len(documented) == len(set(documented))


def test_document_and_code_list_the_same_old_names() -> None:
    assert dict(_ALIAS_ROW.findall(DOCUMENT)) == dict(CANONICAL_NAMES)


@pytest.mark.parametrize("prefix", ["", "METRIC_", "EVENT_"])
def test_constant_is_its_name_in_capitals(prefix: str) -> None:
    kind = {
        constant: name
        for constant, name in constants().items()
        if (prefix and constant.startswith(prefix))
        or (not prefix and not constant.startswith(("METRIC_", "EVENT_")))
    }

    assert kind
    for constant, name in kind.items():
        assert constant == prefix + name.replace(".", "_").upper()


def test_names_follow_the_rules_of_opentelemetry() -> None:
    for name in constants().values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", name)


def test_standard_names_are_those_of_opentelemetry() -> None:
    ours = {getattr(standard, constant) for constant in standard.__all__}

    assert ours - official_names() - {"exception"} == set()


def test_proposals_take_no_name_of_opentelemetry() -> None:
    proposed = {name for name in constants().values() if name.startswith(_PREFIXES)}

    assert proposed & official_names() == set()
    assert len(proposed) > 80


def test_old_names_lead_to_canonical_ones_in_one_step() -> None:
    assert set(CANONICAL_NAMES.values()) <= set(constants().values())
    assert set(CANONICAL_NAMES) & set(constants().values()) <= {
        "network.protocol.name",
        "network.protocol.version",
    }


def test_schema_url_ends_with_a_version() -> None:
    assert re.fullmatch(r"https://[^/]+/schemas/\d+\.\d+\.\d+", SCHEMA_URL)
    assert SCHEMA_URL in DOCUMENT
