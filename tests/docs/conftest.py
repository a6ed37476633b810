"""Reads the project's Markdown: fenced blocks with the comment before them, links, headings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(
    r"^(?:<!-- (?P<remark>[^\n]*?) -->\n+)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block; `remark` is the HTML comment right before it."""

    document: str
    line: int
    language: str
    remark: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def documents() -> list[Path]:
    """README and its neighbours, then everything under docs."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(*languages: str) -> list[Block]:
    """All fenced blocks in these languages."""
    found = [
        Block(
            document=path.relative_to(ROOT).as_posix(),
            line=text.count("\n", 0, match.start()) + 1,
            language=match["language"],
            remark=match["remark"] or "",
            text=match["text"],
        )
        for path in documents()
        for text in [path.read_text("utf-8")]
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if block.language in languages]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `<language>_block` runs once a block; one that takes `document`, once a file."""
    for name in metafunc.fixturenames:
        if name == "document":
            metafunc.parametrize(
                name, documents(), ids=lambda path: path.relative_to(ROOT).as_posix()
            )
        elif name.endswith("_block"):
            metafunc.parametrize(name, blocks(name.removesuffix("_block")), ids=str)


@pytest.fixture
def headings() -> Callable[[Path], set[str]]:
    """Anchors of a document, made from its headings as forges do."""

    def anchors(path: Path) -> set[str]:
        plain = _FENCE.sub("", path.read_text("utf-8"))
        titles = re.findall(r"^#+ (.+)$", plain, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}

    return anchors
