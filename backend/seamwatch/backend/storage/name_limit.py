"""A bound on how many services and operations get rollups of their own.

A sender that puts an id into its span names would fill the rollups with rows that nobody can read; beyond the bound a
name counts under ``__other__``. The spans themselves keep their names.
"""

from __future__ import annotations

__all__ = ["OTHER", "NameLimit"]

OTHER = b"__other__"


class NameLimit:
    """Lets the first so many names through, per tenant and per service; safe from several threads.

    Args:
        services: Most services of one tenant.
        names: Most operation names of one service.
        tenant_names: Most operation names of all services of one tenant: what is remembered is bounded by it.
    """

    def __init__(
        self, *, services: int = 2_000, names: int = 1_000, tenant_names: int = 50_000
    ) -> None:
        self._services, self._names, self._tenant_names = services, names, tenant_names
        self._counts: dict[int, int] = {}
        self._seen: dict[int, dict[bytes, set[bytes]]] = {}

    def limit(self, tenant_id: int, service_name: bytes, name: bytes) -> tuple[bytes, bytes]:
        """The service and name under which a span counts."""
        services = self._seen.setdefault(tenant_id, {})
        names = services.get(service_name)
        if names is None:
            if len(services) >= self._services:
                return OTHER, OTHER
            names = services.setdefault(service_name, set())
        if name not in names:
            count = self._counts.get(tenant_id, 0)
            if len(names) >= self._names or count >= self._tenant_names:
                return service_name, OTHER
            self._counts[tenant_id] = count + 1
            names.add(name)
        return service_name, name
