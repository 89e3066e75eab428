"""Benchmarks: a grid of environment x target x method x seed, run job by job, kept as records."""

from .bench import Bench
from .config import BenchConfig, OracleBudget, find_bench_config, load_bench_config
from .grid import Job, make_jobs
from .launcher import Outcome, run_jobs
from .merge import merge_results, read_results
from .part import Part
from .single_runs import is_run, results_of_runs

__all__ = [
    "Bench",
    "BenchConfig",
    "Job",
    "OracleBudget",
    "Outcome",
    "Part",
    "find_bench_config",
    "is_run",
    "load_bench_config",
    "make_jobs",
    "merge_results",
    "read_results",
    "results_of_runs",
    "run_jobs",
]
