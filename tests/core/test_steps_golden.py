from __future__ import annotations

from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from shelf import CPUS, MEMORY, START, Remembered, graph, image, request
from vmf.model import Step
from vmf.steps import planes
from vmf.steps.golden import Candidate, Criterion, Request, explain, left, milliseconds, rank
from vmf.steps.graph import Graph, Node
from vmf.steps.graph import graph as graph_of
from vmf.steps.search import Unsound, search
from vmf.warehouse.catalogue import Catalogue

SLIDE = {"A": "", "B": "A", "C": "B", "D": "B"}
"""A request as on the paper's slide 20: D and C come after B, and B after A."""
EXAMPLES = settings(max_examples=200)


@pytest.mark.parametrize(
    ("performed", "test", "node"),
    [
        ("AB", None, ""),
        ("ABE", Criterion.SUBSET, "E"),
        ("BCD", Criterion.PREFIX, "B"),
        ("ACB", Criterion.ORDER, "C"),
    ],
)
def test_the_four_cases_of_the_papers_slide(performed, test, node):
    wanted, found = request(SLIDE), explain(request(SLIDE), image(performed))
    assert (found and found.test, found.node if found else "") == (test, node)
    chosen = search(wanted, {}, Remembered([image(performed)]))
    assert (chosen is None) == (test is not None)


def test_of_the_slides_images_only_what_is_left_is_done():
    images = [image(each) for each in ("ABE", "BCD", "ACB", "AB", "A", "")]
    chosen = search(request(SLIDE), {}, Remembered(images))
    assert chosen == image("AB")
    assert [node.name for node in left(request(SLIDE), chosen)] == ["C", "D"]
    assert [node.name for node in left(request(SLIDE), None)] == ["A", "B", "C", "D"]


@pytest.mark.parametrize(
    ("candidate", "test", "why"),
    [
        (image("A", start="other"), Criterion.START, "it began with something else"),
        (image("A", types=("xen", "vmware")), Criterion.HARDWARE, "it runs on xen or vmware, and kvm is wanted"),
        (image("A", memory=2**30), Criterion.HARDWARE, "its guest has 1024 MiB of memory, and 512 MiB is wanted"),
        (image("A", cpus=3), Criterion.HARDWARE, "its guest has 3 cpus, and 1 cpu is wanted"),
        (image("AE"), Criterion.SUBSET, "nginx was performed, and is not requested"),
        (image("AF"), Criterion.SUBSET, "F was performed, and is not requested"),
        (image("ABA"), Criterion.SUBSET, "A was performed twice, and is requested once"),
        (image("AC"), Criterion.PREFIX, "C was performed without B, which is to come before it"),
        (image("BA"), Criterion.ORDER, "B was performed before A, which is to come first"),
    ],
)
def test_an_image_that_is_refused_is_told_which_test_and_which_step(candidate, test, why):
    refused = explain(request(SLIDE, types=("kvm",)), candidate, {"E": "nginx", "A": "no name of the request's"})
    assert (refused.test, refused.why) == (test, why)


def test_a_step_of_the_same_name_that_was_another_is_told_from_one_that_is_not_requested():
    refused = explain(request(SLIDE), image("AE"), {"E": "B"})
    assert (refused.test, refused.node) == (Criterion.SUBSET, "E")
    assert refused.why.startswith("B was performed, and is not requested as it was: ")


@pytest.mark.parametrize(
    "candidate",
    [
        image("A"),
        image("A", types=("xen", "kvm")),
        image("A", memory=MEMORY, cpus=CPUS),
        image("ABDC"),
    ],
)
def test_images_that_go_with_the_hardware_serve(candidate):
    assert explain(request(SLIDE, types=("kvm",)), candidate) is None
    assert explain(request(SLIDE), candidate) is None


def test_what_a_host_does_is_in_images_like_any_step():
    wanted = request({"A": "", "H": "A", "B": "H", "C": "B", "D": "A"}, hosts="H")
    assert explain(wanted, image("AB")).test is Criterion.PREFIX
    assert explain(wanted, image("AHB")) is None
    images = [image(each) for each in ("AH", "AHB", "ADB", "AD", "A")]
    assert search(wanted, {}, Remembered(images)) == image("AHB")
    assert [node.name for node in left(wanted, image("AHB"))] == ["C", "D"]


def test_a_spec_says_which_steps_are_the_hosts():
    steps = (Step(name="first", on_host="mount"), Step(name="second", run="true", after=("first",)))
    assert [node.on_host for node in graph_of(steps, {}).nodes] == [True, False]


def best(wanted, seconds, *images):
    found = search(wanted, seconds, Remembered(images))
    assert found == min(images, key=lambda each: rank(wanted, each, seconds))
    return found.id


INDEPENDENT = request({"a": "", "b": "", "c": "", "d": ""})


def test_the_image_that_leaves_the_least_to_do_is_taken():
    assert best(INDEPENDENT, {}, image("a"), image("bc"), image("d")) == "bc"
    assert best(INDEPENDENT, {"a": 10, "b": 1, "c": 2, "d": 1}, image("a"), image("bc"), image("d")) == "a"


