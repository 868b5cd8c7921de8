"""What our own readers of images say of one that must not be used."""

from __future__ import annotations


class Unfit(Exception):
    """A file that is not what it is stated to be, or must not be used; `hint` says what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint
