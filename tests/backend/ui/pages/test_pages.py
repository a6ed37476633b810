"""Every page over answers made by hand."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import msgspec
import psycopg
import pytest

from seamwatch.backend.analysis import service_health
from seamwatch.backend.ui import page_modules

TRACE = "/traces/4bf92f3577b34da6a3ce929d0e0e4736"
PAGES = ("/", "/?numbers=payment", "/traces", "/traces?service=shop&attr.a=b", TRACE, "/errors")
Get = Callable[..., Any]


@pytest.mark.parametrize("path", PAGES)
def test_page_needs_no_inline_script_style_or_foreign_address(get: Get, path: str) -> None:
    tags = _tags(get(path).text)

    inline = [
        tag
        for tag, attributes in tags
        if tag == "style"
        or (tag == "script" and not attributes["src"].startswith("/static/"))
        or any(name == "style" or name.startswith("on") for name in attributes)
    ]
    foreign = [
        attributes[name]
        for _, attributes in tags
        for name in ("src", "href", "action")
        if name in attributes and not re.match(r"(/(?!/)|#)", attributes[name])
    ]
    assert (inline, foreign) == ([], [])


@pytest.mark.parametrize("path", PAGES)
def test_text_of_a_trace_never_becomes_markup(get: Get, path: str) -> None:
    html = get(path).text

    assert "img" not in {tag for tag, _ in _tags(html)}
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_hostile_attribute_is_shown_as_text_on_the_trace_page(get: Get) -> None:
    answer = get(TRACE + "?span=000000000000000a")

    assert (
        "&lt;img src=x onerror=alert(1)&gt;⟨U+202E⟩gnp.exe javascript:alert(1) ⟨U+001B⟩[31m"
        in answer.text
    )
    assert "show all 4,096 characters" in answer.text


def test_overview_shows_rate_errors_durations_and_state_of_each_service(get: Get) -> None:
    text = _text(get("/").text)

    assert re.search(
        r"failing since 09:16 payment 23\.1/s .*?16\.9.% 6\.33.ms 20\.9.ms 45\.6.ms", text
    )
    assert text.index("payment") < text.index("inventory") < text.index("mailer")


def test_overview_names_the_latest_errors_with_a_trace_of_each(get: Get) -> None:
    html = get("/").text

    assert re.search(
        r"httpx\.ReadTimeout timed out after 250 ms payment , 412.. last 09:30:10", _text(html)
    )
    assert f'href="{TRACE}"' in html


def test_legend_names_the_limits_that_the_analysis_uses(get: Get) -> None:
    text = _text(get("/").text)

    assert (service_health.DEGRADED_RATIO, service_health.FAILING_RATIO) == (0.05, 0.5)
    assert "5 % or more failed, of at least ten" in text
    assert "half of them or more failed" in text


def test_overview_fragment_is_answered_304_while_nothing_changed(get: Get, world: Any) -> None:
    first = get("/fragments/overview")
    etag = first.headers["etag"]

    same = get("/fragments/overview", headers={"If-None-Match": etag})
    world.overview = type(world.overview)(**{**vars(world.overview), "verdicts": []})
    changed = get("/fragments/overview", headers={"If-None-Match": etag})

    assert [same.status_code, changed.status_code] == [304, 200]


def test_chart_of_a_service_has_a_table_with_the_same_numbers(get: Get, world: Any) -> None:
    series = next(s for s in world.overview.series.services if s.service_name == "payment")

    rows = re.findall(
        r"<tr><th scope=\"row\">(\d\d:\d\d)</th><td class=\"n\">([\d,]+)</td>",
        get("/?numbers=payment").text,
    )

    assert [int(number.replace(",", "")) for _, number in rows] == series.request_count[::-1]
    assert rows[0][0] == "09:30"


def test_search_form_fields_become_one_clean_address(get: Get) -> None:
    answer = get(
        "/traces?service=shop&operation=&status=error&min_duration_ms=&range=1h"
        "&attribute_key_1=http.route&attribute_value_1=/a%26b&attribute_key_2=&attribute_value_2="
    )

    assert answer.status_code == 303
    assert (
        answer.headers["location"] == "/traces?service=shop&status=error&attr.http.route=%2Fa%26b"
    )


def test_search_passes_every_filter_to_the_reader(get: Get, world: Any) -> None:
    get(
        "/traces?service=shop&operation=GET&status=error&min_duration_ms=2.5&max_duration_ms=900"
        "&start=2026-11-24T08:00&end=2026-11-24T09:00&attr.http.route=/a"
    )

    search = world.searches[0]
    assert (search.service, search.operation, search.status) == ("shop", "GET", "error")
    assert (search.min_duration_ms, search.max_duration_ms) == (2.5, 900.0)
    assert (search.start.isoformat(), search.end.isoformat()) == (
        "2026-11-24T08:00:00+00:00",
        "2026-11-24T09:00:00+00:00",
    )
    assert search.attributes == {"http.route": "/a"}


def test_second_page_of_a_search_ends_at_the_same_time_as_the_first(get: Get, world: Any) -> None:
    world.next_position = {"ns": "1"}
    first = get("/traces?service=shop")
    following = re.search(r'href="(/traces\?[^"]*cursor=[^"]*)"', first.text)
    assert following is not None

    second = get(following[1].replace("&amp;", "&"))

    assert second.status_code == 200
    assert world.searches[0].end == world.searches[1].end


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("min_duration_ms=abc", "Longer than: write milliseconds"),
        ("start=yesterday", "From: write a time in UTC"),
        ("end=0001-01-01T00:00", "Until: write a time between the years"),
        ("end=9999-12-31T23:59", "Until: write a time between the years"),
        ("start=9999-12-31T23:59-23:00", "From: write a time in UTC"),
        ("min_duration_ms=5&max_duration_ms=1", "Longer than: has to be less than"),
    ],
)
def test_field_that_cannot_be_used_is_named_and_keeps_its_text(
    get: Get, query: str, message: str
) -> None:
    answer = get(f"/traces?{query}")

    assert answer.status_code == 400
    assert message in answer.text
    assert f'value="{query.split("=")[1].split("&")[0]}"' in answer.text


def test_choice_that_does_not_exist_is_refused(get: Get) -> None:
    answers = [get("/traces?status=broken"), get("/traces?range=2y")]

    assert [answer.status_code for answer in answers] == [400, 400]


def test_trace_page_of_an_unknown_or_malformed_id_says_the_same(get: Get, world: Any) -> None:
    world.trace = None

    unknown, malformed = get(TRACE), get("/traces/no-such-id")

    assert (unknown.status_code, malformed.status_code) == (404, 404)
    assert _text(unknown.text) == _text(malformed.text)


def test_every_span_has_details_without_javascript(get: Get) -> None:
    page = get(TRACE).text
    links = re.findall(r'href="(/traces/[0-9a-f]{32}\?span=[0-9a-f]{16})#details"', page)

    assert len(set(links)) == 15
    assert "POST /reservations" in get(links[6]).text.split('id="details"')[1]


def test_trace_opens_at_the_error_that_no_deeper_error_explains(get: Get) -> None:
    details = get(TRACE).text.split('id="details"')[1]

    assert "POST bank" in details
    assert "httpx.ReadTimeout: timed out after 250 ms" in details


def test_rows_beyond_the_first_five_hundred_come_in_chunks(
    get: Get, world: Any, sample: Any
) -> None:
    world.trace = sample.large_trace(1200)

    page, chunk, last = get(TRACE), get(TRACE + "/rows?first=500"), get(TRACE + "/rows?first=1000")

    assert [answer.text.count('role="treeitem"') for answer in (page, chunk, last)] == [
        500,
        500,
        200,
    ]
    assert "Show 500 more of 1,200 spans" in page.text
    assert "data-more" not in last.text


def test_trace_of_ten_thousand_spans_is_answered_within_a_second(
    get: Get, world: Any, sample: Any
) -> None:
    world.trace = sample.large_trace(10_000)

    answer = get(TRACE)

    assert float(answer.headers["server-timing"].rpartition("=")[2]) < 1000


def test_first_rows_of_a_large_trace_transfer_little(get: Get, world: Any, sample: Any) -> None:
    world.trace = sample.large_trace(10_000)

    answer = get(TRACE, headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 60_000


def test_page_with_a_form_token_and_text_of_its_address_is_not_compressed(get: Get) -> None:
    for path in ("/", "/traces?service=guess", "/errors?service=guess"):
        answer = get(path, headers={"Accept-Encoding": "gzip"})

        assert "content-encoding" not in answer.headers


def test_rate_of_a_service_that_just_began_is_taken_since_its_first_request(
    get: Get, world: Any
) -> None:
    series = world.overview.series.services[0]
    series.request_count[:] = [0] * 58 + [120, 40]
    world.overview.dashboard.services[0] = msgspec.structs.replace(
        world.overview.dashboard.services[0], request_count=160
    )

    # From 09:29:00 to 09:30:20.25 there were 160.
    assert re.search(r"shop 1\.99/s", _text(get("/").text))


def test_errors_are_grouped_with_their_count_and_an_example(get: Get) -> None:
    answer = get("/errors")

    assert re.search(
        r"httpx\.ReadTimeout timed out after 250 ms in POST /charges payment 412",
        _text(answer.text),
    )
    assert f'href="{TRACE}"' in answer.text


def test_who_is_not_signed_in_is_led_to_the_form_and_back(get: Get) -> None:
    answer = get("/errors?window=6h", role=None)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/errors%3Fwindow%3D6h"
    assert (
        'name="next" value="/errors?window=6h"' in get(answer.headers["location"], role=None).text
    )


def test_token_without_the_role_gets_a_friendly_refusal(get: Get) -> None:
    answer = get("/", role="ingest")

    assert answer.status_code == 403
    assert "You may not see this" in answer.text


def test_database_that_is_away_gives_a_page_that_says_when_to_retry(get: Get, world: Any) -> None:
    world.failure = psycopg.OperationalError("host=secret.internal refused")

    answer = get("/")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "Not available right now" in answer.text
    assert "secret.internal" not in answer.text


def test_navigation_shows_only_pages_that_are_registered(get: Get) -> None:
    page = get("/").text

    assert re.findall(r"<li><a href=\"([^\"]*)\"", page.split("</nav>")[0]) == [
        "/",
        "/traces",
        "/errors",
    ]


def test_every_page_needs_a_reading_role() -> None:
    routes = [route for module in page_modules() for route in module.ROUTES]

    open_paths = {route.path for route in routes if not route.roles}

    assert open_paths == {"/sign-in", "/sign-in/link", "/sign-out", "/static/{digest}/{name:path}"}


def _tags(html: str) -> list[tuple[str, dict[str, str]]]:
    """Every tag with its attributes, as a browser would read them."""
    found: list[tuple[str, dict[str, str]]] = []

    class Collector(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attrs}))

    Collector().feed(html)
    return found


def _text(html: str) -> str:
    """What a reader sees of a page's main part."""
    main = html.split("<main")[1]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main.partition(">")[2]))
