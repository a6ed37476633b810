"""Environment variables into frozen settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest

from seamwatch.core import ConfigurationError, read_settings


class Mode(Enum):
    FAST = "fast"
    SAFE = "safe"


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    name: str = "default"
    size: int = 3
    timeout_s: float = 1.5
    is_open: bool = False
    folder: Path | None = None
    mode: Mode = Mode.SAFE
    items: tuple[str, ...] = ()
    other: str = field(default="x", metadata={"variable": "OTEL_OTHER"})


def read(**variables: str) -> SampleConfig:
    return read_settings(SampleConfig, variables, prefix="T_")


def test_variables_that_are_unset_or_blank_keep_the_defaults() -> None:
    assert read(T_SIZE="", T_NAME="  ") == SampleConfig()


def test_each_kind_of_field_is_read() -> None:
    config = read(
        T_NAME=" a ",
        T_SIZE="7",
        T_TIMEOUT_S="0.25",
        T_FOLDER="/x",
        T_MODE="FAST",
        T_ITEMS="a, b,,c",
        OTEL_OTHER="y",
    )

    assert config == SampleConfig(
        name="a",
        size=7,
        timeout_s=0.25,
        folder=Path("/x"),
        mode=Mode.FAST,
        items=("a", "b", "c"),
        other="y",
    )


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("No", False)]
)
def test_booleans_have_several_spellings(text: str, value: bool) -> None:
    assert read(T_IS_OPEN=text).is_open is value


@pytest.mark.parametrize(
    ("name", "value"),
    [("T_SIZE", "1.5"), ("T_TIMEOUT_S", "soon"), ("T_IS_OPEN", "maybe"), ("T_MODE", "slow")],
)
def test_value_of_the_wrong_kind_is_named_with_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}: expected .*{value}"):
        read(**{name: value})
