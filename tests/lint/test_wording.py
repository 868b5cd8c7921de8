"""Expressions are judged where they stand, whatever the YAML around them."""

from __future__ import annotations

import pytest

from lint.samples import host, job

WRONG = "TARGET.Memroy > 7"


class TestPlaces:
    @pytest.mark.parametrize(
        ("lines", "at"),
        [
            (["requirements: TARGET.Memroy > 7"], (7, 24)),
            (["requirements:   TARGET.Memroy > 7  # why"], (7, 26)),
            (["requirements:", "  TARGET.Memroy > 7"], (8, 12)),
            (["requirements: &it TARGET.Memroy > 7"], (7, 17)),
            (["'requirements': TARGET.Memroy > 7"], (7, 26)),
            (["requirements: 'TARGET.Memroy > 7'"], (7, 25)),
            (['requirements: "TARGET\\u002EMemroy > 7"'], (7, 17)),
            (["requirements: TARGET.Memroy", "  > 7"], (7, 17)),
            (["requirements: |", "  TARGET.Memroy > 7"], (8, 12)),
            (["requirements: >-", "  TARGET.Memroy", "  > 7"], (7, 17)),
            (["attributes: {A: TARGET.Memroy + 7}"], (7, 26)),
            (["requirements: [", "  ]"], (7, 17)),
        ],
    )
    def test_the_very_token_where_the_text_stands_as_it_is_meant_and_else_the_whole(self, judged, lines, at):
        (found,) = judged(job(*lines))
        assert (found.fault.line, found.fault.column) == at

    def test_behind_letters_of_any_size_columns_count_characters(self, judged):
        (found,) = judged(job('requirements: TARGET.Name == "ü\U0001f600" && TARGET.Memroy > 7'))
        assert found.fault.source[found.fault.column - 1 :].startswith("Memroy")


class TestUses:
    @pytest.mark.parametrize("field", ["start", "suspend", "continue", "vacate"])
    def test_the_conditions_of_a_host(self, judged, field):
        told = [each.rule.id for each in judged(host(f"{field}: TARGET.RequestMemroy > 7"))]
        assert "VMF302" in told

    def test_a_rank_is_no_condition(self, judged):
        assert [each.rule.id for each in judged(job("rank: 7"))] == ["VMF322"]
        assert [each.rule.id for each in judged(job("requirements: 7"))] == ["VMF321"]
        assert judged(job("attributes: {A: 7}")) == ()

    def test_each_says_which_it_is(self, judged):
        found = judged(job(f"requirements: {WRONG}", f"attributes: {{A: {WRONG}}}"))
        assert [each.fault.what.partition(":")[0] for each in found] == ["spec.requirements", "spec.attributes.A"]


class TestWhatIsKnown:
    def test_the_own_attributes_of_the_spec(self, judged):
        assert judged(job("attributes: {Shelf: 7}", "requirements: TARGET.Cpus > MY.Shelf")) == ()

    def test_those_of_the_listed_hosts(self, judged):
        wrong = job("requirements: TARGET.Shelf == 7")
        assert judged(wrong, hosts=(host("attributes: {Shelf: 7}"),)) == ()
        assert [each.rule.id for each in judged(wrong, hosts=(host("attributes: {Tower: 7}"),))] == ["VMF302"]

    def test_what_its_steps_publish(self, judged):
        steps = ("run: exit", "steps:", "  - {name: a, command: [make], publish: {Shelf: 7}}")
        assert judged(job(*steps, "requirements: TARGET.Cpus > MY.shelf")) == ()
        found = judged(job(*steps, "requirements: TARGET.Cpus > MY.Tower"))
        assert [each.rule.id for each in found] == ["VMF304"]

    @pytest.mark.parametrize("attributes", ["{A: 1 +}", "{A: {}}", "[A]"])
    def test_attributes_that_cannot_be_read_are_not_called_unknown(self, judged, attributes):
        found = judged(job(f"attributes: {attributes}", "requirements: TARGET.Cpus > MY.A"))
        assert {each.fault.line for each in found} == {7}

    def test_beside_them_the_rest_is_judged(self, judged):
        found = judged(job("attributes: {A: 1 +}", 'requirements: TARGET.Cpus > "1"'))
        assert [each.rule.id for each in found] == ["VMF301", "VMF308"]


def test_the_runs_of_a_queue_are_judged_by_their_own_attributes(judged):
    runs = ("{attributes.Shelf: 1}", "{attributes.Tower: 1}")
    found = judged(job("requirements: TARGET.Cpus > MY.Shelf", "queue:", *(f"  - {each}" for each in runs)))
    assert [(each.rule.id, each.fault.line) for each in found] == [("VMF304", 7)]
