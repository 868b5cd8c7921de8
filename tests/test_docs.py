"""The pages say what the code does: links lead somewhere, commands parse, specs load, fields and verbs have rows."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import fields

from declared import declared
from vmf import cli, published, spec
from vmf.classad import World
from vmf.cli import detach
from vmf.errors import Refused
from vmf.hookspecs import GAP, NoSettings
from vmf.match import match
from vmf.model import Bid, Disk, Facts, File, Host, Image, Job, Machine, Offer, Placement, Steps
from vmf.plugins import HYPERVISORS, OTHERS, Plugins
from vmf.result import Result
from vmf.run import life, starting
from vmf.steps.graph import to_do
from vmf.testing import fake
from vmf.testing.contract import HypervisorContract
from vmf_kvm import daemon, proof
from vmf_kvm.abilities import ABILITIES
from vmf_kvm.settings import KvmHost
from vmf_libvirt import fetched
from vmf_vmware.settings import VmwareHost, VmwareJob
from vmf_xen.settings import XenHost, XenJob

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted((*ROOT.glob("*.md"), *DOCS.glob("*.md"), *ROOT.glob("plugins/*/*.md")))
SPECS = sorted(ROOT.glob("specs/*.yaml"))

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
TYPED = re.compile(r"(?:\$ |VMF_HOME=\S+ \.venv/bin/)?vmf (.*)")
MENTIONED = re.compile(r"`vmf ([^`]+)`")
NAMED_FILE = re.compile(
    r"^\s*(?:(?:- )?(?:image|kernel|initrd|file|user_data|API_TOKEN|/\S+): |- (?=[\w.]+$))(\S+)$", re.MULTILINE
)
TINY = "apiVersion: vmf/v1\nkind: Image\nmetadata: {name: tiny}\nspec: {kernel: vmlinuz}\n"

TABLES = {Job: "running.md", Image: "running.md", Host: "hosts.md", Steps: "images.md"}
"""The page on which the fields of a kind have their rows."""
SPELT = {"spec.name": "metadata.name", "spec.labels": "metadata.labels", "spec.settings": "spec.TYPE"}


NUMBERS = (
    ("running.md", life.GRACE_SECONDS, "after ten seconds", 10),
    ("matching.md", starting.LEAST_STAGED, "Less than 1 MiB brought", 2**20),
    ("looking-in.md", published.LINE_MOST, "has at most 1 KiB", 2**10),
    ("looking-in.md", published.NAMES_MOST, "at most 100 names", 100),
    ("looking-in.md", published.SIZE_MOST, "and 16 KiB in all", 2**14),
    ("guest.md", published.SIZE_MOST, "16 KiB at most", 2**14),
    ("running.md", detach.MACHINE_SECONDS, "longer than ten seconds", 10),
    ("hosts.md", daemon.IDLE_SECONDS, "for 60 seconds", 60),
    ("hosts.md", proof.PROOF_SECONDS, "a deadline of 20 seconds", 20),
    ("hosts.md", daemon.SOCKET_PATH_MAX, "limited to 107 characters", 107),
    ("hosts.md", daemon.SOCKET_PATH_MAX - len(daemon.DEEPEST) - 1, "have 38 characters", 38),
    ("xen.md", fetched.LAYERS_MOST, "When there are sixteen of them", 16),
)
"""What the code says and what the page says."""


def relative(page):
    return str(page.relative_to(ROOT))


def prose(page):
    return BLOCK.sub("", page.read_text())


def blocks(page, *languages):
    return [text for language, text in BLOCK.findall(page.read_text()) if language in languages]


def shown(*languages, pages=PAGES):
    """Every block in these languages, named by its page."""
    found = [(page, text) for page in pages for text in blocks(page, *languages)]
    return [pytest.param(text, id=f"{relative(page)}-{number}") for number, (page, text) in enumerate(found)]


def commands():
    """Every call of vmf that a page has somebody type: its words."""
    for page in PAGES:
        for text in blocks(page, "console", "sh"):
            for line in text.replace("\\\n", " ").splitlines():
                if found := TYPED.fullmatch(line.strip()):
                    yield tuple(shlex.split(found[1], comments=True))


def anchors(page):
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    for link in LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.fixture
def options(capsys):
    """Says which options a command has; argparse would take the beginning of one for the whole."""

    def ask(*command):
        with pytest.raises(SystemExit):
            cli._parser(command).parse_args([*command, "--help"])
        return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", capsys.readouterr().out))

    return ask


def verb(words):
    """The command of a call, and what follows it, which may be a command of its own."""
    return [word for word in words[:2] if not word.startswith("-")]


@pytest.mark.parametrize("words", sorted(set(commands())), ids=" ".join)
def test_a_command_that_is_shown_can_be_typed(words, options):
    assert cli._parser(words).parse_args(words).act
    own = words[: words.index("--")] if "--" in words else words  # the others are for somebody else
    assert {word for word in own if word.startswith("-")} <= options(*verb(words))


def test_every_command_has_its_place():
    said = {mention.split()[0] for page in PAGES for mention in MENTIONED.findall(prose(page))}
    assert set(cli.COMMANDS) <= said


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_and_options_that_are_mentioned_exist(page, options):
    for mention in MENTIONED.findall(prose(page)):
        words = mention.split()
        command = [word for word in words[:1] if not word.startswith("-")]
        assert set(command) <= set(cli.COMMANDS), mention
        assert {word for word in words if word.startswith("-")} <= options(*command), mention


@pytest.fixture
def images(tmp_path):
    """A warehouse with something that is called tiny."""
    tiny = tmp_path / "images" / "tiny"
    tiny.mkdir(parents=True)
    (tiny / "tiny.image.yaml").write_text(TINY)
    (tiny / "vmlinuz").touch()
    return tiny.parent


@pytest.mark.parametrize(
    "text", [*shown("yaml"), *(pytest.param(path.read_text(), id=relative(path)) for path in SPECS)]
)
def test_a_spec_that_is_shown_can_be_read(tmp_path, images, text):
    for named in NAMED_FILE.findall(text):
        if not (images / named).exists():
            (tmp_path / named).touch()
    file = tmp_path / "shown.image.yaml"
    file.write_text(text)
    if "kind: Host" in text:
        assert spec.load_hosts(
            [file],
            settings={"kvm": KvmHost, "xen": XenHost, "vmware": VmwareHost, "qemu": NoSettings},
            remark=pytest.fail,
        )
    elif "kind: Steps" in text:
        assert spec.load_steps(file)
    elif "kind: Image" in text:
        assert spec.load_image(file.name, beside=tmp_path, images=images)
    else:
        words = spec.JobWords(
            images=images,
            settings={"xen": XenJob, "vmware": VmwareJob},
            appliance=lambda path: (Disk(file=File(path=path)),),
        )
        assert spec.load_jobs([file], words, remark=pytest.fail)


def test_the_specs_upon_debian_can_be_read(tmp_path):
    """One after another: they name each other, and what is made beside them."""
    for name in ("vmlinuz", "initrd.img", "root.qcow2", "sqlite3.deb"):
        (tmp_path / name).touch()
    for path in ROOT.glob("specs/debian/*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    (job,) = spec.load_jobs([tmp_path / "twins.yaml"], spec.JobWords(images=tmp_path), remark=pytest.fail)
    assert [step.name for step in to_do(job)] == ["package", "sqlite", "sieve", "twins"]
    assert job.image.disks[0].file.path == tmp_path / "root.qcow2"


def test_the_unit_that_is_shown_is_the_one_of_the_debian():
    (shown_unit,) = blocks(DOCS / "guest.md", "ini")
    assert shown_unit == (ROOT / "specs/debian/vmf-guest.service").read_text()


def test_the_readme_shows_the_hello_job():
    (job,) = blocks(ROOT / "README.md", "yaml")
    assert job == (ROOT / "specs" / "hello.yaml").read_text()


def test_the_readme_names_the_system_packages():
    listed = re.search(r"^run=\((.*?)\)", (ROOT / "tools" / "system-packages").read_text(), re.MULTILINE | re.DOTALL)
    (installing,) = (text for text in blocks(ROOT / "README.md", "sh") if "apt-get install" in text)
    assert set(listed[1].split()) <= set(installing.split())


def sentences(page, key):
    """What the tables of a page say of a key."""
    return re.findall(rf"^\| `{re.escape(key)}` \| (.*?) \|", (DOCS / page).read_text(), re.MULTILINE)


ROWS = [(kind, field) for kind in TABLES for field in declared(kind)]


def row(kind, field):
    """The page with a field's row, and how it is spelt there; steps are the same wherever they stand."""
    _, at, of_step = field.spelt.rpartition("steps[].")
    return ("images.md", at + of_step) if at else (TABLES[kind], SPELT.get(field.spelt, field.spelt))


