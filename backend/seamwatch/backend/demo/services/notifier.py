"""Tells customers that their order was placed, through a mail relay that restarts now and then."""

from __future__ import annotations

import asyncio
import random
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

RESTART_EVERY_S, RESTART_BEGINS_S, RESTART_LASTS_S = 420, 230, 15
STARTED_S = time.monotonic()


class RelayRefusedError(ConnectionError):
    """The mail relay takes no connection."""


async def notify(request: Request) -> JSONResponse:
    """Queue one message."""
    message = await request.json()
    await hand_to_relay()
    return JSONResponse({"order_id": message["order_id"], "queued": True}, status_code=202)


async def hand_to_relay() -> None:
    """Ten milliseconds or so, unless the relay restarts."""
    await asyncio.sleep(random.uniform(0.005, 0.02))
    phase_s = (time.monotonic() - STARTED_S) % RESTART_EVERY_S
    if RESTART_BEGINS_S <= phase_s < RESTART_BEGINS_S + RESTART_LASTS_S or random.random() < 0.002:
        raise RelayRefusedError("mail relay refused the connection")


app = Starlette(routes=[Route("/notifications", notify, methods=["POST"])])
