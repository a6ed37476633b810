"""From bytes to acknowledgement: memory stays bounded however many requests were let in before the database hung."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

import pytest
from tests.support.otlp import simple_request

from seamwatch.backend.auth import Access, Role
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange
from seamwatch.backend.receiver.ingest import Ingest
from seamwatch.backend.receiver.ingest_protocol import Outcome, Signal
from seamwatch.backend.receiver.observer import ReceiverObserver
from seamwatch.backend.storage.group_transaction import StoreResult
from seamwatch.core import UnavailableError

NOW_NS = time.time_ns()
BODY = simple_request(count=20, start_ns=NOW_NS).SerializeToString()
HELD_BYTES = 2 * len(BODY)  # more than a request of such small spans takes once it is decoded
ACCESS = Access(
    token_id="t",  # noqa: S106 - an id, no secret
    tenant_id=1,
    tenant_name="default",
    roles=frozenset({Role.INGEST}),
)


class HungSink:
    """Takes everything and answers nothing until it is told to."""

    is_available = True

    def __init__(self) -> None:
        self.futures: list[Future[StoreResult]] = []

    def submit(self, batch: Any) -> Future[StoreResult]:
        future: Future[StoreResult] = Future()
        future.set_running_or_notify_cancel()
        self.futures.append(future)
        return future

    def end(self) -> None:
        for future in self.futures:
            future.set_result(StoreResult())


@pytest.fixture
def hung() -> HungSink:
    return HungSink()


@pytest.fixture
def ingest(hung: HungSink) -> Ingest:
    config = ReceiverConfig(
        readers=2, wait_s=5.0, max_bytes_in_flight=3 * len(BODY), commit_timeout_s=0.5
    )
    return Ingest(
        config=config,
        authenticator=cast("Any", None),
        sink=cast("Any", hung),
        time_range=lambda: TimeRange(0, 2**63),
        observer=ReceiverObserver(),
    )


def test_coroutines_let_in_before_the_database_hung_read_no_more_than_the_limit(
    ingest: Ingest, hung: HungSink
) -> None:
    most = 0

    async def send(gate: asyncio.Event) -> Outcome:
        nonlocal most
        ingest.admit(ACCESS)
        await gate.wait()
        async with ingest.reading():
            body = bytes(BODY)
            await asyncio.sleep(0)
        answer = asyncio.ensure_future(ingest.store(Signal.TRACES, ACCESS, body))
        await asyncio.sleep(0)
        most = max(most, ingest.admission.bytes_in_flight)
        return await answer

    async def scenario() -> list[Outcome | BaseException]:
        gate = asyncio.Event()
        sending = [asyncio.ensure_future(send(gate)) for _ in range(40)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*sending, return_exceptions=True)

    answers = asyncio.run(scenario())

    assert all(isinstance(answer, UnavailableError) for answer in answers)
    assert most <= (3 + 2) * HELD_BYTES
    hung.end()
    assert ingest.admission.bytes_in_flight == 0


def test_threads_let_in_before_the_database_hung_read_no_more_than_the_limit(
    ingest: Ingest, hung: HungSink
) -> None:
    barrier = threading.Barrier(20)

    def send() -> bool:
        ingest.admit(ACCESS)
        barrier.wait(10)
        try:
            with ingest.reading_in_thread():
                batch, stored = ingest.decode_and_submit(Signal.TRACES, ACCESS, bytes(BODY))
            ingest.wait(batch, stored)
        except UnavailableError:
            return True
        return False

    with ThreadPoolExecutor(20) as executor:
        answers = list(executor.map(lambda _: send(), range(20)))

    assert all(answers)
    assert ingest.admission.bytes_in_flight <= (3 + 2) * HELD_BYTES
    hung.end()
    assert ingest.admission.bytes_in_flight == 0
