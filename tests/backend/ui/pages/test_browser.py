"""The pages in Chromium: no complaint in the console, live numbers, keyboard, narrow screens, no JavaScript."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

TRACE = "/traces/4bf92f3577b34da6a3ce929d0e0e4736"
PAGES = (
    "/",
    "/?numbers=payment",
    "/traces",
    TRACE + "?span=000000000000000a",
    "/errors",
    "/nowhere",
)
Open = Callable[..., Any]
BUSY = {"width": 1280, "height": 900}


def until(page: Any, expression: str) -> None:
    """Ask the page until it says yes; wait_for_function would need eval, which the policy forbids."""
    deadline = time.monotonic() + 10
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(20)


@pytest.mark.parametrize("path", [*PAGES[:-1], "/sign-in", "/sign-in/link?code=once"])
def test_page_loads_without_console_errors_or_policy_violations(open_page: Open, path: str) -> None:
    page = open_page(path)

    assert page.locator("h1").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "flex"


@pytest.mark.parametrize("path", PAGES[:-1])
def test_page_fits_a_screen_of_320_pixels(open_page: Open, path: str) -> None:
    page = open_page(path, viewport={"width": 320, "height": 640})

    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_overview_changes_its_numbers_without_a_reload(open_page: Open, world: Any) -> None:
    page = open_page("/")
    page.evaluate("window.isStillHere = true")
    row = page.locator("tr[data-key=payment]")
    assert row.get_attribute("data-state") == "failing"

    verdicts = [msgspec.structs.replace(v, state="healthy") for v in world.overview.verdicts]
    world.overview = type(world.overview)(**{**vars(world.overview), "verdicts": verdicts})

    page.wait_for_selector("tr[data-key=payment][data-state=healthy]")
    assert page.evaluate("window.isStillHere") is True
    assert "payment is healthy" in page.locator("[data-live-announce]").inner_text()


def test_refresh_leaves_the_focus_where_it_is(open_page: Open, world: Any) -> None:
    page = open_page("/")
    page.locator("tr[data-key=shop] th a").focus()
    verdicts = [msgspec.structs.replace(v, state="failing") for v in world.overview.verdicts]

    world.overview = type(world.overview)(**{**vars(world.overview), "verdicts": verdicts})
    page.wait_for_selector("tr[data-key=shop][data-state=failing]")

    assert page.evaluate("document.activeElement.closest('tr').dataset.key") == "shop"


def test_refresh_stops_on_demand_and_goes_on_again(open_page: Open) -> None:
    page = open_page("/")
    until(page, "Number(document.querySelector('[data-live]').dataset.liveUpdates) >= 1")

    page.get_by_role("button", name="Pause").click()
    paused = page.locator("[data-live-state]").inner_text()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)  # the browser's own clock: longer than one interval
    requests_while_paused = len(asked)
    page.get_by_role("button", name="Resume").click()
    until(page, "document.querySelector('[data-live-state]').dataset.state === 'live'")

    assert paused.startswith("Paused")
    assert requests_while_paused == 0


def test_theme_choice_outlives_a_reload(open_page: Open) -> None:
    page = open_page("/errors", color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.get_by_role("button", name="Switch to the dark theme").click()
    page.reload()

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_arrow_keys_walk_and_fold_the_waterfall(open_page: Open) -> None:
    page = open_page(TRACE, viewport=BUSY)
    focused = "document.activeElement.getAttribute('data-row')"
    page.locator("a.row").first.focus()

    walked = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowDown", "End", "Home"):
        page.keyboard.press(key)
        walked.append(page.evaluate(focused))

    assert walked == ["1", "2", "1", "1", "5", "14", "0"]
    assert page.locator("a.row[data-row='2']").is_hidden()
    assert page.locator("a.row[tabindex='0']").count() == 1


def test_enter_shows_the_details_of_the_row_and_puts_it_into_the_address(open_page: Open) -> None:
    page = open_page(TRACE, viewport=BUSY)
    page.locator("a.row").first.focus()

    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_selector("#details-title:has-text('load basket')")
    assert page.url.endswith("?span=0000000000000002")
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"


def test_folded_row_keeps_the_height_of_what_is_left(open_page: Open) -> None:
    page = open_page(TRACE, viewport=BUSY)

    page.locator("a.row").first.focus()
    page.keyboard.press("ArrowLeft")

    assert page.locator("svg.fall").get_attribute("height") == str(2 * 28)


def test_further_rows_are_loaded_when_the_end_comes_near(
    open_page: Open, world: Any, sample: Any
) -> None:
    world.trace = sample.large_trace(1200)
    page = open_page(TRACE, viewport=BUSY)

    page.locator("[data-more]").scroll_into_view_if_needed()
    until(page, "document.querySelectorAll('a.row').length >= 1000")
    page.keyboard.press("Tab")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    until(page, "document.querySelectorAll('a.row').length === 1200")

    assert page.locator("[data-more]").count() == 0


def test_hostile_text_of_a_span_runs_nothing(open_page: Open) -> None:
    page = open_page(TRACE + "?span=000000000000000a")

    page.get_by_text("show all 4,096 characters").click()

    assert page.locator(".details img").count() == 0
    assert page.locator(".whole:visible").inner_text() == "x" * 4096


@pytest.mark.parametrize("path", PAGES[:-1])
def test_page_works_without_javascript(open_page: Open, path: str) -> None:
    page = open_page(path, java_script_enabled=False)

    assert page.locator("h1").is_visible()
    assert page.locator("[data-live-pause]:visible, [data-theme-toggle]:visible").count() == 0


def test_span_is_chosen_by_a_link_without_javascript(open_page: Open) -> None:
    page = open_page(TRACE, java_script_enabled=False, viewport=BUSY)

    page.locator("a.row").nth(4).click()

    assert page.locator("#details-title").inner_text() == "SELECT item"


def test_search_is_sent_without_javascript(open_page: Open, world: Any) -> None:
    page = open_page("/traces", java_script_enabled=False)

    page.get_by_label("Service").fill("shop")
    page.get_by_label("Status").select_option("error")
    page.get_by_role("button", name="Search").click()

    assert page.url.endswith("/traces?service=shop&status=error")
    assert world.searches[-1].service == "shop"


def test_skip_link_leads_past_the_navigation(open_page: Open) -> None:
    page = open_page("/errors")

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "content"


def test_visitor_signs_in_by_the_form_and_out_again(open_page: Open) -> None:
    page = open_page("/errors", role=None)
    page.get_by_label("Token").fill("swk_viewer")

    page.get_by_role("button", name="Sign in").click()
    signed_in = page.url
    page.get_by_role("button", name="Sign out").click()

    assert signed_in.endswith("/errors")
    assert page.url.endswith("/sign-in")


def test_one_time_link_signs_a_browser_in(open_page: Open) -> None:
    page = open_page("/sign-in/link?code=once", role=None)

    page.get_by_role("button", name="Continue").click()

    assert page.locator("h1").inner_text() == "Overview"


def test_reader_who_wants_less_motion_gets_none(open_page: Open) -> None:
    page = open_page(TRACE, reduced_motion="reduce")

    moving = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"

    assert page.evaluate(moving) == 0


def test_printed_trace_has_its_details_and_no_navigation(open_page: Open) -> None:
    page = open_page(TRACE)

    page.emulate_media(media="print")

    assert page.locator("nav[aria-label=Main]").is_hidden()
    assert page.locator("#details").is_visible()
