"""Knows what is in stock; slow while the shelves are counted."""

from __future__ import annotations

import asyncio
import random
import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

COUNT_EVERY_S, COUNT_BEGINS_S, COUNT_LASTS_S = 200, 40, 30
STARTED_S = time.monotonic()
STOCK = {f"sku-{number}": 400 for number in range(1, 13)}


async def stock(request: Request) -> JSONResponse:
    """What is left of one product."""
    sku = request.path_params["sku"]
    if sku not in STOCK:
        raise HTTPException(404, f"no product {sku}")
    await read_shelf()
    return JSONResponse({"sku": sku, "available": STOCK[sku]})


async def reserve(request: Request) -> JSONResponse:
    """Take some of one product off the shelf; a delivery comes when it is empty."""
    wish = await request.json()
    await read_shelf()
    left = STOCK[wish["sku"]] - wish["quantity"]
    if left < 0:
        STOCK[wish["sku"]] = 400
        raise HTTPException(409, "sold out")
    STOCK[wish["sku"]] = left
    return JSONResponse({"sku": wish["sku"], "available": left})


async def read_shelf() -> None:
    """A few milliseconds; while the shelves are counted everybody waits for the counter."""
    phase_s = (time.monotonic() - STARTED_S) % COUNT_EVERY_S
    if COUNT_BEGINS_S <= phase_s < COUNT_BEGINS_S + COUNT_LASTS_S:
        await asyncio.sleep(random.uniform(0.2, 0.9))
    await asyncio.sleep(random.lognormvariate(-5.3, 0.6))


app = Starlette(
    routes=[Route("/stock/{sku}", stock), Route("/reservations", reserve, methods=["POST"])]
)
