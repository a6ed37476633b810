"""Charges cards at an acquirer that has bad moments."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from fastapi import FastAPI, HTTPException

OUTAGE_EVERY_S, OUTAGE_BEGINS_S, OUTAGE_LASTS_S = 300, 100, 40
STARTED_S = time.monotonic()


class AcquirerTimeoutError(Exception):
    """The bank's side did not answer."""


class CardDeclinedError(Exception):
    """The bank's side said no."""


app = FastAPI(title="payments")


@app.post("/charges")
async def charge(order: dict[str, Any]) -> dict[str, str]:
    """Authorise the amount of one order."""
    try:
        await authorise(order["amount"])
    except CardDeclinedError as error:
        raise HTTPException(402, str(error)) from error
    return {"order_id": order["order_id"], "status": "authorised"}


async def authorise(amount: float) -> None:
    """What a bank does: mostly quick, now and then no, sometimes not there at all."""
    await asyncio.sleep(random.lognormvariate(-3.4, 0.5))
    if is_outage() and random.random() < 0.8:
        await asyncio.sleep(0.15)
        raise AcquirerTimeoutError("acquirer did not answer within 150 ms")
    if random.random() < (0.01 if amount < 100 else 0.05):
        raise CardDeclinedError("card declined: insufficient funds")


def is_outage() -> bool:
    """Forty seconds in every five minutes."""
    phase_s = (time.monotonic() - STARTED_S) % OUTAGE_EVERY_S
    return OUTAGE_BEGINS_S <= phase_s < OUTAGE_BEGINS_S + OUTAGE_LASTS_S
