"""The shop's visitors: a day of them every four minutes. Not traced, as browsers mostly are not."""

from __future__ import annotations

import asyncio
import math
import os
import random
import time

import httpx

DAY_S = 240
NIGHT_VISITS_PER_S, NOON_VISITS_PER_S = 2.5, 6.0
MOST_VISITORS = 60


async def main() -> None:
    """Let visitors in at an even pace that follows the hour of the day."""
    visits: set[asyncio.Task[None]] = set()
    async with httpx.AsyncClient(base_url=os.environ["STOREFRONT_URL"], timeout=8) as shop:
        while True:
            await asyncio.sleep(random.uniform(0.7, 1.3) / visits_per_s())
            if len(visits) < MOST_VISITORS:  # nobody queues in front of a shop that is stuck
                visit = asyncio.create_task(visit_shop(shop))
                visits.add(visit)
                visit.add_done_callback(visits.discard)


async def visit_shop(shop: httpx.AsyncClient) -> None:
    """Look at a product or two; most visitors buy the last one."""
    sku = ""
    try:
        for _ in range(random.choice((1, 1, 2))):
            sku = f"sku-{random.randint(1, 12)}"
            await shop.get(f"/products/{sku if random.random() < 0.997 else 'sku-99'}")
            await asyncio.sleep(random.uniform(0.1, 0.6))
        if random.random() < 0.75:
            cart = {
                "sku": sku,
                "quantity": random.randint(1, 3),
                "amount": random.choice((19, 49, 129)),
            }
            answer = await shop.post("/orders", json=cart)
            if answer.status_code >= 500 and random.random() < 0.5:  # patience has its limits
                await asyncio.sleep(1)
                await shop.post("/orders", json=cart)
    except httpx.HTTPError:
        return  # the visitor sees an error page and leaves


def visits_per_s() -> float:
    """Few at night, most at noon."""
    noon = (1 - math.cos(2 * math.pi * time.time() / DAY_S)) / 2
    return NIGHT_VISITS_PER_S + (NOON_VISITS_PER_S - NIGHT_VISITS_PER_S) * noon


if __name__ == "__main__":
    asyncio.run(main())
