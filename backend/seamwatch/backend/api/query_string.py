"""Reads a request's query string by what its route declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from seamwatch.backend.api.parameter import Parameter, PrefixParameter
from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.api.route import Route

__all__ = ["TENANT_PARAMETER", "ParsedQuery", "parse_query"]

_MAX_PAIRS = 64
_MAX_NAME_LENGTH = 200

TENANT_PARAMETER = "tenant"
"""Accepted on every API and PAGE route: whose records an admin reads."""


@dataclass(frozen=True)
class ParsedQuery:
    """Parsed values by name, families by prefix, and the tenant that was asked for."""

    values: dict[str, Any]
    prefixed: dict[str, dict[str, str]]
    tenant: str | None


def parse_query(route: Route, query_string: bytes) -> ParsedQuery:
    """Check and parse every parameter.

    Raises:
        ProblemError: 400 for a parameter that is unknown, repeated, or does not fit.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PAIRS,
        )
    except ValueError as error:
        raise ProblemError(
            400,
            "Invalid query string",
            detail="the query string is not percent-encoded UTF-8, or has more than 64 parameters",
            remedy="encode every name and value",
        ) from error
    single = {p.name: p for p in route.parameters if isinstance(p, Parameter)}
    families = [p for p in route.parameters if isinstance(p, PrefixParameter)]
    values: dict[str, Any] = {}
    prefixed: dict[str, dict[str, str]] = {}
    tenant: str | None = None
    for name, text in pairs:
        if "\0" in name or "\0" in text:
            raise invalid(name, text, "must not hold U+0000", "leave it out")
        parameter = single.get(name)
        if parameter is not None:
            if name in values:
                raise invalid(name, text, "is given twice", "give it once")
            try:
                values[name] = parameter.parse(text)
            except ValueError as error:
                raise invalid(name, text, "does not fit", str(error)) from error
        elif name == TENANT_PARAMETER and route.roles:
            if tenant is not None:
                raise invalid(name, text, "is given twice", "give it once")
            tenant = text
        else:
            family = next((f for f in families if name.startswith(f.prefix)), None)
            if family is None:
                raise _unknown(route, name, text)
            _add_to_family(family, prefixed, name, text)
    return ParsedQuery(values, prefixed, tenant)


def invalid(name: str, value: str, fact: str, remedy: str) -> ProblemError:
    """A 400 that names parameter, value and remedy."""
    return ProblemError(
        400,
        "Invalid parameter",
        detail=f"{name[:_MAX_NAME_LENGTH]}: {fact}, got {value[:200]!r}",
        remedy=remedy,
        parameter=name[:_MAX_NAME_LENGTH],
        value=value,
    )


def _add_to_family(
    family: PrefixParameter, prefixed: dict[str, dict[str, str]], name: str, text: str
) -> None:
    """One more value of a parameter family."""
    key = name.removeprefix(family.prefix)
    known = prefixed.setdefault(family.prefix, {})
    if not key:
        raise invalid(name, text, "has no key", f"write {family.prefix}<key>=<value>")
    if key in known:
        raise invalid(name, text, "is given twice", "give it once")
    if len(known) == family.max_count:
        raise invalid(name, text, "is one too many", f"give at most {family.max_count}")
    known[key] = text


def _unknown(route: Route, name: str, text: str) -> ProblemError:
    """A 400 that lists what the route does know."""
    known = [p.name if isinstance(p, Parameter) else f"{p.prefix}<key>" for p in route.parameters]
    remedy = f"known here: {', '.join(known)}" if known else "this route takes none"
    return invalid(name, text, "is not a parameter of this route", remedy)
