"""What vmf meant: jobs, their events, the claims on hosts, what probes found. What is, the hypervisor says."""

from __future__ import annotations

from vmf.store.database import NameTaken, Owned, Store
from vmf.store.folder import using
from vmf.store.ownership import Ownership, own, owned, try_to_own
from vmf.store.record import Moment, Record

__all__ = ["Moment", "NameTaken", "Owned", "Ownership", "Record", "Store", "own", "owned", "try_to_own", "using"]
