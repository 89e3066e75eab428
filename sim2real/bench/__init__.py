"""Benchmarks: a grid of environment x target x method x seed, run job by job, told as records."""

from .bench import Bench
from .config import BenchConfig, OracleBudget, load_bench_config
from .grid import Job, make_jobs
from .launcher import Outcome, run_jobs
from .merge import merge_results, read_results
from .part import Part

__all__ = [
    "Bench",
    "BenchConfig",
    "Job",
    "OracleBudget",
    "Outcome",
    "Part",
    "load_bench_config",
    "make_jobs",
    "merge_results",
    "read_results",
    "run_jobs",
]
