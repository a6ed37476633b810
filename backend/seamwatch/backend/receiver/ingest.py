"""From a request's bytes to its acknowledgement: decode, store, answer after COMMIT. Serves both transports."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

from seamwatch.backend.auth import Access, Authenticator, Role
from seamwatch.backend.receiver.admission import Admission
from seamwatch.backend.receiver.config import ReceiverConfig
from seamwatch.backend.receiver.decode_traces import TimeRange, TraceDecoder
from seamwatch.backend.receiver.ingest_protocol import Outcome, Signal
from seamwatch.backend.receiver.observer import ReceiverObserver
from seamwatch.backend.storage.group_transaction import StoreResult
from seamwatch.backend.storage.row_kind import Batch
from seamwatch.backend.storage.sink import Sink
from seamwatch.core import RejectedError, UnavailableError

__all__ = ["Ingest"]

_ROW_OVERHEAD_BYTES = 250  # the objects around a row and its share of the aggregates


class Ingest:
    """Implements `IngestService` for HTTP and the same calls without asyncio for gRPC; safe from any thread."""

    def __init__(
        self,
        *,
        config: ReceiverConfig,
        authenticator: Authenticator,
        sink: Sink,
        time_range: Callable[[], TimeRange],
        observer: ReceiverObserver,
    ) -> None:
        self._config = config
        self._authenticator = authenticator
        self._sink = sink
        self._time_range = time_range
        self._observer = observer
        self._decoder = TraceDecoder(config)
        self._decoding = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=2, thread_name_prefix="seamwatch-decode")
        self.admission = Admission(
            slots=config.readers,
            max_bytes=config.max_bytes_in_flight,
            is_available=lambda: sink.is_available,
        )

    def authenticate(
        self, authorization: str | Sequence[str] | None, peer: str, is_forwarded: bool = False
    ) -> Access:
        """The access of an Authorization value that may send telemetry; see `IngestService`."""
        access = self._authenticator.authenticate(
            authorization, peer=peer, is_forwarded=is_forwarded
        )
        access.require(Role.INGEST)
        return access

    def authenticate_cached(
        self, authorization: str | Sequence[str] | None, peer: str, *, is_forwarded: bool = False
    ) -> Access | None:
        """The same where memory is enough; see `IngestService`."""
        access = self._authenticator.authenticate_cached(
            authorization, peer=peer, is_forwarded=is_forwarded
        )
        if access is not None:
            access.require(Role.INGEST)
        return access

    def admit(self, access: Access) -> None:
        """Refuse before the body is read what cannot be stored now; see `IngestService`."""
        self.admission.check()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """A slot of the concurrent readers, for a coroutine."""
        slot = self.admission.acquire()
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(slot)), self._config.wait_s)
        except TimeoutError:
            self.admission.abandon(slot)
            raise UnavailableError(f"no reader came free within {self._config.wait_s} s") from None
        except BaseException:
            self.admission.abandon(slot)
            raise
        try:
            self.admission.check()  # what was read while this one waited may fill the memory by now
            yield
        finally:
            self.admission.release()

    @contextmanager
    def reading_in_thread(self) -> Iterator[None]:
        """A slot of the concurrent readers, for a thread."""
        slot = self.admission.acquire()
        try:
            slot.result(self._config.wait_s)
        except concurrent.futures.TimeoutError:
            self.admission.abandon(slot)
            raise UnavailableError(f"no reader came free within {self._config.wait_s} s") from None
        try:
            self.admission.check()
            yield
        finally:
            self.admission.release()

    async def store(self, signal: Signal, access: Access, body: bytes) -> Outcome:
        """Store a request; returns after COMMIT. See `IngestService`."""
        loop = asyncio.get_running_loop()
        counted = self._count_in(len(body))
        try:
            batch = await loop.run_in_executor(self._executor, self._decode, signal, access, body)
        except BaseException:
            counted()
            raise
        del body
        stored = self._submit(batch, counted)
        if stored is None:
            return self._outcome(batch, StoreResult())
        try:
            waiting = asyncio.shield(asyncio.wrap_future(stored))
            return self._outcome(
                batch, await asyncio.wait_for(waiting, self._config.commit_timeout_s)
            )
        except TimeoutError:
            _give_up(batch, stored)
            raise self._commit_timeout() from None

    def decode_and_submit(
        self, signal: Signal, access: Access, body: bytes
    ) -> tuple[Batch, Future[StoreResult] | None]:
        """Decode in this thread and hand to the sink; None: nothing to store."""
        counted = self._count_in(len(body))
        try:
            batch = self._decode(signal, access, body)
        except BaseException:
            counted()
            raise
        return batch, self._submit(batch, counted)

    def wait(self, batch: Batch, stored: Future[StoreResult] | None) -> Outcome:
        """Wait in this thread for the commit of `decode_and_submit`."""
        if stored is None:
            return self._outcome(batch, StoreResult())
        try:
            return self._outcome(batch, stored.result(self._config.commit_timeout_s))
        except concurrent.futures.TimeoutError:
            _give_up(batch, stored)
            raise self._commit_timeout() from None

    def _count_in(self, size_bytes: int) -> Callable[[], None]:
        """Count a body as in flight; the answer takes it out again."""
        self.admission.add_bytes(size_bytes)
        return lambda: self.admission.remove_bytes(size_bytes)

    def _submit(self, batch: Batch, counted: Callable[[], None]) -> Future[StoreResult] | None:
        """Hand a batch to the sink; its bytes count until the sink has let go of it, however long that is."""
        counted()  # the body is gone; from here its rows count
        if not batch.rows and not batch.out_of_range_rows:
            return None
        held = self._count_in(_held_bytes(batch))
        stored = self._sink.submit(batch)
        stored.add_done_callback(lambda _: held())
        return stored

    def close(self) -> None:
        """End the decoding threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _decode(self, signal: Signal, access: Access, body: bytes) -> Batch:
        if signal is not Signal.TRACES:
            raise RejectedError(f"{signal.name.lower()} are not enabled on this server")
        # One after the other: with one interpreter lock, decoding side by side makes every request as late as the last
        # and leaves the writers idle meanwhile.
        time_range = self._time_range()
        with self._decoding:
            batch = self._decoder.decode(body, access.tenant_id, time_range)
        self._observer.accepted(
            batch.kind.name, requests=1, rows=len(batch.rows), out_of_range=len(batch.out_of_range_rows),
            size_bytes=batch.size_bytes,
        )  # fmt: skip
        for reason, count in batch.rejected.items():
            self._observer.rejected(batch.kind.name, reason, count)
        return batch

    def _commit_timeout(self) -> UnavailableError:
        return UnavailableError(
            f"not committed within {self._config.commit_timeout_s} s; sending the same request again is safe"
        )

    def _outcome(self, batch: Batch, result: StoreResult) -> Outcome:
        rejected = sum(batch.rejected.values()) + sum(result.rejected.values())
        if not rejected:
            return Outcome()
        for reason, count in result.rejected.items():
            self._observer.rejected(batch.kind.name, reason, count)
        message = batch.rejection_message or (
            f"{rejected} spans start outside the kept days and their store is full"
            if "out_of_range_full" in result.rejected
            else "the database refuses these rows"
        )
        return Outcome(rejected, f"{rejected} spans rejected, the first because: {message}")


def _held_bytes(batch: Batch) -> int:
    """What a decoded request takes in memory: small spans take four times their bytes on the wire."""
    rows = (*batch.rows, *batch.out_of_range_rows)
    return sum(map(len, rows)) + _ROW_OVERHEAD_BYTES * len(rows)


def _give_up(batch: Batch, stored: Future[StoreResult]) -> None:
    """Nobody waits any more: unless a writer has it already, the request is not stored and its memory is freed.

    The sink forgets it when a writer comes by, which a database that hangs may delay without end.
    """
    if stored.cancel():
        batch.rows = []
        batch.out_of_range_rows = []
        batch.aggregates = batch.kind.new_aggregates()
