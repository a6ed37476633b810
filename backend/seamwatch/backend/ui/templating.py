"""Renders the pages: Jinja2 with autoescape on and undefined names refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from seamwatch.backend.ui import format as formatting
from seamwatch.backend.ui.assets import Assets

__all__ = ["Frame", "NavigationItem", "Templates", "link"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NavigationItem:
    """One entry of the navigation."""

    label: str
    href: str
    is_current: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What every page needs around its content. `tenant_name` None: nobody is signed in."""

    now: datetime
    navigation: tuple[NavigationItem, ...] = ()
    tenant_name: str | None = None
    tenant_parameter: str | None = (
        None  # kept in every link: an admin reads another tenant than his own
    )
    csrf_token: str | None = None


class Templates:
    """The compiled templates and the assets they name. Safe from any thread or task."""

    def __init__(self, assets: Assets | None = None) -> None:
        self.assets = assets or Assets()
        self._environment = Environment(
            loader=PackageLoader("seamwatch.backend.ui", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            duration=formatting.duration,
            ratio=formatting.ratio,
            count=formatting.count,
            visible=formatting.visible,
            clip=formatting.clip,
            absolute_time=formatting.absolute_time,
            breakable=_breakable,
        )
        self._environment.globals.update(
            asset=self.assets.url,
            link=_link_here,
            plural=formatting.plural,
            relative_time=formatting.relative_time,
        )

    def render(self, name: str, *, frame: Frame, **context: Any) -> str:
        """HTML of the template `name`.

        Raises:
            jinja2.UndefinedError: The context lacks a name that the template uses.
        """
        return self._environment.get_template(name).render(frame=frame, **context)


def link(path: str, parameters: Mapping[str, object] | None = None, **more: object) -> str:
    """Address below our own root: `path` quoted, then the parameters that are neither None nor empty."""
    query = {
        key: str(value)
        for key, value in {**(parameters or {}), **more}.items()
        if value is not None and value != ""
    }
    target = quote(path, safe="/#")
    return f"{target}?{urlencode(query)}" if query else target


@pass_context
def _link_here(
    context: Context, path: str, parameters: Mapping[str, object] | None = None, **more: object
) -> str:
    """`link` as templates call it: the tenant that is looked at stays the same."""
    frame: Frame = context["frame"]
    return link(path, parameters, **more, tenant=frame.tenant_parameter)


def _breakable(text: str) -> Markup:
    """`text` escaped, with places to break a line after its dots, slashes and underscores."""
    escaped = str(escape(text))
    for separator in "._/":
        escaped = escaped.replace(separator, separator + "<wbr>")
    return Markup(escaped)  # noqa: S704  escaped two lines above
