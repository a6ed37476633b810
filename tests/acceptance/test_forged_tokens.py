"""Tokens that are missing, wrong, expired, revoked or forged are refused before the body is read, on both transports."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import psycopg
import pytest
from tests.support.attack import GrpcClient, HttpClient, retry_delays_s
from tests.support.backend_process import BackendProcess
from tests.support.otlp import simple_request
from tests.support.polling import wait_for
from tests.support.senders import EXPORT

from seamwatch.backend.auth import Role
from seamwatch.backend.auth.token_format import new_token, parse_token
from seamwatch.backend.auth.tokens import create_token, revoke_token
from seamwatch.backend.storage.tenants import create_tenant

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
ANNOUNCED = 10_000_000


@dataclass
class Tokens:
    """Tokens that the database knows."""

    good: str
    viewer: str
    expired: str
    revoked: str
    acme: str


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BackendProcess]:
    process = BackendProcess(
        tmp_path_factory.mktemp("tokens") / "state",
        SEAMWATCH_INGEST_AUTH="required",
        SEAMWATCH_AUTH_LOCKOUT_FAILURES="100000",
    )
    process.start()
    yield process
    process.close()


@pytest.fixture(scope="module")
def tokens(backend: BackendProcess) -> Tokens:
    conninfo = backend.conninfo()
    create_tenant(conninfo, "acme", actor="test")

    def make(*roles: Role, tenant: str = "default", expires_s: float | None = None) -> str:
        now = datetime.datetime.now(datetime.UTC)
        expires = None if expires_s is None else now + datetime.timedelta(seconds=expires_s)
        made = create_token(
            conninfo, roles=roles, tenant_name=tenant, expires_at=expires, actor="test"
        )
        return made.token

    revoked = make(Role.INGEST)
    parsed = parse_token(revoked)
    assert parsed is not None
    revoke_token(conninfo, parsed.token_id, actor="test")
    return Tokens(
        good=make(Role.INGEST),
        viewer=make(Role.VIEWER),
        expired=make(Role.INGEST, expires_s=-1),
        revoked=revoked,
        acme=make(Role.INGEST, tenant="acme"),
    )


def changed(token: str, position: int) -> str:
    """One character replaced by another of the alphabet."""
    found = token[position]
    return token[:position] + ("A" if found != "A" else "B") + token[position + 1 :]


def signed(token_id: str, secret: str) -> str:
    """A token of chosen parts with a right checksum."""
    from seamwatch.backend.auth import token_format

    return f"swk_{token_id}_{secret}{token_format._checksum(token_id, secret)}"


def forged(tokens: Tokens) -> dict[str, list[str]]:
    """Name -> values of the header; several values: the header several times."""
    good = tokens.good
    token_id, secret = good[4:16], good[17:60]
    other_id = tokens.viewer[4:16]
    bearer = f"Bearer {good}"
    values: dict[str, str] = {
        "empty": "",
        "scheme alone": "Bearer",
        "scheme and space": "Bearer ",
        "no scheme": good,
        "basic": "Basic Zm9vOmJhcg==",
        "basic with the token": f"Basic {good}",
        "digest": f"Digest {good}",
        "token scheme": f"Token {good}",
        "two spaces": f"Bearer  {good}",
        "tab": f"Bearer\t{good}",
        "quoted": f'Bearer "{good}"',
        "with a parameter": f"Bearer {good}, realm=x",
        "twice in one": f"Bearer {good} {good}",
        "list of two": f"{bearer}, {bearer}",
        "equals": f"Bearer={good}",
        "colon": f"Bearer: {good}",
        "prefix only": "Bearer swk_",
        "id only": f"Bearer swk_{token_id}",
        "id and separator": f"Bearer swk_{token_id}_",
        "without checksum": f"Bearer {good[:60]}",
        "cut by one": f"Bearer {good[:-1]}",
        "longer by one": f"Bearer {good}A",
        "longer by a line": f"Bearer {good}%0a",
        "upper-case prefix": f"Bearer SWK{good[3:]}",
        "other prefix": f"Bearer swt{good[3:]}",
        "all lower case": f"Bearer {good.lower()}",
        "swapped case": f"Bearer {good.swapcase()}",
        "reversed": f"Bearer {good[::-1]}",
        "id changed": f"Bearer {changed(good, 5)}",
        "secret changed at its start": f"Bearer {changed(good, 17)}",
        "secret changed at its end": f"Bearer {changed(good, 59)}",
        "checksum changed": f"Bearer {changed(good, 65)}",
        "secret changed, checksum right": "Bearer " + signed(token_id, changed(secret, 0)),
        "last secret character changed, checksum right": "Bearer " + signed(token_id, changed(secret, 42)),
        "id of another, checksum right": "Bearer " + signed(other_id, secret),
        "id changed, checksum right": "Bearer " + signed(changed(token_id, 0), secret),
        "zero secret, checksum right": "Bearer " + signed(token_id, "0" * 43),
        "largest secret, checksum right": "Bearer " + signed(token_id, "z" * 43),
        "zero id and secret, checksum right": "Bearer " + signed("0" * 12, "0" * 43),
        "never issued": f"Bearer {new_token().text}",
        "expired": f"Bearer {tokens.expired}",
        "revoked": f"Bearer {tokens.revoked}",
        "SQL in the id": "Bearer swk_' OR 1=1 --_" + secret + "AAAAAA",
        "percent encoded": f"Bearer {good.replace('_', '%5F')}",
        "JSON web token": "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "four hundred characters": "Bearer " + "A" * 400,
        "seven thousand characters": "Bearer " + "A" * 7_000,
        "good and seven thousand spaces": bearer + " " * 7_000 + "x",
    }  # fmt: skip
    lists = {name: [value] for name, value in values.items()}
    lists["absent"] = []
    lists["good twice"] = [bearer, bearer]
    lists["good, then wrong"] = [bearer, "Bearer x"]
    lists["wrong, then good"] = ["Bearer x", bearer]
    return lists


def raw_post(port: int, values: list[str]) -> int:
    """The status for a request whose body is announced, and of which not one byte is ever sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        lines = [
            "POST /v1/traces HTTP/1.1", "Host: localhost", "Content-Type: application/x-protobuf",
            f"Content-Length: {ANNOUNCED}", *(f"Authorization: {value}" for value in values),
        ]  # fmt: skip
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        status = answer.status
        answer.close()
        return status


