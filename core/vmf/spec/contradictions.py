"""Fields that contradict each other: a spec that breaks one of these rules badly is refused wherever it is used."""

from __future__ import annotations

from typing import Any

from vmf.rules import Check, Severity
from vmf.spec.host_checks import HOST_CHECKS
from vmf.spec.job_checks import JOB_CHECKS
from vmf.spec.step_checks import STEP_CHECKS

CONTRADICTIONS: tuple[Check[Any], ...] = (*JOB_CHECKS, *STEP_CHECKS, *HOST_CHECKS)
ERRORS = tuple(check for check in CONTRADICTIONS if check.rule.severity is Severity.ERROR)
"""Those that nobody can run with."""
