"""Links between documents lead somewhere, and every document can be reached."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def targets(document: Path) -> list[str]:
    """Links of a document that lead inside the project."""
    prose = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    return [link for link in _LINK.findall(prose) if not re.match(r"[a-z]+:", link)]


def test_links_lead_to_files_and_headings(
    document: Path, headings: Callable[[Path], set[str]]
) -> None:
    broken = []
    for link in targets(document):
        path, _, anchor = unquote(link).partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or not target.is_relative_to(ROOT):
            broken.append(link)
        elif anchor and target.suffix == ".md" and anchor not in headings(target):
            broken.append(link)

    assert broken == []


def test_every_document_is_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        if document in seen or not document.is_file() or document.suffix != ".md":
            continue
        seen.add(document)
        waiting += [
            (document.parent / unquote(link).split("#")[0]).resolve() for link in targets(document)
        ]

    assert sorted(path.name for path in (ROOT / "docs").rglob("*.md") if path not in seen) == []
