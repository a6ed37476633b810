"""Exporters of Seamwatch."""

__all__: list[str] = []
