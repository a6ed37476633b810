"""``make bench``: every measured budget, one after the other, on a machine that does nothing else.

make bench                                     # 60 s a load, 2 million spans for the queries
make bench BENCH_ARGS='--spans 10000000'
make bench BENCH_ARGS='--phoenix /path/to/venv/bin/phoenix'
make soak                                      # 600 s a load
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

_FOLDER = Path(__file__).parent


def main() -> int:
    """Run the benchmarks; 1 where one failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=60, help="of each load")
    parser.add_argument(
        "--spans", type=int, default=2_000_000, help="in the database that is queried"
    )
    parser.add_argument("--phoenix", help="its command; measured in the same run")
    args = parser.parse_args()
    ingest = ["ingest.py", "--seconds", str(args.seconds)]
    if args.phoenix:
        ingest += ["--phoenix", args.phoenix]
    failed = 0
    for script, *arguments in (ingest, ["queries.py", "--spans", str(args.spans)]):
        print(f"=== {script}", flush=True)
        failed |= subprocess.run(
            [sys.executable, str(_FOLDER / script), *arguments], check=False
        ).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
