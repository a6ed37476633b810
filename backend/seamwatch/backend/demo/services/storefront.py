"""The shop's front: shows products and takes orders."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException, Request


@asynccontextmanager
async def clients(app: FastAPI) -> AsyncIterator[None]:
    """Connections to the services behind this one, kept open."""
    async with (
        httpx.AsyncClient(base_url=os.environ["INVENTORY_URL"], timeout=3) as inventory,
        httpx.AsyncClient(base_url=os.environ["CHECKOUT_URL"], timeout=5) as checkout,
    ):
        app.state.inventory = inventory
        app.state.checkout = checkout
        yield


class InventoryFailedError(Exception):
    """The inventory did not say what is left."""


class CheckoutFailedError(Exception):
    """The checkout did not take the order."""


app = FastAPI(title="storefront", lifespan=clients)


@app.get("/products/{sku}")
async def product(sku: str, request: Request) -> dict[str, Any]:
    """One product with what is left of it."""
    answer = await request.app.state.inventory.get(f"/stock/{sku}")
    if answer.status_code == 404:
        raise HTTPException(404, f"no product {sku}")
    if answer.status_code != 200:
        raise InventoryFailedError(f"inventory answered {answer.status_code}")
    return {"sku": sku, "available": answer.json()["available"]}


@app.post("/orders", status_code=201)
async def order(cart: dict[str, Any], request: Request) -> dict[str, Any]:
    """Takes an order: the checkout does the work."""
    answer = await request.app.state.checkout.post("/checkouts", json=cart)
    if answer.status_code in (402, 409):
        raise HTTPException(answer.status_code, answer.json()["detail"])
    if answer.status_code != 200:
        raise CheckoutFailedError(f"checkout answered {answer.status_code}")
    placed: dict[str, Any] = answer.json()
    return placed
