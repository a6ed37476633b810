"""The services are ordinary: real files, no Seamwatch in them, everything else by environment variables."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from seamwatch.backend.demo import fleet
from seamwatch.backend.demo.fleet import SERVICES, TRAFFIC, check_installed, service_environment
from seamwatch.core import ConfigurationError

FOLDER = Path(fleet.__file__).with_name("services")
PORTS = {spec.name: 9000 + index for index, spec in enumerate(SERVICES)}


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("spec", [*SERVICES, TRAFFIC], ids=lambda spec: spec.name)
def test_no_service_knows_of_seamwatch_or_opentelemetry(spec: fleet.ServiceSpec) -> None:
    assert imports(FOLDER / f"{spec.name}.py") & {"seamwatch", "opentelemetry"} == set()


def test_every_file_is_a_service_and_at_least_four_are_watched() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}

    assert files == {spec.name for spec in (*SERVICES, TRAFFIC)}
    assert len(SERVICES) >= 4


def test_environment_watches_and_addresses_but_inherits_no_setting_of_ours() -> None:
    checkout = next(spec for spec in SERVICES if spec.name == "checkout")
    own = {"LANG": "C", "OTEL_SDK_DISABLED": "true", "SEAMWATCH_EXPORT_QUEUE_SIZE": "1"}

    environment = service_environment(
        checkout, otlp_http="http://127.0.0.1:9999", ports=PORTS, environ=own
    )

    assert environment["LANG"] == "C"
    assert environment["OTEL_SERVICE_NAME"] == "checkout"
    assert environment["OTEL_TRACES_EXPORTER"] == "seamwatch"
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:9999"
    assert environment["PAYMENTS_URL"] == f"http://127.0.0.1:{PORTS['payments']}"
    assert environment.keys().isdisjoint({"OTEL_SDK_DISABLED", "SEAMWATCH_EXPORT_QUEUE_SIZE"})


def test_visitors_are_not_watched() -> None:
    environment = service_environment(TRAFFIC, otlp_http="http://x", ports=PORTS, environ={})

    assert [name for name in environment if name.startswith("OTEL_")] == []
    assert "opentelemetry" not in " ".join(TRAFFIC.command(0))


def test_missing_packages_are_named_with_what_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleet.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ConfigurationError, match=r"fastapi, .*pip install 'seamwatch\[demo\]'"):
        check_installed()
