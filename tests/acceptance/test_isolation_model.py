"""Three tenants at one backend, any order of acts: nobody reads a word of another through any route, page or error.

Every text that a tenant sends holds its marker. A step may use any transport, route, page, cursor, ETag or wrong
parameter; the routes come from the registry, so that a new one is covered when it is registered. Spans of different
tenants share trace ids, span ids and times.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.admin_reader import (
    Reader,
    fill,
    guarded_routes,
    is_paged,
    open_routes,
)
from tests.support.attack import HttpClient
from tests.support.backend_process import BackendProcess
from tests.support.marked_tenant import (
    MARKER,
    SPANS,
    Tenant,
    marked_request,
    new_tenant,
    service_of,
)

from seamwatch.backend.api.route import Route, RouteKind
from seamwatch.backend.auth.roles import READ_ROLES, Role

IS_LONG = os.environ.get("SEAMWATCH_LONG") == "1"
STEPS = 10_000 if IS_LONG else 800  # at least
STEPS_AT_ONCE = 50
TENANTS = 3
TRACES = 6
NO_SUCH_ID = "f" * 31 + "e"
UNSTORED = "zznowhere"  # as a value of a filter: what nobody ever sent
FAR_TRACES = 100  # numbers of traces outside every partition begin here
FAR_NS = 40 * 86_400 * 10**9
_ROUTES = [route for route in guarded_routes() if route.method == "GET"]
_BY_NAME = {f"{route.method} {route.path}": route for route in (*guarded_routes(), *open_routes())}
_API_LISTS = [route for route in _ROUTES if route.kind is RouteKind.API and is_paged(route)]

tenant_numbers = st.integers(0, TENANTS - 1)
pairs_of_tenants = st.permutations(range(TENANTS)).map(lambda order: (order[0], order[1]))
all_traces = st.integers(0, TRACES - 1) | st.integers(FAR_TRACES, FAR_TRACES + TRACES - 1)
span_keys = st.sets(
    st.tuples(st.integers(0, TRACES - 1), st.integers(0, SPANS - 1)), min_size=1, max_size=6
)


def names_of(routes: list[Route]) -> st.SearchStrategy[str]:
    """Names of routes, which a failing example prints in one line."""
    return st.sampled_from([name for name, route in _BY_NAME.items() if route in routes])


routes = names_of(_ROUTES)


class World:
    """One backend for all examples; each example has tenants and trace ids of its own."""

    def __init__(self, backend: BackendProcess) -> None:
        self.backend = backend
        self.admin = Reader(backend.ready["admin"], backend.admin_token())
        self.anybody = Reader(backend.ready["admin"], None)
        self.steps = 0
        self.numbers = itertools.count(1)


def make_machine(world: World) -> type[RuleBasedStateMachine]:
    class Isolation(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.tenants = [new_tenant(world.backend) for _ in range(TENANTS)]
            self.number = next(world.numbers)
            self.start_ns = time.time_ns() - 30 * 10**9

        def teardown(self) -> None:
            for tenant in self.tenants:
                tenant.close()

        @initialize(keys=span_keys)
        def everybody_sends_the_same_ids(self, keys: set[tuple[int, int]]) -> None:
            for tenant in range(TENANTS):
                self.send_spans(tenant, keys, is_grpc=tenant == 0, is_marked=True)

        # What is sent

        def trace_id(self, trace: int) -> bytes:
            return self.number.to_bytes(8, "big") + (trace + 1).to_bytes(8, "big")

        def request(
            self, marker: str, keys: set[tuple[int, int]], *, far_ns: int = 0
        ) -> ExportTraceServiceRequest:
            return marked_request(
                marker, keys, trace_id=self.trace_id, start_ns=self.start_ns - far_ns
            )

        def values(self, tenant: Tenant) -> dict[str, str]:
            """Path parameters that lead to the tenant's own, where it has any."""
            trace, number = min(tenant.spans, default=(0, 0))
            return {
                "trace_id": self.trace_id(trace).hex(),
                "span_id": (number + 1).to_bytes(8, "big").hex(),
            }

        @rule(tenant=tenant_numbers, keys=span_keys, is_grpc=st.booleans(), is_marked=st.booleans())
        def send_spans(
            self, tenant: int, keys: set[tuple[int, int]], is_grpc: bool, is_marked: bool
        ) -> None:
            own = self.tenants[tenant]
            body = self.request(own.marker if is_marked else "", keys).SerializeToString()
            own.deliver(body, is_grpc=is_grpc)
            for key in keys:
                own.spans.setdefault(key, is_marked)

        @rule(tenant=tenant_numbers, keys=span_keys)
        def send_spans_of_a_long_gone_day(self, tenant: int, keys: set[tuple[int, int]]) -> None:
            own = self.tenants[tenant]
            far_keys = {(trace + FAR_TRACES, number) for trace, number in keys}
            body = self.request(own.marker, far_keys, far_ns=FAR_NS).SerializeToString()
            own.deliver(body, is_grpc=False)
            own.far_traces |= {trace for trace, _ in far_keys}

        @rule(tenant=tenant_numbers, is_grpc=st.booleans())
        def send_the_last_body_again(self, tenant: int, is_grpc: bool) -> None:
            own = self.tenants[tenant]
            own.deliver(own.last_body, is_grpc=is_grpc)

        @rule(tenant=tenant_numbers, keys=span_keys, end=st.sampled_from([b"", b"\xff"]))
        def send_what_is_broken(self, tenant: int, keys: set[tuple[int, int]], end: bytes) -> None:
            own = self.tenants[tenant]
            request = self.request(own.marker, keys)
            for resource_spans in request.resource_spans:
                resource_spans.scope_spans[0].spans[0].trace_id = b"short"
            status, content, headers = own.http.post(request.SerializeToString() + end)
            assert status < 500
            own.check_words(f"{content!r} {headers}")

        # What is read

        @rule(tenant=tenant_numbers, name=routes, limit=st.integers(1, 3))
        def read_a_route_to_its_end(self, tenant: int, name: str, limit: int) -> None:
            route = _BY_NAME[name]
            own = self.tenants[tenant]
            names = {getattr(parameter, "name", "") for parameter in route.parameters}
            parameters = {"limit": str(limit)} if "limit" in names else {}
            path = fill(route, self.values(own))
            is_allowed = bool(route.roles - {Role.ADMIN})

            answers = own.reader.pages(path, parameters)

            for answer in answers:
                own.checked(answer)
                assert answer.status in ((200, 404) if is_allowed else (403,)), answer

        @rule(tenant=tenant_numbers)
        def read_all_that_is_its_own(self, tenant: int) -> None:
            self.check_complete(self.tenants[tenant], self.tenants[tenant].reader, {})

        @rule(tenant=tenant_numbers)
        def an_admin_reads_one_tenant(self, tenant: int) -> None:
            own = self.tenants[tenant]
            self.check_complete(own, world.admin, {"tenant": own.name})

        @rule(tenant=tenant_numbers, name=routes)
        def an_admin_reads_one_route_of_one_tenant(self, tenant: int, name: str) -> None:
            route = _BY_NAME[name]
            own = self.tenants[tenant]
            path = fill(route, self.values(own))
            own.checked(world.admin.get(path, {"tenant": own.name}))

        def check_complete(self, own: Tenant, reader: Reader, asked: dict[str, str]) -> None:
            def items(path: str, **filters: str) -> list[dict[str, Any]]:
                pages = reader.pages(path, {**asked, **filters, "limit": "2"})
                return [item for page in pages for item in own.checked(page).json()["items"]]

            def listed(**filters: str) -> list[tuple[str, int]]:
                found = items("/api/apm/traces", **filters)
                return sorted((item["trace_id"], item["span_count"]) for item in found)

            def expected(traces: set[int]) -> list[tuple[str, int]]:
                counts = Counter(trace for trace, _ in own.spans)
                return [(self.trace_id(trace).hex(), counts[trace]) for trace in sorted(traces)]

            # Without a filter a search goes by the traces' entry spans.
            assert listed() == expected({trace for trace, number in own.spans if number == 0})
            for service in own.services():
                assert listed(service=service) == expected(
                    {
                        key[0]
                        for key, is_marked in own.spans.items()
                        if service_of(own.marker if is_marked else "", key) == service
                    }
                )
            for trace in own.trace_numbers():
                path = f"/api/apm/traces/{self.trace_id(trace).hex()}"
                found = own.checked(reader.get(path, asked)).json()["spans"]
                assert Counter(own.marker in str(span) for span in found) == Counter(
                    is_marked for key, is_marked in own.spans.items() if key[0] == trace
                )
            for trace in own.far_traces:
                path = f"/api/apm/traces/{self.trace_id(trace).hex()}"
                assert own.marker in own.checked(reader.get(path, asked)).text
            services = items("/api/apm/services")
            assert {item["service_name"]: item["span_count"] for item in services} == own.services()
            groups = items("/api/apm/errors")
            assert sum(item["error_count"] for item in groups) == own.failed()
            dashboard = own.checked(reader.get("/api/apm/dashboard", asked)).json()
            # Up to a second old.
            assert {item["service_name"] for item in dashboard["services"]} <= set(own.services())

        # What is tried

        @rule(pair=pairs_of_tenants, trace=all_traces, name=routes)
        def ask_for_a_foreign_trace(self, pair: tuple[int, int], trace: int, name: str) -> None:
            route = _BY_NAME[name]
            own, other = (self.tenants[number] for number in pair)
            if "{trace_id}" not in route.path or trace in own.trace_numbers() | own.far_traces:
                return
            other_values = {**self.values(other), "trace_id": self.trace_id(trace).hex()}
            missing_values = {**other_values, "trace_id": NO_SUCH_ID}

            foreign = own.checked(own.reader.get(fill(route, other_values)))
            missing = own.checked(own.reader.get(fill(route, missing_values)))

            assert foreign.status == missing.status == 404
            assert foreign.text.replace(other_values["trace_id"], NO_SUCH_ID) == missing.text
            assert foreign.steady_headers() == missing.steady_headers()

        @rule(pair=pairs_of_tenants, name=names_of(_API_LISTS))
        def replay_a_foreign_cursor(self, pair: tuple[int, int], name: str) -> None:
            route = _BY_NAME[name]
            own, other = (self.tenants[number] for number in pair)
            cursors = other.reader.get(route.path, {"limit": "1"}).cursors()
            if not cursors:
                return

            replayed = own.reader.get(route.path, {"limit": "1", "cursor": cursors[0]})
            made_up = own.reader.get(route.path, {"limit": "1", "cursor": UNSTORED})

            assert replayed.status == made_up.status == 400
            assert replayed.text.replace(cursors[0][:200], UNSTORED) == made_up.text
            own.checked(made_up)

        @rule(pair=pairs_of_tenants, name=routes)
        def send_a_foreign_etag(self, pair: tuple[int, int], name: str) -> None:
            route = _BY_NAME[name]
            own, other = (self.tenants[number] for number in pair)
            path = fill(route, self.values(other))
            etag = other.reader.get(path).headers.get("etag", '"none"')

            before = own.checked(own.reader.get(path)).headers.get("etag")
            answer = own.checked(own.reader.get(path, If_None_Match=etag))
            after = own.checked(own.reader.get(path)).headers.get("etag")

            # Only where both are told the very same; a loop may change what is told in between.
            assert answer.status != 304 or etag in (before, after)

        @rule(pair=pairs_of_tenants, name=routes)
        def name_another_tenant(self, pair: tuple[int, int], name: str) -> None:
            route = _BY_NAME[name]
            if route.is_open_on_loopback:
                return
            own, other = (self.tenants[number] for number in pair)
            path = fill(route, self.values(own))

            named = own.checked(own.reader.get(path, {"tenant": other.name}))
            nobody = own.checked(own.reader.get(path, {"tenant": UNSTORED}))

            assert named.status == nobody.status == 403
            assert named.text == nobody.text
            assert named.steady_headers() == nobody.steady_headers()

        @rule(
            tenant=tenant_numbers,
            name=routes,
            parameter=st.sampled_from(["limit", "cursor", "window", "start", "attr.", "unknown"]),
            value=st.sampled_from(["", "-1", "x" * 300, "%", "'", "\0", "2026-01-01T00:00:00Z"]),
        )
        def send_a_wrong_parameter(
            self, tenant: int, name: str, parameter: str, value: str
        ) -> None:
            route = _BY_NAME[name]
            own = self.tenants[tenant]
            path = fill(route, self.values(own))
            own.checked(own.reader.get(path, {parameter: value}))

        @rule(
            pair=pairs_of_tenants,
            path=st.sampled_from(["/api/apm/traces", "/api/apm/errors", "/traces", "/errors"]),
        )
        def filter_by_a_foreign_value(self, pair: tuple[int, int], path: str) -> None:
            own, other = (self.tenants[number] for number in pair)
            services = [service_of(word, (0, 0)) for word in (other.marker, UNSTORED)]
            filters = [{"service": service} for service in services]
            if path.endswith("traces"):
                for chosen, word in zip(filters, (other.marker, UNSTORED), strict=True):
                    chosen["attr.secret"] = word

            foreign, unstored = (own.reader.get(path, chosen) for chosen in filters)

            # The page echoes what was asked; beyond that a foreign value is as good as none.
            said = foreign.text.replace(other.marker, UNSTORED)
            assert re.sub(r"\d+", "0", said) == re.sub(r"\d+", "0", unstored.text)
            assert foreign.status == unstored.status == 200

        @rule(tenant=tenant_numbers, name=names_of(guarded_routes()))
        def read_with_the_token_that_only_writes(self, tenant: int, name: str) -> None:
            route = _BY_NAME[name]
            own = self.tenants[tenant]
            if Role.INGEST in route.roles or route.is_open_on_loopback:
                return
            answer = own.ingest_reader.ask(route.method, fill(route, self.values(own)))
            assert answer.status == 403
            own.checked(answer)
            assert own.marker not in answer.text

        @rule(name=names_of(open_routes()))
        def anybody_reads_what_is_open(self, name: str) -> None:
            route = _BY_NAME[name]
            answer = world.anybody.get(route.path)
            assert answer.status < 500
            assert not MARKER.search(answer.everything().lower())

        @rule()
        def an_admin_names_a_tenant_that_is_not(self) -> None:
            answer = world.admin.get("/api/apm/traces", {"tenant": UNSTORED})
            assert answer.status == 404
            assert not MARKER.search(answer.everything().lower())

        @rule(tenant=tenant_numbers, keys=span_keys, is_grpc=st.booleans())
        def send_with_the_token_that_only_reads(
            self, tenant: int, keys: set[tuple[int, int]], is_grpc: bool
        ) -> None:
            own = self.tenants[tenant]
            body = self.request(own.marker, keys).SerializeToString()
            authorization = own.reader.authorization
            if is_grpc:
                answer = own.grpc.export(body, metadata=[("authorization", authorization)])
                assert answer.code.name == "PERMISSION_DENIED"
                own.check_words(repr(answer))
            else:
                with HttpClient(world.backend.http_port) as client:
                    status, content, _ = client.post(body, authorization=authorization)
                assert status == 403
                own.check_words(repr(content))

        @invariant()
        def count_the_steps(self) -> None:
            world.steps += 1

    return Isolation


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    backend = BackendProcess(
        tmp_path / "state",
        SEAMWATCH_INGEST_AUTH="required",
        SEAMWATCH_ADMIN_REQUESTS_PER_S="100000",
        SEAMWATCH_ADMIN_REQUEST_BURST="100000",
    )
    with contextlib.closing(backend):
        backend.start()
        yield World(backend)


def test_every_route_is_read_by_somebody() -> None:
    assert len(_ROUTES) >= 15
    assert {route.kind for route in _ROUTES} == {RouteKind.API, RouteKind.PAGE}
    assert all(route.roles & (READ_ROLES | {Role.AUDITOR}) for route in _ROUTES)


@pytest.mark.timeout(3600 if IS_LONG else 300)
def test_no_sequence_of_acts_tells_a_tenant_of_another(world: World) -> None:
    run_state_machine_as_test(
        make_machine(world),
        settings=settings(
            max_examples=STEPS * 3 // STEPS_AT_ONCE // 2,
            stateful_step_count=STEPS_AT_ONCE,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"steps {world.steps}, foreign words 0")
    assert world.steps >= STEPS