@pytest.mark.parametrize(("kind", "field"), ROWS, ids=[f"{kind.__name__}-{field.spelt}" for kind, field in ROWS])
def test_every_field_has_its_row(kind, field):
    assert field.sentence
    assert field.sentence in sentences(*row(kind, field))


@pytest.mark.parametrize("page", sorted(set(TABLES.values())))
def test_every_row_has_its_field(page):
    keys = re.findall(r"^\| `((?:spec|metadata)\.[^`]+)` \|", (DOCS / page).read_text(), re.MULTILINE)
    kinds = [kind for kind, of in TABLES.items() if of == page]
    fields = {SPELT.get(field.spelt, field.spelt) for kind in kinds for field in declared(kind)}
    assert set(keys) <= fields | {"spec.queue"}


def test_a_field_that_no_host_has_is_refused_as_is_shown(tmp_path):
    """The very words of the page, of a host that can all that those of type kvm can."""
    image = Image(name="i", kernel=File(path=tmp_path))
    job = Job(name="hello", memory=2**28, image=image, priority=1)
    facts = Facts(identity="", memory=2**34, cpus=4, arch="x86_64", accelerator="tcg")
    offer = Offer(host=Host(name="local", type="kvm"), facts=facts, capabilities=tuple(ABILITIES))
    (rejected,) = match(job, [offer], world=World()).rejected
    assert f"\n    {rejected.host}: {rejected.reason}\n" in (DOCS / "running.md").read_text()


