"""What is known of a machine, in words."""

from __future__ import annotations

import pytest

from vmf.model import Address, MachineFacts, Protocol


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (MachineFacts(), ""),
        (MachineFacts(addresses=("192.0.2.7", "2001:db8::7")), "192.0.2.7, 2001:db8::7"),
        (
            MachineFacts(forwards=(Address(port=22, protocol=Protocol.TCP, host="127.0.0.1", host_port=40022),)),
            "127.0.0.1:40022->22/tcp",
        ),
    ],
)
def test_where_a_guest_is_reached_in_a_few_words(facts, words):
    assert facts.reached == words
