"""``python -m seamwatch.backend.cli``: the command without an installed script."""

import sys

from seamwatch.backend.cli import main

sys.exit(main())
