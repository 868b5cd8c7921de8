"""What this hypervisor can, of what not all can; the contract suite tries each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ABILITIES: Mapping[str, str] = MappingProxyType({})
"""Ability to sentence."""
