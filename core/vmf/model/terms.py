"""The terms in which fields are declared: patterns, quantities, texts in another language."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta

API_VERSION = "vmf/v1"
NAME = r"^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?!\n)$"
GUEST_PATH = r"^(?![/-])(?!(?:.*/)?\.{1,2}(?:/|$))[^\x00-\x1f\x7f]{1,200}$"
FULL_PATH = r"^/(?!(?:.*/)?\.{1,2}(?:/|$))[^\x00-\x1f\x7f]{1,200}(?<!/)$"
"""Of the guest: that of a file, from / on."""
PACKAGE = r"^[A-Za-z0-9/][A-Za-z0-9+._:=~/-]{0,200}(?!\n)$"
URL = r"^https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[A-Za-z0-9._~!$&()*+,;=:@%/?-]{1,1000}$"
ATTRIBUTE = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
DEVICE = r"^[a-z]{1,8}[0-9]{0,3}$"
DEVICE_PATH = r"^[A-Za-z0-9/=_.:-]{1,200}$"
ADDRESS = r"^([A-Za-z0-9]([A-Za-z0-9.:_-]{0,253}[A-Za-z0-9])?|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,40})(?!\n)$"
LABEL = r"^[^\x00-\x1f\x7f]{0,200}$"
LINE = r"^[^\x00-\x1f]*$"
TEXT = r"^[^\x00]*$"
SHA256 = r"^[0-9a-f]{64}$"
BRIDGE = r"^[A-Za-z0-9._-]{1,15}$"
ACCOUNT = r"^[A-Za-z0-9][A-Za-z0-9._@\\-]{0,127}(?!\n)$"
"""A user of a host, who may be one of a domain."""
LOGIN = r"^[a-z_][a-z0-9_-]{0,31}$"
MAC = r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$"

TINY = "tiny"
"""The image in the warehouse that proves an accelerator and runs the examples."""
MEBIBYTE = 2**20
_YEAR = 366 * 24 * 3600

Size: TypeAlias = Annotated[int, Meta(ge=MEBIBYTE, le=2**60, extra={"unit": "size"})]
Duration: TypeAlias = Annotated[int, Meta(ge=1, le=_YEAR, extra={"unit": "duration"})]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Port: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]
Name: TypeAlias = Annotated[str, Meta(pattern=NAME)]
Line: TypeAlias = Annotated[str, Meta(pattern=LINE)]
Expression: TypeAlias = Annotated[str, Meta(extra={"language": "classad"})]
Attributes: TypeAlias = Annotated[Mapping[Annotated[str, Meta(pattern=ATTRIBUTE)], Expression], Meta(max_length=500)]
Labels: TypeAlias = Annotated[Mapping[Name, Annotated[str, Meta(pattern=LABEL)]], Meta(max_length=100)]
