from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vmf.units import format_duration, format_size, parse_size

SIZES = {
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip
GAP = st.sampled_from(("", " ", "  "))
examples = settings(database=None)


@examples
@given(number=st.integers(0, 10_000), unit=st.sampled_from(sorted(SIZES)), gap=GAP)
def test_every_unit_of_size(number, unit, gap):
    assert parse_size(f"{number}{gap}{unit}") == number * SIZES[unit]


@examples
@given(size=st.integers(2**10, 2**60))
def test_a_size_is_read_as_it_was_written(size):
    """But for what one decimal cannot say: half a tenth of the unit that it was written in."""
    written = format_size(size)
    assert abs(parse_size(written) - size) <= SIZES[written.split()[1]] / 20 + 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1.5KiB", 1536),
        ("0.5MB", 500_000),
        ("1.9999KiB", 2047),
        ("2TiB", 2**41),
        ("0KiB", 0),
        ("0", 0),
        ("1.001kB", 1001),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lots", "write a number and a unit, such as 256MiB"),
        ("", "write a number and a unit"),
        ("-1MiB", "write a number and a unit"),
        ("1e3MiB", "write a number and a unit"),
        ("1.MiB", "write a number and a unit"),
        (" 1MiB", "write a number and a unit"),
        ("\u0661MiB", "write a number and a unit"),
        ("256", "the unit is missing: write it as in 256MiB"),
        ("256M", "unknown unit 'M': write it as in 256MiB (units: KiB, MiB"),
        ("256mib", "unknown unit 'mib'"),
        ("10s", "unknown unit 's'"),
    ],
)
def test_what_is_no_size_is_told_what_to_write(text, reason):
    with pytest.raises(ValueError, match="unit") as raised:
        parse_size(text)
    assert str(raised.value).startswith(reason)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (2**28, "256 MiB"),
        (2**41, "2 TiB"),
        (2**20 - 1, "1 MiB"),
    ],
)
def test_sizes_for_people(size, text):
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (4.24, "4.2s"), (59.96, "1m00s"), (60, "1m00s"), (185, "3m05s"), (3600, "1h00m"), (7800, "2h10m")],
)
def test_times_for_people(seconds, text):
    assert format_duration(seconds) == text
