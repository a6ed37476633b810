"""``python -m seamwatch.backend.cli``: the command without an installed script."""

from __future__ import annotations

import sys

from seamwatch.backend.cli import main

sys.exit(main())
