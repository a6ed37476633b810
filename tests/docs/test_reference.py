"""The reference pages list what the code has: metrics, routes, commands, roles."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from seamwatch.backend.analysis import wake_channel
from seamwatch.backend.api.app import api_modules
from seamwatch.backend.api.parameter import PrefixParameter
from seamwatch.backend.api.registry import RouteRegistry
from seamwatch.backend.auth import Role
from seamwatch.backend.cli.main import COMMANDS
from seamwatch.backend.storage import roles

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def metric_names() -> set[str]:
    """Names of metrics in the source: our prefix, and no database role or prefix of one."""
    database_roles = {value for value in vars(roles).values() if isinstance(value, str)}
    database_roles |= {
        name for value in vars(roles).values() if isinstance(value, tuple) for name in value
    }
    constants = {
        node.value
        for path in (ROOT / "backend").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    names = {text for text in constants if re.fullmatch(r"seamwatch(_[a-z]+)+", text)}
    channels = {wake_channel("retention"), wake_channel("fold_rollups")}
    return names - database_roles - channels


def test_metrics_page_lists_the_metrics_of_the_code() -> None:
    text = (REFERENCE / "metrics.md").read_text("utf-8")
    listed = {
        name.removesuffix("_total")
        for name in re.findall(r"^\| `(seamwatch_\w+)", text, re.MULTILINE)
    }

    assert listed == metric_names()


def routes() -> dict[str, set[str]]:
    """Names of the query parameters by "METHOD path"."""
    return {
        f"{route.method} {route.path}": {
            parameter.prefix if isinstance(parameter, PrefixParameter) else parameter.name
            for parameter in route.parameters
        }
        for route in RouteRegistry.from_modules(api_modules())
    }


def listed_names(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+\.?)(?:<key>=<value>)?`", text))


def test_api_page_lists_the_routes_of_the_code_with_their_parameters() -> None:
    text = (REFERENCE / "api.md").read_text("utf-8")
    rows = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|([^|]*)\|", text, re.MULTILINE)
    listed = {name: listed_names(parameters) for name, parameters in rows}
    search = text.partition("## Search")[2].partition("```")[0]
    first_column = re.findall(r"^\| (`[^|]*) \|", search, re.MULTILINE)
    listed["GET /api/apm/traces"] = {name for cell in first_column for name in listed_names(cell)}

    assert listed == routes()


def test_command_page_lists_the_commands_and_roles_of_the_code() -> None:
    text = (REFERENCE / "cli.md").read_text("utf-8")
    first_words = set(re.findall(r"^\| `([a-z]+)", text, re.MULTILINE))

    assert first_words == set(COMMANDS) | {str(role) for role in Role}
