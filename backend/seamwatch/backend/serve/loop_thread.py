"""An HTTP server in an event loop and thread of its own, so that a slow page never holds up ingest."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable

from seamwatch.backend.receiver.http_server import HttpServer

__all__ = ["LoopThread"]

_LOG = logging.getLogger(__name__)


class LoopThread:
    """Runs one `HttpServer` until stopped.

    Args:
        name: Of the thread.
        server: Made inside the loop's thread before anything is served; may open pools that belong to the loop.
        close: Awaited in the loop after the server has drained.
    """

    def __init__(
        self,
        name: str,
        server: Callable[[], Awaitable[HttpServer]],
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._make = server
        self._close = close
        self._server: HttpServer | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self, timeout_s: float = 10.0) -> None:
        """Start and wait until connections are accepted.

        Raises:
            RuntimeError: It did not come up.
        """
        self._thread.start()
        if not self._ready.wait(timeout_s) or self._failure is not None:
            raise RuntimeError(f"{self._thread.name} did not start") from self._failure

    def request_stop(self) -> None:
        """Ask the server to drain; returns at once."""
        if self._server is not None:
            self._server.request_stop()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; True when it came in time."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            _LOG.exception("%s ended", self._thread.name)
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._server = await self._make()
        serving = asyncio.ensure_future(self._server.serve())
        try:
            while not self._server.is_started and not serving.done():
                await asyncio.sleep(0.005)
            self._ready.set()
            await serving
        finally:
            if self._close is not None:
                await self._close()
