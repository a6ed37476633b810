"""Span processors of Seamwatch."""

__all__: list[str] = []