def open_call(client: GrpcClient, values: list[str]) -> grpc.StatusCode:
    """The code for a call whose message is never sent: the stream of requests stays open."""
    released = threading.Event()

    def never() -> Iterator[bytes]:
        released.wait(20)
        yield from ()

    metadata = [("authorization", value) for value in values]
    call = client.channel.stream_unary(EXPORT).future(never(), timeout=15, metadata=metadata)
    try:
        code = call.code()
    finally:
        released.set()
    assert isinstance(code, grpc.StatusCode)
    return code


def test_the_table_has_at_least_forty_forged_credentials(tokens: Tokens) -> None:
    assert len(forged(tokens)) >= 40


def test_http_refuses_every_forged_credential_while_its_body_is_still_to_come(
    backend: BackendProcess, tokens: Tokens
) -> None:
    found = {name: raw_post(backend.http_port, values) for name, values in forged(tokens).items()}

    assert {name: status for name, status in found.items() if status != 401} == {}
    with HttpClient(backend.http_port, token=tokens.good) as client:
        assert client.post(b"")[0] == 200


def test_grpc_refuses_every_forged_credential_while_its_message_is_still_to_come(
    backend: BackendProcess, tokens: Tokens
) -> None:
    with GrpcClient(backend.grpc) as client:
        found = {
            name: open_call(client, values)
            for name, values in forged(tokens).items()
            if name != "tab"  # grpcio's own client does not send it
        }

    assert {name: code for name, code in found.items() if code is not UNAUTHENTICATED} == {}
    with GrpcClient(backend.grpc, token=tokens.good) as client:
        assert client.export(b"").code is grpc.StatusCode.OK


def test_all_refusals_say_the_same_so_that_nothing_can_be_learnt(
    backend: BackendProcess, tokens: Tokens
) -> None:
    names = ("expired", "revoked", "never issued", "secret changed, checksum right", "basic")
    table = forged(tokens)
    with GrpcClient(backend.grpc) as client:
        details = {
            client.export(b"", metadata=[("authorization", table[name][0])]).details
            for name in names
        }
    with HttpClient(backend.http_port) as http_client:
        bodies = {http_client.post(b"", Authorization=table[name][0])[1] for name in names}

    assert (len(details), len(bodies)) == (1, 1)


