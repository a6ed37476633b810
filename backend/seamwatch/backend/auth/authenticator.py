"""Tells who a request's Authorization header stands for, from memory where that is recent enough."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from seamwatch.backend.auth.access import Access
from seamwatch.backend.auth.config import AuthConfig, IngestAuthMode
from seamwatch.backend.auth.credential_reader import Credential, CredentialReader
from seamwatch.backend.auth.errors import LockedOutError, UnauthenticatedError
from seamwatch.backend.auth.last_used import LastUsedRecorder
from seamwatch.backend.auth.lockout import LockOut
from seamwatch.backend.auth.peer import is_loopback, lockout_key
from seamwatch.backend.auth.roles import Role
from seamwatch.backend.auth.token_format import ParsedToken, parse_bearer
from seamwatch.backend.auth.tokens import DEFAULT_TENANT
from seamwatch.core import Clock, SystemClock, UnavailableError

__all__ = ["AuthCounts", "Authenticator"]

_MAX_ACCEPTED = 4096
_MAX_REFUSED = 4096
_REFUSED_S = 10.0  # a refused token cannot become right: ids and secrets are random
_DATABASE_WAIT_S = 2.0
_AWAY_S = 0.5  # after a failed look-up nobody tries again for this long


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A credential as read from the database at `read_at` (monotonic)."""

    credential: Credential
    read_at: float


@dataclass(slots=True)
class AuthCounts:
    """What happened since the start (read by the metrics; a racing increment may be lost)."""

    cached: int = 0
    looked_up: int = 0
    anonymous: int = 0
    refused: int = 0
    locked_out: int = 0
    unavailable: int = 0
    stale: int = 0


