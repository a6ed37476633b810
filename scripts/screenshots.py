"""Makes docs/images/overview.png and trace.png from a running server.

    seamwatch demo                                        # shows the address and a one-time link
    .venv/bin/python scripts/screenshots.py --link 'http://127.0.0.1:4320/sign-in/link?code=…'

or, with a token in a file: ``--url http://127.0.0.1:4320 --token-file PATH``. Needs Chromium on PATH.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH, HEIGHT = 1280, 800
WAIT_MS = 60_000


def main(argv: list[str] | None = None) -> int:
    """Take the pictures; exit code 1 where the server shows no service or no trace with an error."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="address of the dashboard")
    parser.add_argument("--link", help="one-time sign-in link")
    parser.add_argument("--token-file", type=Path, help="file with a token, instead of a link")
    parser.add_argument("--output", type=Path, default=IMAGES, help="folder of the pictures")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    given = parser.parse_args(argv)
    if (given.link is None) == (given.token_file is None):
        parser.error("give --link, or --url with --token-file")
    if given.link is None and given.url is None:
        parser.error("--token-file needs --url")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium on PATH: install it", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    given.output.mkdir(parents=True, exist_ok=True)
    parts = urlsplit(given.link or given.url)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme=given.theme,
            device_scale_factor=1.5,
        )
        page.set_default_timeout(WAIT_MS)
        if given.link is not None:
            page.goto(given.link)
            page.get_by_role("button", name="Continue").click()
        else:
            page.goto(f"{parts.scheme}://{parts.netloc}/sign-in")
            page.get_by_label("Token").fill(given.token_file.read_text().strip())
            page.get_by_role("button", name="Sign in").click()
        _picture_overview(page, given.output / "overview.png")
        _picture_trace(page, f"{parts.scheme}://{parts.netloc}", given.output / "trace.png")
        browser.close()
    return 0


def _picture_overview(page: Any, target: Path) -> None:
    """The overview, once its numbers have refreshed by themselves."""
    page.wait_for_selector("[data-live][data-live-updates] tr[data-key]")
    page.screenshot(path=target)
    print(target)


def _picture_trace(page: Any, origin: str, target: Path) -> None:
    """The failed trace with the most spans of the latest page."""
    page.goto(f"{origin}/traces?status=error")
    rows = page.locator("table.traces tbody tr")
    rows.first.wait_for()
    spans = [
        int(text.replace(",", "")) for text in rows.locator("[data-label=Spans]").all_inner_texts()
    ]
    rows.nth(spans.index(max(spans))).locator("th a").click()
    page.wait_for_selector(".waterfall.is-scripted a.row")
    page.screenshot(path=target)
    print(target)


if __name__ == "__main__":
    raise SystemExit(main())
