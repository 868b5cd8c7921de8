"""What a value needs of a host: nothing by default, and each thing that it says what the model declares."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec import Struct, inspect

from declared import Declared, declared, parts
from vmf.ads import abilities, has, host_ad, needs, reserved, without
from vmf.errors import SpecError
from vmf.hookspecs import NoSettings
from vmf.model import (
    Access,
    Boot,
    Bus,
    Checkpoint,
    CheckpointHow,
    Connection,
    Disk,
    Facts,
    File,
    Host,
    HostBoot,
    Image,
    Job,
    Networks,
    NetworkType,
    Offer,
    Transport,
)
from vmf.spec import load_hosts

FILE = {"path": "/f"}
PLAIN = {
    Job: {"name": "j", "memory": 2**28},
    Host: {"name": "h", "type": "kvm"},
    "disks": {"file": FILE},
    "forwards": {"port": 22},
    "shares": {"name": "s"},
    "steps": {"name": "s"},
    "finally": {"steps": []},
    "at_end": {"steps": []},
}
"""The least that a thing has to be given."""
TEXTS = {"device": "vdb", "on_host": "a", "mac": "52:54:00:12:34:56", "guest_of": "x", "guests": "x"}

NEEDY = [(kind, field) for kind in (Job, Host) for field in declared(kind) if "needs" in field.extra]
names = [f"{kind.__name__}-{field.spelt}" for kind, field in NEEDY]


def values(field: Declared) -> list[object]:
    """Values of a field, of every kind that it can have, as plain data."""
    found: list[object] = []
    for at, part in parts(field.type):
        match part:
            case inspect.EnumType(cls=cls):
                choices = [each.value for each in cls if each != field.default]
            case inspect.BoolType():
                choices = [each for each in (True, False) if each is not field.default]
            case inspect.IntType():
                choices = [2**20 if field.name in {"disk_growth", "disk_rate"} else 60]
            case inspect.StrType():
                choices = [TEXTS.get(field.name, "1 > 2")]
            case inspect.StructType(cls=cls):
                choices = [FILE if cls is File else PLAIN.get(field.name, {})]
            case inspect.LiteralType(values=words):
                choices = [*words]
            case inspect.DictType():
                choices = [{"A": FILE}]
            case _:
                choices = []
        found += [[each] for each in choices] if at else choices
    return found


def built(kind: type[Struct], field: Declared, value: object) -> Struct:
    """The kind with nothing but this value."""
    for place, key in reversed([*enumerate(field.at)]):
        value = [{**PLAIN.get(field.at[place - 1], {}), **value}] if key == 0 else {key: value}
    return msgspec.convert({**PLAIN[kind], **value}, kind, dec_hook=lambda wanted, text: wanted(text))


def asked(field: Declared, value: object) -> set[str]:
    """What the model's own words ask for a value."""
    wanted = field.extra["needs"]
    plain = value[0] if isinstance(value, list) else value
    if isinstance(wanted, str):
        return {wanted.format(plain)}
    return {wanted[plain]} if isinstance(plain, str | bool) and plain in wanted else set()


@pytest.mark.parametrize(("kind", "field"), NEEDY, ids=names)
def test_each_value_needs_what_its_field_declares_and_says_where(kind, field):
    assert values(field)
    for value in values(field):
        made = built(kind, field, value)
        found = {(need.ability, need.at) for need in needs(made)}
        for ability in asked(field, value):
            assert (ability, field.at) in found
        if not asked(field, value):
            assert field.at not in {at for _, at in found}


@pytest.mark.parametrize(("kind", "field"), NEEDY, ids=names)
def test_without_a_field_its_need_is_gone(kind, field):
    for value in values(field):
        made = built(kind, field, value)
        assert field.at not in {need.at for need in needs(without(made, field.at))}


@pytest.mark.parametrize("kind", [Job, Host])
def test_the_abilities_are_those_that_some_value_needs_with_the_sentence_of_its_field(kind):
    sentences = {}
    for field in (each for of, each in NEEDY if of is kind):
        for ability in {each for value in values(field) for each in asked(field, value)}:
            sentences.setdefault(ability, set()).add(field.sentence)
    assert set(abilities(kind)) == set(sentences)
    assert all(sentence in sentences[ability] for ability, sentence in abilities(kind).items())