def test_a_step_that_nobody_has_measured_counts_as_the_mean_of_the_others():
    assert milliseconds(INDEPENDENT.graph, {"a": 1, "b": 4, "other": 99}) == {
        "a": 1000,
        "b": 4000,
        "c": 2500,
        "d": 2500,
    }
    assert milliseconds(INDEPENDENT.graph, {"other": 99}) == dict.fromkeys("abcd", 1000)
    assert milliseconds(INDEPENDENT.graph, {"a": float("nan"), "b": -1, "c": 1e300, "d": 2}) == dict.fromkeys(
        "abcd", 2000
    )
    assert best(INDEPENDENT, {"a": 1, "b": 4}, image("a"), image("b"), image("c")) == "b"


def test_of_images_that_leave_as_much_the_rest_decides():
    assert best(INDEPENDENT, {"a": 3, "b": 1, "c": 2}, image("a"), image("bc")) == "bc"
    assert best(INDEPENDENT, {}, image("ab", "1"), image("ab", "2", memory=MEMORY, cpus=CPUS)) == "2"
    assert best(INDEPENDENT, {}, image("ab", "2"), image("ab", "1"), image("ba", "3")) == "1"


def test_steps_that_take_no_time_are_still_steps():
    assert best(INDEPENDENT, dict.fromkeys("abcd", 0.0), image("a"), image("bc")) == "bc"


def test_no_image_serves_where_none_is():
    assert search(INDEPENDENT, {}, Remembered([])) is None
    assert search(INDEPENDENT, {}, Remembered([image("e"), image("a", start="other")])) is None


def test_nothing_requested_is_served_by_what_it_begins_with():
    assert search(request({}), {}, Remembered([image("a"), image("")])) == image("")


class Lying(Remembered):
    """Says of its images what is not so."""

    def candidate(self, image):
        return replace(super().candidate(image), performed=self.performed)


@pytest.mark.parametrize(
    ("performed", "why"),
    [("E", "E was performed, and is not requested"), ("BA", "B was performed before A, which is to come first")],
)
def test_an_index_that_contradicts_its_images_is_unsound(performed, why):
    index = Lying([image("AB")])
    index.performed = tuple(performed)
    with pytest.raises(Unsound, match=why):
        search(request(SLIDE), {}, index)


def test_many_images_that_are_each_in_another_wrong_order_are_all_refused():
    steps = "abcdefghijklmnopqrst"
    chain = request({each: steps[max(place - 1, 0) : place] for place, each in enumerate(steps)})
    swapped = [image(f"{steps[:at]}{steps[at + 1]}{steps[at]}{steps[at + 2 :]}") for at in range(len(steps) - 1)]
    assert search(chain, {}, Remembered(swapped)) is None
    assert search(chain, {}, Remembered([*swapped, image("abc")])) == image("abc")


@some.composite
def graphs(draw):
    steps = draw(some.lists(some.sampled_from("abcdefg"), unique=True))
    hosts = "".join(each for each in steps if draw(some.integers(0, 9)) == 0)
    subsets = some.sets(some.sampled_from(steps)) if steps else some.just(set())
    after = {each: "".join(draw(subsets) & {*steps[:place]}) for place, each in enumerate(steps)}
    return graph(after, hosts)


HARDWARE = {
    "types": some.sampled_from([(), (), (), ("kvm",), ("xen", "kvm"), ("xen",)]),
}


@some.composite
def requests(draw):
    fields = {name: draw(value) for name, value in HARDWARE.items()}
    return Request(start=START, graph=draw(graphs()), memory=MEMORY, cpus=CPUS, **fields)


@some.composite
def images(draw, wanted):
    """Some that may serve a request, some with a fault or two, some at random."""
    order = list(TopologicalSorter({node.digest: node.after for node in wanted.graph.nodes}).static_order())
    order = order[: draw(some.integers(0, len(order)))]
    for _ in range(draw(some.sampled_from((0, 0, 1, 2)))):
        place = draw(some.integers(0, len(order)))
        order[place:place] = draw(some.lists(some.sampled_from("abcdefgx"), max_size=1))
        order[place : place + 2] = reversed(order[place : place + 2])
    performed = draw(some.one_of(some.just(order), some.permutations(order), some.lists(some.sampled_from("abcdefgx"))))
    return Candidate(
        id="",
        start=draw(some.sampled_from((*[START] * 9, "other"))),
        performed=tuple(performed),
        memory=draw(some.sampled_from((*[None] * 5, MEMORY, MEMORY, MEMORY + 1))),
        cpus=draw(some.sampled_from((*[None] * 5, CPUS, CPUS, CPUS + 1))),
        **{name: draw(value) for name, value in HARDWARE.items()},
    )


@some.composite
def warehouses(draw):
    """A request, times, and images with ids in no order."""
    wanted = draw(requests())
    found = draw(some.lists(images(wanted), max_size=12))
    ids = draw(some.permutations([f"{number:02}" for number in range(len(found))]))
    seconds = draw(some.dictionaries(some.sampled_from("abcdefgx"), some.sampled_from((0.0, 0.5, 1.0, 1.5, 60.25))))
    return wanted, seconds, [replace(each, id=id_) for each, id_ in zip(found, ids, strict=True)]


