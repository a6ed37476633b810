"""Analysis loops: rollups, retention, verdicts."""

from seamwatch.backend.analysis.fold_rollups import FoldRollups
from seamwatch.backend.analysis.loop import AnalysisLoop, LoopRunner, StoppableLoop, wake_channel
from seamwatch.backend.analysis.retention import Retention, RetentionConfig
from seamwatch.backend.analysis.service_health import ServiceHealth
from seamwatch.backend.analysis.verdict import open_verdicts, set_verdict

__all__ = [
    "AnalysisLoop",
    "FoldRollups",
    "LoopRunner",
    "Retention",
    "RetentionConfig",
    "ServiceHealth",
    "StoppableLoop",
    "open_verdicts",
    "set_verdict",
    "wake_channel",
]
