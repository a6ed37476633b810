"""The dashboard: server-rendered pages that work without JavaScript, under a strict content security policy."""

from seamwatch.backend.ui.modules import page_modules
from seamwatch.backend.ui.pages.problem import problem_page

__all__ = ["page_modules", "problem_page"]
