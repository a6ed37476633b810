"""Log-bucket histogram of durations: mergeable by adding counts, exact in its bounds, 2.2 % wide on either side.

Bucket ``b >= 1`` holds durations in ``(2**((b-1)/16), 2**(b/16)]`` nanoseconds, bucket 0 what is at most 1 ns: the
layout of an OpenTelemetry exponential histogram of scale 4 with a zero bucket (OTLP metrics data model,
"ExponentialHistogram"). The centre of a bucket is at most 2.2 % away from any value in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import ceil, log2

__all__ = ["BUCKETS_PER_OCTAVE", "buckets_of", "centre_ns"]

BUCKETS_PER_OCTAVE = 16


def buckets_of(durations_ns: Iterable[int]) -> tuple[list[int], list[int]]:
    """Sparse histogram as two lists of the same length: buckets in ascending order, and their counts."""
    counts = Counter([ceil(log2(d) * 16) if d > 1 else 0 for d in durations_ns])
    buckets = sorted(counts)
    return buckets, [counts[bucket] for bucket in buckets]


def centre_ns(bucket: int) -> float:
    """Geometric centre of a bucket in nanoseconds (bucket 0: 1)."""
    return float(2 ** ((bucket - 0.5) / BUCKETS_PER_OCTAVE)) if bucket > 0 else 1.0
