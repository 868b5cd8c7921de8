"""Names of the guest contract, by which guest and vmf find what the other one wrote; see `docs/guest.md`."""

from __future__ import annotations

EXIT_CODE = "exit-code"
"""The first member of the results' stream."""
END = "vmf-end"
"""Its last one; the disc with the job's script has a file of this name, which says what is to be in it."""
ANSWER = "answer"
"""The first member of an answer to a request."""
RESERVED = frozenset({EXIT_CODE, END, "console.log", "result.json"})
"""Names at the root of the results that are the contract's or vmf's own."""
