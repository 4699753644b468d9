"""The `lobby` command as a child process, and the memory and processor time of a process."""

import os
import sys
from pathlib import Path

LOBBY = [sys.executable, "-c", "from cli import main; main()"]


def cpu_seconds(pid: int) -> float:
    """Returns the processor time that all threads of a process have used so far."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_all(pid: int) -> float:
    """Works like `cpu_seconds`, for a process and those that it started and that run."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + sum(cpu_seconds_of_all(int(child)) for child in children)


def memory_mb(pid: int) -> float:
    """Returns the resident memory of a process in MB (VmRSS), shared pages among it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