def test_the_scheme_may_be_written_in_any_case(backend: BackendProcess, tokens: Tokens) -> None:
    with GrpcClient(backend.grpc) as client, HttpClient(backend.http_port) as http_client:
        for scheme in ("Bearer", "bearer", "BEARER"):
            metadata = [("authorization", f"{scheme} {tokens.good}")]
            assert client.export(b"", metadata=metadata).code is grpc.StatusCode.OK
            assert http_client.post(b"", Authorization=f"{scheme} {tokens.good}")[0] == 200


def test_point_16_a_token_of_another_role_is_forbidden_before_its_body_is_read(
    backend: BackendProcess, tokens: Tokens
) -> None:
    bearer = [f"Bearer {tokens.viewer}"]

    assert raw_post(backend.http_port, bearer) == 403
    with GrpcClient(backend.grpc) as client:
        assert open_call(client, bearer) is grpc.StatusCode.PERMISSION_DENIED


def test_point_16_a_token_stores_into_its_own_tenant_whatever_the_payload_says(
    backend: BackendProcess, tokens: Tokens
) -> None:
    request = simple_request(start_ns=time.time_ns(), service="tenancy", seed=16)
    for key in ("tenant", "tenant_id", "seamwatch.tenant"):
        request.resource_spans[0].resource.attributes.add(key=key).value.string_value = "default"
    body = request.SerializeToString()
    headers = [("x-tenant", "default"), ("x-scope-orgid", "default")]

    with GrpcClient(backend.grpc, token=tokens.acme) as client:
        assert client.export(body, metadata=[*client.metadata, *headers]).code is grpc.StatusCode.OK
    with HttpClient(backend.http_port, token=tokens.acme) as http_client:
        assert http_client.post(body, x_scope_orgid="default")[0] == 200

    with psycopg.connect(backend.conninfo()) as connection:
        found = connection.execute(
            "SELECT t.name FROM seamwatch.span s JOIN seamwatch.tenant t USING (tenant_id) "
            "WHERE s.service_name = 'tenancy'"
        ).fetchall()
    assert found == [("acme",)]


def test_the_same_body_of_two_tenants_is_stored_for_both(
    backend: BackendProcess, tokens: Tokens
) -> None:
    body = simple_request(start_ns=time.time_ns(), service="shared", seed=17).SerializeToString()
    for token in (tokens.good, tokens.acme, tokens.good):
        with GrpcClient(backend.grpc, token=token) as client:
            assert client.export(body).code is grpc.StatusCode.OK

    with psycopg.connect(backend.conninfo()) as connection:
        found = connection.execute(
            "SELECT count(*), count(DISTINCT tenant_id) FROM seamwatch.span WHERE service_name = 'shared'"
        ).fetchone()
    assert found == (2, 2)


def test_a_revoked_token_is_refused_within_two_seconds(backend: BackendProcess) -> None:
    conninfo = backend.conninfo()
    made = create_token(conninfo, roles=[Role.INGEST], actor="test").token
    parsed = parse_token(made)
    assert parsed is not None
    with GrpcClient(backend.grpc, token=made) as client:
        assert client.export(b"").code is grpc.StatusCode.OK
        revoke_token(conninfo, parsed.token_id, actor="test")
        revoked_at = time.monotonic()

        wait_for(lambda: client.export(b"").code is UNAUTHENTICATED, "the token is refused")

    assert time.monotonic() - revoked_at < 2.5


def test_too_many_wrong_tokens_lock_the_peer_out_for_a_while_and_a_known_sender_goes_on(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    process = BackendProcess(
        tmp_path_factory.mktemp("lockout") / "state", SEAMWATCH_INGEST_AUTH="required"
    )
    process.start()
    with contextlib.ExitStack() as stack:
        stack.callback(process.close)
        good = create_token(process.conninfo(), roles=[Role.INGEST], actor="test").token
        known = stack.enter_context(GrpcClient(process.grpc, token=good))
        assert known.export(b"").code is grpc.StatusCode.OK
        stranger = stack.enter_context(GrpcClient(process.grpc, token=new_token().text))
        http_stranger = stack.enter_context(HttpClient(process.http_port, token=new_token().text))

        codes = [stranger.export(b"").code for _ in range(10)]
        locked = stranger.export(b"")
        status, _, headers = http_stranger.post(b"")

        assert set(codes) == {UNAUTHENTICATED}
        assert locked.code is grpc.StatusCode.UNAVAILABLE
        first, second = retry_delays_s(locked.trailers)
        assert first == second >= 1
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        assert known.export(b"").code is grpc.StatusCode.OK
