"""Spec files to values: the only room that reads YAML.

Documents become nodes that know their place (`nodes`), nodes become the model's values by the model's own types
(`read`); whatever is wrong anywhere is gathered and told in one go, with its place.
"""

from __future__ import annotations

from vmf.spec.hosts import load_hosts
from vmf.spec.image import load_image
from vmf.spec.jobs import JobWords, load_jobs
from vmf.spec.steps import load_steps

__all__ = ["JobWords", "load_hosts", "load_image", "load_jobs", "load_steps"]
