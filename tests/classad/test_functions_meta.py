"""Functions that are given expressions: in which record they evaluate them, and what they tell of them."""

from __future__ import annotations

import pytest

from classad import ours
from classad.comparing import agrees, lines
from vmf.classad import ERROR

CASES = lines(r"""
unresolved(y) @ [x=1; y=q]
unresolved(y) @ [x=1; y=target.r]
unresolved(y) @ [x=1; y=target.r] @ [r=1]
unresolved(y) @ [x=1; y=r] @ [r=1]
unresolved(y) @ [x=1; y=target.zz] @ [r=1]
unresolved(y) @ [x=1; y=TARGET.Zz] @ [r=1]
unresolved(y) @ [x=1; y=my.zz]
unresolved(y) @ [x=1; y=.zz]
unresolved(y) @ [x=1; y=.x]
unresolved(y) @ [x=1; y=foo.bar]
unresolved(y) @ [x=1; y=self.u]
unresolved(y) @ [x=1; y=self.x]
unresolved(y) @ [x=1; y=parent.v]
unresolved(y) @ [x=1; y=root.x]
unresolved(y) @ [x=1; y=root.k]
unresolved(y) @ [x=1; y=self]
unresolved(y) @ [x=1; y=x.a]
unresolved(y) @ [x=1; y="s".a]
unresolved(y) @ [x=1; y=x.a+b]
unresolved(y) @ [x=1; y=b+x.a]
unresolved(y) @ [y=y+b]
unresolved(y) @ [y=z+b;z=y]
unresolved(y) @ [y=currenttime]
unresolved(y) @ [y='a b'+'target.x']
unresolved(y) @ [y='a b'.c]
unresolved(y) @ [x=[q=w;r=[s=q+t]]; y=x.r]
unresolved(y) @ [x=[q=w;r=[s=q+t]]; y=x.r.s]
unresolved(y) @ [x=[q=w;r=q+y2]; y=x.r; y2=foo]
unresolved(y) @ [x={[a=1]}; y=x.a]
unresolved(y) @ [x={[a=1]}; y=x[0].a+x[0].b]
unresolved(w) @ [x=1] @ [w=x+v]
unresolved(target.w) @ [x=1] @ [w=x+v]
unresolved(x.w) @ [x=[w=k]]
unresolved(.x) @ [x=k]
unresolved(.x.w) @ [x=[w=k]]
unresolved(my.x) @ [x=k]
unresolved(self) @ [x=k]
unresolved(y) @ [y=error.a+b]
unresolved(y) @ [y=undefined.a+b]
unresolved(y) @ [y=(a)+(b.c)]
unresolved(y, "^A$") @ [y=(a)+(b.c)]
unresolved(y, "c$") @ [y=(a)+(b.c)]
unresolved(y, "") @ [y=(a)+(b.c)]
unresolved(y, undefined) @ [y=(a)+(b.c)]
unresolved(nope, undefined) @ [y=(a)+(b.c)]
unresolved(y, "x*") @ [y=(a)+(b.c)]
unresolved(y, "(") @ [y=3]
unresolved(y) @ [y=_a+B+b1+Z+aa+A.b]
evalInEachContext(a, l) @ [l={[b=1],[a=3]}] @ [a=5]
evalInEachContext(a+0, l) @ [l={[b=1],[a=3]}] @ [a=5]
evalInEachContext(target.a, l) @ [l={[b=1],[a=3]}] @ [a=5]
evalInEachContext(a+0, l) @ [x=9] @ [a=5; l={[b=1],[a=3],[c=x]}]
evalInEachContext(x+0, l) @ [x=9] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(x+0, target.l) @ [x=9] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(target.a+0, target.l) @ [x=9;a=1] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(target.x+0, target.l) @ [x=9;a=1] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(my.a+0, target.l) @ [x=9;a=1] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(r, target.l) @ [x=9;a=1;r=b>0 && a>0] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(my.r, l) @ [x=9;a=1;r=b>0 && a>0] @ [a=5; l={[b=1],[x=3],[c=x]}]
evalInEachContext(r, target.l) @ [x=9;a=1;r=target.x+0] @ [a=5; l={p,q}; p=[b=1]; q=[b=2]]
evalInEachContext(r, target.l) @ [x=9;a=1;r=x+0] @ [a=5; l={p,q}; p=[b=1]; q=[x=2]]
countMatches(r, target.l) @ [x=9;a=1;r=b>1] @ [a=5; l={p,q}; p=[b=1]; q=[b=2]]
countMatches(my.r, l) @ [x=9;a=1;r=b>1] @ [a=5; l={p,q}; p=[b=1]; q=[b=2]]
evalInEachContext(x+0, {[b=1],[x=3]}) @ [x=9] @ [a=5]
evalInEachContext(a+0, {[b=1],[x=3]}) @ [x=9] @ [a=5]
evalInEachContext(a+0, p.l) @ [p=[l={[b=1]}; a=4]] @ [a=5]
evalInEachContext(z+0, p.l) @ [p=[l={[b=1]}; a=4]] @ [z=5]
unparse(x) @ [y=1] @ [x=5]
unparse('a b') @ ['a b'=1+2]
unparse(x) @ [x="é\n"]
unparse(X) @ [x=[a=1;b={1,2}]]
unparse(x) @ [x={[a=1],{}}]
debug(x+1) @ [x=1]
eval("x+1") @ [x=1]
eval(x) @ [x="x"]
eval("target.x") @ [y=1] @ [x=3]
eval("x") @ [y=1] @ [x=3]
eval("1 // c") @ []
eval("1 2") @ []
eval("1 /* c */") @ []
ifThenElse(1, "a", "b")
ifThenElse(0.0, "a", "b")
ifThenElse(undefined, "a", "b")
ifThenElse("true", "a", "b")
ifThenElse(true, "a")
evalInEachContext(a+1, {[a=1],[a="x"],[],5,undefined,error})
countMatches(a>1, {[a=1],[a=2],[a=3.5],[],5})
countMatches(a>1, undefined)
strcat(countMatches(w > 0, {p}), isUndefined(p.q)) @ [p = [q = w]] @ [w = 5]
countMatches(1.5, {[a=1]})
countMatches("x", {[a=1]})
evalInEachContext(a>1, undefined)
evalInEachContext(a>1, 5)
evalInEachContext(parent.a, l) @ [a=10; p=[a=7]; l={p}]
evalInEachContext(.a*2, {p,[]}) @ [a=10; p=[a=7]]
evalInEachContext(e, {p,[]}) @ [a=10; e=self.a*2; p=[a=7]]
evalInEachContext(e+1, l) @ [e=a*2; a=10; l={[a=1],[b=1]}]
[x=1+2; y=[z=unparse(x)]].y.z
[x=1+2; y=[z=eval("x")]].y.z
unresolved("x")
unresolved()
unparse(x + 1)
unparse(my.x) @ [x=1]
""")


@pytest.mark.parametrize("case", CASES)
def test_an_answer_is_the_reference_s(case):
    agrees(*case.split(" @ "))


def test_what_is_not_chosen_is_not_evaluated():
    assert ours.evaluate("ifThenElse(true, 1, random(0))") == 1
    assert ours.evaluate("ifThenElse(false, random(0), 2)") == 2


def test_lists_can_be_worth_something_in_each_context():
    assert ours.evaluate("evalInEachContext({a, 0}, {[a = 1], [a = 2]})") == [[1, 0], [2, 0]]


def test_evaluating_oneself_ends_with_an_error():
    assert ours.evaluate("x", '[x = eval("x + 1")]') is not None
    assert ours.evaluate("""eval(strcat("eval(", "1", "+"))""") is ERROR


def test_what_cannot_be_read_is_an_error():
    assert ours.evaluate('eval("99999999999999999999")') is ERROR
    assert ours.evaluate("eval(s)", f'[s = "{"(" * 5000}"]') is ERROR
