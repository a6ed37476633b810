"""A live system on one machine: a backend and small services that call each other, fail and slow down."""

from seamwatch.backend.demo.demo import Demo, RunningDemo

__all__ = ["Demo", "RunningDemo"]
