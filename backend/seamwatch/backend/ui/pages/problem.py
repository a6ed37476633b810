"""Problems of pages as HTML that a person understands."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from seamwatch.backend.api.problem import ProblemError
from seamwatch.backend.ui.pages.answer import shared_templates
from seamwatch.backend.ui.templating import Frame

__all__ = ["problem_page"]

_TITLES = {
    403: "You may not see this",
    404: "There is nothing here",
    429: "Too many requests",
    500: "Something broke on our side",
    503: "Not available right now",
}


async def problem_page(request: Request, error: ProblemError) -> Response:
    """The answer to a browser whose request ended in `error`.

    It names no tenant and draws no navigation: it is also shown to people who are not signed in, and while
    the database is away.
    """
    problem = error.problem
    title = problem.title if problem.title == "Trace not found" else _TITLES.get(problem.status)
    html = shared_templates().render(
        "message.html",
        frame=Frame(now=datetime.now(UTC)),
        status=problem.status,
        title=title or problem.title,
        detail=_sentence(problem.detail),
        remedy=_sentence(problem.remedy),
    )
    headers = {**error.headers, "Cache-Control": "no-store"}
    return Response(html, problem.status, headers, "text/html; charset=utf-8")


def _sentence(text: str) -> str:
    """A fact of the API as a sentence of a page."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
