"""How an attempt ended."""

from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """How a job's last attempt ended."""

    COMPLETED = "completed"
    NEVER_SPOKE = "never-spoke"
    CUT_SHORT = "cut-short"
    UNSAFE_RESULTS = "unsafe-results"
    STEP_FAILED = "step-failed"
    REBOOTED = "rebooted"
    PANICKED = "panicked"
    HALTED = "halted"
    CRASHED = "crashed"
    KILLED = "killed"
    LIMIT = "limit"
    TIME_LIMIT = "time-limit"
    SILENT = "silent"
    STOPPED = "stopped"
    HELD = "held"
    JOB_FAULT = "job-fault"
    HOST_FAULT = "host-fault"


class Verdict(Struct, frozen=True, kw_only=True):
    """How an attempt ended."""

    outcome: Outcome
    exit_code: int
    """The guest's, if `source` is guest; else vmf's word, see `vmf.errors.Exit`."""
    source: str
    """`guest` or `vmf`: who chose the exit code."""
    reason: str = ""
    """A sentence, where the outcome alone does not say enough."""
    code: str = ""
    """The hold code, if the job is at fault."""
