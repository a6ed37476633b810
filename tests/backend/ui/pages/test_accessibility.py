"""axe-core finds nothing against WCAG 2.2 AA, in light and dark, wide and narrow."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AXE_VERSION = "4.14.1"
CACHE = Path(__file__).parents[4] / ".cache"
TRACE = "/traces/4bf92f3577b34da6a3ce929d0e0e4736"
PATHS = (
    "/", "/?numbers=payment", "/traces", "/traces?status=error&attr.a=b", "/traces?min_duration_ms=x",
    TRACE, TRACE + "?span=000000000000000a", "/errors", "/sign-in", "/sign-in/link?code=once", "/traces/none",
)  # fmt: skip
RUN = """async () => (await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  })).violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + n.failureSummary).join(" | "))"""


@pytest.fixture(scope="session")
def axe_script() -> str:
    """axe-core from npm, kept under .cache."""
    archive = CACHE / f"axe-core-{AXE_VERSION}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            if os.environ.get("CI"):
                pytest.fail("npm is missing: it fetches axe-core")
            pytest.skip("npm is missing: it fetches axe-core")
        CACHE.mkdir(exist_ok=True)
        subprocess.run(
            [npm, "pack", f"axe-core@{AXE_VERSION}"], cwd=CACHE, check=True, capture_output=True
        )
    with tarfile.open(archive) as files:
        script = files.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PATHS)
def test_page_has_no_axe_violation(
    chromium: Any, server: str, axe_script: str, path: str, theme: str
) -> None:
    # The policy forbids injected scripts, as it should; only here it is set aside.
    context = chromium.new_context(
        color_scheme=theme,
        bypass_csp=True,
        extra_http_headers={} if "sign-in" in path else {"Authorization": "Bearer swk_viewer"},
    )
    violations = []
    for width in (1280, 320):
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(server + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
        page.evaluate(axe_script)
        violations += page.evaluate(RUN)
        page.close()
    context.close()

    assert violations == []


def test_every_page_has_a_language_a_title_and_one_main_part(get: Callable[..., Any]) -> None:
    for path in PATHS:
        html = get(path, role=None if "sign-in" in path else "viewer").text

        assert '<html lang="en"' in html
        assert html.count("<main") == html.count("<h1") == 1
        assert " · Seamwatch</title>" in html