def test_an_image_that_uses_cloud_init_needs_a_drive_for_its_seed():
    (need,) = needs(Job(name="j", memory=2**28, image=Image(name="i", cloud_init=True)))
    assert (need.ability, need.at) == ("cdroms", ("image", "cloud_init"))


def test_what_is_not_given_needs_nothing():
    assert needs(Job(name="j", memory=2**28, image=Image(name="i", disks=(Disk(file=File(path=Path("/f"))),)))) == ()
    assert needs(Host(name="h", type="kvm", memory=2**30, users=("ada",), attributes={"A": "1"})) == ()


def test_the_default_that_is_written_out_needs_nothing():
    job = Job(
        name="j",
        memory=2**28,
        vnc=False,
        priority=0,
        disks=(Disk(file=File(path=Path("/f")), access=Access.SNAPSHOT),),
    )
    assert needs(job) == ()
    assert needs(Host(name="h", type="kvm", connection=Connection(transport=Transport.LOCAL))) == ()


def test_needs_come_in_order_with_the_field_as_people_write_it():
    disks = (Disk(file=File(path=Path("/a"))), Disk(file=File(path=Path("/b")), bus=Bus.SATA, access=Access.READ))
    live = Checkpoint(on_eviction=True, how=CheckpointHow.LIVE)
    job = Job(name="j", memory=2**28, vnc=True, disks=disks, checkpoint=live, boot=Boot(kernel="included"))
    assert [str(need) for need in needs(job)] == [
        "spec.disks[1].bus needs the ability disk-sata",
        "spec.disks[1].access needs the ability disk-read",
        "spec.boot.kernel needs the ability kernel-included",
        "spec.checkpoint needs the ability checkpoint",
        "spec.checkpoint.how needs the ability live-checkpoint",
        "spec.vnc needs the ability vnc",
    ]


def test_an_ability_that_two_fields_need_is_told_once():
    disks = tuple(Disk(file=File(path=Path(f"/{name}")), device=name) for name in ("vda", "vdb"))
    (need,) = needs(Job(name="j", memory=2**28, disks=disks))
    assert need.field == "spec.disks[0].device"


def test_each_item_of_a_hosts_list_is_an_ability():
    host = Host(name="h", type="kvm", networks=Networks(types=(NetworkType.NAT, NetworkType.USER)))
    assert [need.ability for need in needs(host)] == ["network-nat", "network-user"]


def test_a_kernel_in_a_file_needs_no_ability_and_the_hosts_own_does():
    assert needs(Job(name="j", memory=2**28, boot=Boot(kernel=File(path=Path("/k"))))) == ()
    (need,) = needs(Host(name="h", type="kvm", boot=HostBoot(kernel=Path("/k"))))
    assert str(need) == "spec.boot needs the ability default-kernel"


@pytest.mark.parametrize("ability", sorted({*abilities(Job), *abilities(Host)}))
def test_a_host_cannot_lie_about_an_ability(tmp_path, ability):
    name = has(ability)
    assert name.lower() in reserved(Host)
    file = tmp_path / "h.yaml"
    head = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\nspec: {type: kvm, attributes: {"
    for spelt in (name, name.upper()):
        file.write_text(f"{head}{spelt}: true}}}}\n")
        with pytest.raises(SpecError) as caught:
            load_hosts([file], settings={"kvm": NoSettings}, remark=pytest.fail)
        assert [(fault.rule, fault.line) for fault in caught.value.faults] == [("VMF121", 4)]


def test_a_hosts_ad_has_what_its_plugin_declares_and_nothing_more():
    facts = Facts(identity="", memory=2**30, cpus=1, arch="x86_64", accelerator="tcg")
    offer = Offer(host=Host(name="h", type="kvm"), facts=facts, capabilities=("disk-in-place", "vnc"))
    assert {name for name in host_ad(offer) if name.startswith("Has")} == {"HasVM", "HasDiskInPlace", "HasVnc"}