def serves(wanted, candidate):
    """The definitions of the paper, word by word, and not as `explain` reads them."""
    before, performed = wanted.graph.before, candidate.performed
    requested = {*before}
    subset = len({*performed}) == len(performed) and {*performed} <= requested
    prefix = subset and all(before[each] <= {*performed} for each in performed)
    pairs = [(one, two) for place, one in enumerate(performed) for two in performed[place + 1 :]]
    order = subset and not any(two in before[one] for one, two in pairs)
    types = not candidate.types or not wanted.types or bool({*candidate.types} & {*wanted.types})
    same = candidate.memory in {None, wanted.memory} and candidate.cpus in {None, wanted.cpus}
    return candidate.start == wanted.start and types and same and prefix and order


def merit(wanted, candidate, seconds):
    known = [seconds[node.digest] for node in wanted.graph.nodes if node.digest in seconds]
    usual = sum(known) / len(known) if known else 1
    rest = [node.digest for node in wanted.graph.nodes if node.digest not in candidate.performed]
    takes = sum(round(1000 * seconds.get(each, usual)) for each in rest)
    return takes, len(rest), candidate.memory is None, candidate.id


def brute(wanted, seconds, found):
    """What the search has to answer."""
    fit = [each for each in found if serves(wanted, each)]
    return min(fit, key=lambda each: merit(wanted, each, seconds), default=None)


@EXAMPLES
@given(warehouses())
def test_the_search_finds_what_a_reading_of_the_definitions_finds(warehouse):
    wanted, seconds, found = warehouse
    assert search(wanted, seconds, Remembered(found)) == brute(wanted, seconds, found)


@EXAMPLES
@given(warehouses())
def test_an_image_is_refused_if_and_only_if_it_fails_the_definitions(warehouse):
    wanted, seconds, found = warehouse
    for each in found:
        assert (explain(wanted, each) is None) == serves(wanted, each)
        if serves(wanted, each):
            assert rank(wanted, each, seconds) == merit(wanted, each, seconds)


@EXAMPLES
@given(warehouses())
def test_what_is_left_and_what_was_performed_is_all_in_an_order_that_the_graph_allows(warehouse):
    wanted, _, found = warehouse
    for each in filter(lambda each: explain(wanted, each) is None, found):
        done = [*each.performed, *(node.digest for node in left(wanted, each))]
        assert sorted(done) == sorted(wanted.graph.digests)
        after = {node.digest: node.after for node in wanted.graph.nodes}
        assert all(after[step] <= {*done[:place]} for place, step in enumerate(done))


@settings(max_examples=50)
@given(warehouses(), warehouses(), some.data())
def test_the_search_on_a_file_finds_the_same_whatever_came_and_went(first, second, data):
    (wanted, seconds, found), (_, _, others) = first, second
    going = [replace(each, id=f"0{each.id}") for each in others]
    begun = data.draw(some.integers(0, len(found)))
    with TemporaryDirectory() as folder:
        catalogue = Catalogue(Path(folder) / "catalogue")
        catalogue.rebuild([*found[:begun], *going])
        for comes, each in data.draw(
            some.permutations([(True, one) for one in found[begun:]] + [(False, one) for one in going])
        ):
            catalogue.add(each) if comes else catalogue.remove(each.id)
        assert catalogue.ids() == {each.id for each in found}
        passed = []
        while chosen := brute(wanted, seconds, [each for each in found if each.id not in passed]):
            assert catalogue.search(wanted, seconds, passed) == (chosen, left(wanted, chosen))
            passed.append(chosen.id)
        assert catalogue.search(wanted, seconds, [*passed, "unknown"]) is None


def numbers(found, count):
    return [sum((plane >> image & 1) << place for place, plane in enumerate(found)) for image in range(count)]


@EXAMPLES
@given(some.lists(some.tuples(some.integers(0, 255), some.integers(0, 1000)), max_size=40))
def test_planes_add_up_compare_and_find_the_greatest(addends):
    sums = [sum(number for images, number in addends if images >> image & 1) for image in range(8)]
    found = planes.total(addends)
    assert numbers(found, 8) == sums
    assert planes.greatest(255, found) == sum(1 << image for image in range(8) if sums[image] == max(sums))
    others = planes.total(addends[::2])
    halves = numbers(others, 8)
    assert planes.less(others, found) == sum(1 << image for image in range(8) if halves[image] < sums[image])
    assert planes.less(found, others) == 0
    assert planes.differing(others, found) == sum(1 << image for image in range(8) if halves[image] != sums[image])


def test_a_node_of_which_the_graph_lacks_what_is_before_it_is_in_no_image():
    wanted = replace(request({}), graph=Graph(nodes=(Node(digest="a", name="a", after=frozenset("z")),)))
    assert explain(wanted, image("a")).test is Criterion.PREFIX
    assert search(wanted, {}, Remembered([image("a")])) is None
