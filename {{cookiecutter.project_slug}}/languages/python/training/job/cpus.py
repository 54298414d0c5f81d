"""The CPUs of the container."""

import contextlib
import os
from pathlib import Path


def limit_threads() -> None:
    """Have libraries that are imported later start as many threads as there are CPUs for us.

    They count the machine's else. Threads of OpenMP sleep while they wait: those that spin take a
    busy machine's CPUs from those they wait for, and short steps last twenty times as long. What
    the environment says already stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(variable, str(cpus()))


def cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the number of CPUs that the container may use: its quota, or else its CPU set."""
    available = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        if (cgroup / "cpu.max").exists():  # cgroup v2; without a limit it says "max 100000".
            quota, period = map(int, (cgroup / "cpu.max").read_text().split())
        else:  # v1; without a limit the quota is -1.
            quota = int((cgroup / "cpu/cpu.cfs_quota_us").read_text())
            period = int((cgroup / "cpu/cpu.cfs_period_us").read_text())
        if quota > 0:
            return max(1, min(available, quota // period))
    return available
