"""The public API: what `import sim2real` gives."""

from .configuring import load_config
from .evaluation import EvaluationResult, evaluate
from .policy import RunPolicy, load_policy
from .results import Report, bench, report
from .run import Run
from .training import pretrain, transfer
from .worlds import make_vec

__all__ = [
    "EvaluationResult",
    "Report",
    "Run",
    "RunPolicy",
    "bench",
    "evaluate",
    "load_config",
    "load_policy",
    "make_vec",
    "pretrain",
    "report",
    "transfer",
]