class Authenticator:
    """Accepts or refuses credentials. Safe from any thread; the usual case takes no lock.

    An accepted token is believed for ``cache_s`` (at most 2 s) after it was read, so that a revocation bites
    within that time. While the database is away a token read within ``stale_s`` still passes; any other is
    answered with UnavailableError, never with UnauthenticatedError, which would make senders drop records.
    Unknown, wrong, expired and revoked tokens are refused with the same words.

    A token that was accepted before is never locked out by its neighbours' failures: another service on the
    same address with a wrong token must not stop the telemetry of this one.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        mode: IngestAuthMode = IngestAuthMode.REQUIRED,
        config: AuthConfig | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; opens no connection yet.

        Args:
            conninfo: The privileged login; statements run as ``seamwatch_auth``.
            mode: OPEN lets loopback peers without a header write to the tenant ``default``.
            config: Times and limits.
            clock: Replaced in tests.
        """
        config = config or AuthConfig()
        self._clock = clock or SystemClock()
        self._mode = mode
        self._cache_s = config.cache_s
        self._stale_s = config.stale_s
        self._reader = CredentialReader(conninfo)
        self._reader_lock = threading.Lock()
        self._away_until = float("-inf")
        self._cache_lock = threading.Lock()
        self._accepted: dict[bytes, _Accepted] = {}
        self._refused: dict[bytes, float] = {}
        self._anonymous: Access | None = None
        limits = {"failures": config.lockout_failures, "window_s": 60.0}
        self._peer_lockout = LockOut(**limits, clock=self._clock)  # type: ignore[arg-type]
        self._token_lockout = LockOut(**limits, clock=self._clock)  # type: ignore[arg-type]
        self._last_used = LastUsedRecorder(self._reader.touch, clock=self._clock)
        self.counts = AuthCounts()

    def authenticate(
        self, authorization: str | Sequence[str] | None, *, peer: str, is_forwarded: bool = False
    ) -> Access:
        """Accept or refuse one request.

        May ask the database, for at most about 2 s: an async caller tries `authenticate_cached` first, then
        calls this in a thread.

        Args:
            authorization: The value of the header, or all its values where it came more than once; None
                where absent. A header that is present must be valid in every mode.
            peer: The socket's other end as the transport names it.
            is_forwarded: The request carries a forwarding header (``X-Forwarded-For``, ``Forwarded``): it came
                through a proxy, so a loopback peer says nothing about who sent it.

        Raises:
            UnauthenticatedError: No token, or one that is not accepted.
            LockedOutError: Too many refused tokens from this peer, or for this token id.
            UnavailableError: The database cannot be asked.
        """
        if authorization is None:
            return self._anonymous_access(peer, is_forwarded)
        token = self._parse(authorization)
        if token is None:
            self._refuse_if_locked(lockout_key(peer), None)
            raise self._failure(lockout_key(peer), None)
        key = token.cache_key
        entry = self._accepted.get(key)
        if entry is not None and self._is_fresh(entry):
            return self._accept(entry.credential, "cached")
        return self._look_up(token, key, lockout_key(peer), is_known=entry is not None)

    def authenticate_cached(
        self, authorization: str | Sequence[str] | None, *, peer: str, is_forwarded: bool = False
    ) -> Access | None:
        """The access where memory is enough to accept; None: call `authenticate` in a thread. Never blocks."""
        if authorization is None:
            is_allowed = self._may_be_anonymous(peer, is_forwarded)
            return self._anonymous if is_allowed else None
        token = self._parse(authorization)
        entry = None if token is None else self._accepted.get(token.cache_key)
        if entry is None or not self._is_fresh(entry):
            return None
        return self._accept(entry.credential, "cached")

    def flush_last_used(self) -> None:
        """Store now when tokens were last used (a background thread does it every minute)."""
        self._last_used.flush()

    def close(self) -> None:
        """Store what is left and close the connection."""
        self._last_used.close()
        with self._reader_lock:
            self._reader.close()

    def __enter__(self) -> Authenticator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # The order of checks: memory, lock-out, database.

    def _look_up(self, token: ParsedToken, key: bytes, peer_key: str, *, is_known: bool) -> Access:
        """Ask the database, one thread at a time; the others find the answer in memory."""
        if not is_known:
            self._refuse_if_locked(peer_key, token.token_id)
        if self._is_refused(key):
            raise self._failure(peer_key, token.token_id)
        if self._clock.monotonic() < self._away_until:
            return self._stale_or_unavailable(key)
        if not self._reader_lock.acquire(timeout=_DATABASE_WAIT_S):
            self._away_until = self._clock.monotonic() + _AWAY_S
            return self._stale_or_unavailable(key)
        try:
            entry = self._accepted.get(key)
            if entry is not None and self._is_fresh(entry):
                return self._accept(entry.credential, "cached")
            read_at = self._clock.monotonic()
            if read_at < self._away_until:
                return self._stale_or_unavailable(key)
            try:
                credential = self._reader.find(token)
            except UnavailableError:
                self._away_until = self._clock.monotonic() + _AWAY_S
                return self._stale_or_unavailable(key)
            self._remember(key, credential, read_at)
        finally:
            self._reader_lock.release()
        if credential is None or self._is_expired(credential):
            raise self._failure(peer_key, token.token_id)
        return self._accept(credential, "looked_up")

    def _remember(self, key: bytes, credential: Credential | None, read_at: float) -> None:
        """Keep an answer; beyond the bound the oldest answer goes."""
        with self._cache_lock:
            self._accepted.pop(key, None)
            if credential is None or self._is_expired(credential):
                self._refused[key] = read_at + _REFUSED_S
                while len(self._refused) > _MAX_REFUSED:
                    del self._refused[next(iter(self._refused))]
            else:
                self._accepted[key] = _Accepted(credential, read_at)
                while len(self._accepted) > _MAX_ACCEPTED:
                    del self._accepted[next(iter(self._accepted))]

    def _is_fresh(self, entry: _Accepted) -> bool:
        age_s = self._clock.monotonic() - entry.read_at
        return age_s < self._cache_s and not self._is_expired(entry.credential)

    def _is_expired(self, credential: Credential) -> bool:
        expires = credential.expires_unix_nano
        return expires is not None and self._clock.time_ns() >= expires

    def _is_refused(self, key: bytes) -> bool:
        until = self._refused.get(key)
        return until is not None and self._clock.monotonic() < until

    def _stale_or_unavailable(self, key: bytes) -> Access:
        """What is answered while the database is away."""
        entry = self._accepted.get(key)
        if entry is not None and not self._is_expired(entry.credential):
            if self._clock.monotonic() - entry.read_at < self._stale_s:
                return self._accept(entry.credential, "stale")
        self.counts.unavailable += 1
        raise UnavailableError(
            "the credentials cannot be checked: the database is away", retry_after_s=1.0
        )

    def _accept(self, credential: Credential, how: str) -> Access:
        setattr(self.counts, how, getattr(self.counts, how) + 1)
        self._last_used.record(credential.access.token_id)
        return credential.access

    def _failure(self, peer_key: str, token_id: str | None) -> UnauthenticatedError:
        """Count a refused credential; the error is the same whatever was wrong."""
        self.counts.refused += 1
        self._peer_lockout.record_failure(peer_key)
        if token_id is not None:
            self._token_lockout.record_failure(token_id)
        return UnauthenticatedError()

    def _refuse_if_locked(self, peer_key: str, token_id: str | None) -> None:
        waits = [self._peer_lockout.retry_after_s(peer_key)]
        # Ids are public: guesses from elsewhere must not keep the owner of the right secret out.
        if token_id is not None and self._peer_lockout.has_failures(peer_key):
            waits.append(self._token_lockout.retry_after_s(token_id))
        retry_after_s = max((wait for wait in waits if wait is not None), default=None)
        if retry_after_s is not None:
            self.counts.locked_out += 1
            raise LockedOutError(retry_after_s)

    @staticmethod
    def _parse(authorization: str | Sequence[str]) -> ParsedToken | None:
        if isinstance(authorization, str):
            return parse_bearer(authorization)
        return parse_bearer(authorization[0]) if len(authorization) == 1 else None

    def _may_be_anonymous(self, peer: str, is_forwarded: bool) -> bool:
        return self._mode is IngestAuthMode.OPEN and not is_forwarded and is_loopback(peer)

    def _anonymous_access(self, peer: str, is_forwarded: bool) -> Access:
        """The tenant `default` for this machine's own services, in mode OPEN only."""
        if not self._may_be_anonymous(peer, is_forwarded):
            self.counts.refused += 1
            raise UnauthenticatedError()
        if self._anonymous is None:
            self._anonymous = self._read_anonymous()
        self.counts.anonymous += 1
        return self._anonymous

    def _read_anonymous(self) -> Access:
        if not self._reader_lock.acquire(timeout=_DATABASE_WAIT_S):
            raise UnavailableError("the credentials cannot be checked in time", retry_after_s=1.0)
        try:
            tenant_id = self._reader.tenant_id(DEFAULT_TENANT)
        finally:
            self._reader_lock.release()
        if tenant_id is None:
            raise UnauthenticatedError()
        return Access(
            token_id="anonymous",  # noqa: S106 (the public id of who has no token)
            tenant_id=tenant_id,
            tenant_name=DEFAULT_TENANT,
            roles=frozenset({Role.INGEST}),
        )
