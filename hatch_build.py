"""Build hook of the wheel: brings the pages' scripts in; an editable install goes without it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["AssetsBuildHook"]


class AssetsBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs ``scripts/build_assets.py`` unless ``SEAMWATCH_BUILD_ASSETS=0`` (as for the client alone)."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects the files; `version` is ``standard`` or ``editable``."""
        mode = os.environ.get("SEAMWATCH_BUILD_ASSETS", "")
        if version == "editable" or mode == "0":
            return
        sys.path.insert(0, str(Path(self.root) / "scripts"))
        try:
            from build_assets import AssetError, build_assets
        finally:
            sys.path.pop(0)
        try:
            build_assets(Path(self.root))
        except AssetError as error:
            if mode == "1":
                raise
            self.app.display_warning(f"The wheel's pages will not update by themselves. {error}")
