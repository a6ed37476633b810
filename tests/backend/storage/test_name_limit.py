"""Names beyond the bound count under one name of their own."""

from __future__ import annotations

from seamwatch.backend.storage.name_limit import OTHER, NameLimit


def test_names_within_the_bound_count_as_themselves() -> None:
    limit = NameLimit(services=2, names=2)

    assert [limit.limit(1, b"shop", name) for name in (b"a", b"b", b"a")] == [
        (b"shop", b"a"),
        (b"shop", b"b"),
        (b"shop", b"a"),
    ]


def test_a_name_beyond_the_bound_counts_under_other_and_the_known_ones_go_on() -> None:
    limit = NameLimit(services=2, names=1)
    limit.limit(1, b"shop", b"a")

    assert limit.limit(1, b"shop", b"b") == (b"shop", OTHER)
    assert limit.limit(1, b"shop", b"a") == (b"shop", b"a")


def test_a_service_beyond_the_bound_of_its_tenant_leaves_other_tenants_alone() -> None:
    limit = NameLimit(services=1, names=1)
    limit.limit(1, b"shop", b"a")

    assert limit.limit(1, b"cart", b"a") == (OTHER, OTHER)
    assert limit.limit(2, b"cart", b"a") == (b"cart", b"a")


def test_a_tenant_with_many_services_of_many_names_is_bounded_as_a_whole() -> None:
    limit = NameLimit(services=10, names=10, tenant_names=3)

    seen = [limit.limit(1, b"s%d" % (index % 5), b"n%d" % index)[1] for index in range(5)]

    assert seen == [b"n0", b"n1", b"n2", OTHER, OTHER]
    assert limit.limit(2, b"s", b"n") == (b"s", b"n")
