"""What names mean: in an ad, in records within it, in the ad it is matched with, and in lists."""

from __future__ import annotations

import pytest

from classad import ours, reference
from vmf.classad import ERROR, UNDEFINED

MY = """[
    a = 1; x = b; l = {1, a, [k = a]}; zz = 9;
    n = [q = 1; p = a; w = parent.a; s = self.q; r = root.a; y = zz; t = TARGET.b]
]"""
TARGET = "[b = 7; x = 3; k = MY.x; t = TARGET.a; n = [q = 2; w = b; z = a; m = MY.b]; c = a; l = {b, a}]"

EXPRESSIONS = """
a b x B missing .a .b .missing
self.a my.a MY.x my.my.a root.a toplevel.a root.LEFT.a parent.a parent.my.a parent.ad.a parent.parent.LEFT.a
TARGET.a TARGET.b TARGET.c TARGET.k TARGET.t TARGET.x TARGET.X OTHER.k other.target.a target.self.b TARGET.TARGET.a
TARGET.MY.b MY.TARGET.b MY.b TARGET.n.w TARGET.n.z TARGET.n.m TARGET.parent.ad.b
n.q n.p n.w n.s n.r n.y n.t n.a n.b n.zz n.n.q n.parent.a n.parent.parent.my.a n.root.LEFT.a parent.n.q
n["p"] n["P"] n["a"] n["t"] MY["x"] MY["b"] TARGET["k"]
l l[1] l[2].k l.k l[3] TARGET.l TARGET.l[1]
.LEFT.a .RIGHT.b LEFT.a RIGHT.b LEFT.b lCtx.my.a rCtx.my.b ad.a lCtx.target.b
symmetricMatch leftMatchesRight rightMatchesLeft leftRankValue rightRankValue
isClassAd(self) isClassAd(root) isClassAd(parent) isClassAd(TARGET) isUndefined(parent.parent.parent)
[z=a].z [z=b].z [z=.a].z [z=MY.a].z [z=TARGET.b].z [z=[y=1;w=parent.q];q=4].z.w [z=[y=1;w=MY.y]].z.w
{[a=5],[b=6],7}.a {[z=a],[z=b],[z=TARGET.b]}.z {1,{[x=2],3}}.x {}.x {[x=[y=1]]}.x.y {[x={a,zz}]}.x[0] {[x=[w=a]]}.x[0].w
{[x={.LEFT.a}]}.x[0][0]
undefined.a error.a "a".a (1).a
sum(l) sum(TARGET.l) member(7,TARGET.l) member(1,{n.q})
"""

ADS = (
    ("a", "[a = b; b = a]", None),
    ("a", "[a = a]", None),
    ("a", "[a = b || true; b = a]", None),
    ("a", "[a = isUndefined(b); b = isUndefined(a)]", None),
    ("a", "[a = isUndefined(self.a)]", None),
    ("a", "[a = n.b; n = [b = isUndefined(a)]]", None),
    ("a", "[a = [b = isUndefined(parent.a.b)].b]", None),
    ("n.x", "[n = [x = n.x]]", None),
    ("l[0].x", "[l = {[x = l[0].x]}]", None),
    ("l[0]", "[l = {l[0]}]", None),
    ("x", "[x = isUndefined(TARGET.x)]", "[x = TARGET.x]"),
    ("x", "[x = TARGET.y]", "[y = TARGET.x]"),
    ("target", "[target = 5]", "[z = 2]"),
    ("TARGET.a", "[target = [a = 7]]", "[a = 2]"),
    ("MY.a", "[my = [a = 7]; a = 1]", "[z = 2]"),
    ("self.a", "[SELF = [a = 7]; a = 1]", None),
    ("other.z", "[q = 1; other = [z = 5]]", "[z = 2]"),
    ("q.y", "[q = [y = other.z; other = [z = 5]]]", "[z = 2]"),
    ("q.y", "[q = [y = z]]", "[z = 2]"),
    ("l[0]", "[z = 3]", "[l = {z}]"),
    ("m[1]", "[z = 3; m = TARGET.l]", "[l = {z, MY.l[0]}]"),
    ("sum(n.l)", "[n = [x = 1; l = {x}]; x = 2]", None),
    ("n.l[0]", "[n = [x = 1; l = {x}]; x = 2]", None),
    ("n.l.y", "[n = [x = 1; l = {[y = x]}]; x = 2]", None),
    ("n.l.y", "[n = [x = 1; k = [y = x]; l = {k}]; k = [y = 3]]", None),
    ('n["l"][0]', "[e = 1; n = [l = {e, .e}]]", None),
    ('n["l"][1]', "[e = 1; n = [l = {e, .e}]]", None),
    ('sum(n["l"])', "[e = 1; n = [l = {e, .e}]]", None),
    ("l.x[0].y", "[l = {[x = [y = .z]]}; z = 1]", None),
    ("symmetricMatch", "[requirements = true]", "[requirements = target.x == 1]"),
    ("leftRankValue + 2 * rightRankValue", "[rank = 3]", "[rank = TARGET.rank + 1]"),
    ("'a b' + MY.'A B'", "['a b' = 4]", None),
    ("'é' + 1", "['é' = 1]", None),
    ("'É' ?: 2", "['é' = 1]", None),
)


def agrees(text, my, target=None):
    mine, theirs = ours.evaluate(text, my, target), reference.evaluate(text, my, target)
    assert ours.agree(mine, theirs), f"{mine}, the reference says {theirs}"


@pytest.mark.parametrize("text", EXPRESSIONS.split())
def test_names_in_a_match_mean_what_they_mean_in_the_reference(text):
    agrees(text, MY, TARGET)


@pytest.mark.parametrize("text", EXPRESSIONS.split())
def test_names_in_an_ad_alone_mean_what_they_mean_in_the_reference(text):
    agrees(text, MY)


@pytest.mark.parametrize(("text", "my", "target"), ADS)
def test_scopes_of_small_ads_are_the_reference_s(text, my, target):
    agrees(text, my, target)


def test_an_attribute_of_the_target_is_evaluated_where_it_was_written():
    assert ours.evaluate("TARGET.k", "[x = 3; k = 1]", "[x = 8; k = MY.x]") == 8


def test_a_name_that_is_not_here_is_looked_up_in_the_target():
    assert ours.evaluate("Memory > 1000", "[]", "[memory = 2048]") is True


def test_a_circular_reference_is_undefined():
    assert ours.evaluate("a", "[a = b + 1; b = a + 1]") is UNDEFINED


@pytest.mark.parametrize("my", ['[a = self["a"]]', '[a = self["b"]; b = a]', "[n = [x = l[0]]; a = n.x; l = {n.x}]"])
def test_circles_on_which_the_reference_crashes_come_to_an_end(my):
    assert ours.evaluate("a", my) in {UNDEFINED, ERROR}
