"""Turns a cart into an order: reserves, charges with retries, notifies."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request

CHARGE_ATTEMPTS = 3
log = logging.getLogger("checkout")


class PaymentUnavailableError(Exception):
    """Every attempt to charge failed."""


@asynccontextmanager
async def clients(app: FastAPI) -> AsyncIterator[None]:
    """Connections to the services behind this one, kept open."""
    async with (
        httpx.AsyncClient(base_url=os.environ["INVENTORY_URL"], timeout=2) as inventory,
        httpx.AsyncClient(base_url=os.environ["PAYMENTS_URL"], timeout=1) as payments,
        httpx.AsyncClient(base_url=os.environ["NOTIFIER_URL"], timeout=1) as notifier,
    ):
        app.state.inventory, app.state.payments, app.state.notifier = inventory, payments, notifier
        yield


app = FastAPI(title="checkout", lifespan=clients)


@app.post("/checkouts")
async def check_out(cart: dict[str, Any], request: Request) -> dict[str, str]:
    """Reserve, charge, notify; the money is the only part that is tried again."""
    services = request.app.state
    reservation = await services.inventory.post("/reservations", json=cart)
    if reservation.status_code == 409:
        raise HTTPException(409, "sold out")
    reservation.raise_for_status()
    order_id = uuid.uuid4().hex[:12]
    charge = await charge_with_retries(services.payments, order_id, cart)
    if charge.status_code == 402:
        raise HTTPException(402, charge.json()["detail"])
    try:
        await services.notifier.post("/notifications", json={"order_id": order_id})
    except httpx.HTTPError as error:  # the customer has bought all the same
        log.warning("order %s: nobody was notified: %s", order_id, error)
    return {"order_id": order_id}


async def charge_with_retries(
    payments: httpx.AsyncClient, order_id: str, cart: dict[str, Any]
) -> httpx.Response:
    """Charge once: the order id keeps a second attempt from charging twice."""
    for attempt in range(CHARGE_ATTEMPTS):
        if attempt:
            await asyncio.sleep(0.1 * 2**attempt)
        try:
            answer = await payments.post("/charges", json={"order_id": order_id, **cart})
        except httpx.TransportError as error:
            log.warning("order %s: attempt %d: %s", order_id, attempt + 1, error)
            continue
        if answer.status_code < 500:
            return answer
    raise PaymentUnavailableError(f"payments failed {CHARGE_ATTEMPTS} times")