def test_every_field_of_the_result_has_its_row():
    (table,) = re.findall(r"^\| field \| meaning \|\n(?:\|.*\n)+", (DOCS / "results.md").read_text(), re.MULTILINE)
    keys = [key for row in table.splitlines()[2:] for key in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert set(keys) == {field.encode_name for field in fields(Result)}


def module(text):
    """A plugin or a test module that a page shows."""
    made = ModuleType("shown")
    exec(compile(text, "docs/plugins.md", "exec"), vars(made))  # noqa: S102  # a page of this repository
    return made


@pytest.fixture
def plugins():
    made = Plugins()
    made.add(HYPERVISORS, "fake", lambda: fake)
    for text in blocks(DOCS / "plugins.md", "python"):
        if "hookimpl" in text:
            made.add(OTHERS, f"shown-{len(made.listed)}", lambda text=text: module(text))
    return made


MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="fake")


def placed(**labels):
    """A job on a host with these labels, for which vmf bids 0.25."""
    facts = Facts(identity="", memory=2**30, cpus=1, arch="x", accelerator="a")
    host = Host(name="here", type="fake", labels=labels)
    return Placement(job=Job(name="j", memory=2**28), host=host, facts=facts, reasons=(), bid=Bid(cost=0.25))


def test_the_plugins_that_are_shown_do_what_is_said(plugins, tmp_path):
    assert [each.error for each in plugins.listed] == [""] * 5
    host = plugins.connect(Host(name="here", type="fake"), tmp_path)
    with pytest.raises(Refused, match="machine large wants more than 1 GiB"):
        host.create(Machine(name="large", memory=2**31, cpus=1, accelerator="fake"))
    handle = host.create(MACHINE)
    assert handle.machine == "m"
    host.destroy(handle)
    assert plugins.bids(placed(rack="old")) == Bid(cost=0.75, cost_of=("rack 0.5",))
    with pytest.raises(Refused, match="its power is for urgent jobs"):
        plugins.bids(placed(power="dear"))
    machine, changed = plugins.amend(None, MACHINE)
    assert (machine.kernel_parameters, changed) == ("site=here", ("shown-3",))
    (check,) = plugins.checks()
    assert [each.what for each in check.judge(Job(name="j", memory=2**28))] == ["no project pays for it"]
    assert list(check.judge(Job(name="j", memory=2**28, labels={"project": "genome"}))) == []


@pytest.mark.parametrize(("page", "number", "words", "said"), NUMBERS)
def test_numbers_are_those_of_the_code(page, number, words, said):
    assert number == said
    assert words in " ".join((DOCS / page).read_text().split())


def test_the_line_where_a_console_has_a_gap_is_the_one_that_is_shown():
    assert f"`{GAP.decode().strip()}`" in " ".join((DOCS / "xen.md").read_text().split())


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_what_is_made_can_be_made(page):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([\w-]+)", page.read_text(), re.MULTILINE)) <= targets


@pytest.mark.parametrize("text", shown("toml"))
def test_the_entry_points_that_are_shown_are_of_our_groups(text):
    assert set(tomllib.loads(text)["project"]["entry-points"]) <= {HYPERVISORS, OTHERS}


def test_the_contract_that_is_shown_gives_all_that_it_has_to():
    (text,) = (text for text in blocks(DOCS / "plugins.md", "python") if "HypervisorContract" in text)
    shown_class = module(text).TestFake
    assert issubclass(shown_class, HypervisorContract)
    open_ends = {name for name, each in vars(HypervisorContract).items() if "override it." in (each.__doc__ or "")}
    assert open_ends == {"host", "image", "guests"}
    assert open_ends <= set(vars(shown_class))


def test_every_room_has_its_row_in_order():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = (each["layers"] for each in settings["tool"]["importlinter"]["contracts"] if "layers" in each)
    rooms, _ = (ROOT / "ARCHITECTURE.md").read_text().split("Beside the core:")
    rows = re.findall(r"^\| `(\w+)` \|", rooms, re.MULTILINE)
    assert rows == [*reversed(layers)]
