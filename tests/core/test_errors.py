"""The tree of errors."""

from __future__ import annotations

import pytest

from seamwatch.core import ConfigurationError, RejectedError, SeamwatchError, UnavailableError


@pytest.mark.parametrize("kind", [ConfigurationError, RejectedError, UnavailableError])
def test_every_error_raised_on_purpose_is_a_seamwatch_error(kind: type[Exception]) -> None:
    assert issubclass(kind, SeamwatchError)


def test_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigurationError, ValueError)


def test_unavailable_error_carries_the_delay_or_none() -> None:
    assert UnavailableError("busy", retry_after_s=2.0).retry_after_s == 2.0
    assert UnavailableError("busy").retry_after_s is None
