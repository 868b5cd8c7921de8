"""Jobs, images and hosts with fields that contradict each other, and their like without."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from msgspec.structs import replace

from vmf.model import (
    Access,
    Boot,
    Bus,
    Cdrom,
    Checkpoint,
    CloudInit,
    Connection,
    Disk,
    Download,
    File,
    Finally,
    Forward,
    Host,
    Image,
    Job,
    Network,
    Networks,
    NetworkType,
    OnError,
    Protocol,
    ResultDisks,
    Results,
    Ssh,
    Step,
    Steps,
    Transport,
)

HERE, THERE = File(path=Path("/a.raw")), File(path=Path("/b.raw"), on_host=True)
DISK = Disk(file=HERE)
IN_PLACE = replace(DISK, access=Access.IN_PLACE)
OWN = Disk(file=File(path=Path("/own.raw")))
EVICTED = Checkpoint(on_eviction=True)
CONSENT = replace(EVICTED, lose_connections=True)
NAT = Network(type=NetworkType.NAT)
SSH = Connection(transport=Transport.SSH, address="h")
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----"

job = partial(Job, name="j", memory=2**28, image=Image(name="i", disks=(DISK,)))
bare = partial(Job, name="j", memory=2**28)
image = partial(Image, name="i")
host = partial(Host, name="h", type="kvm")


def given(**block):
    return host(connection=Connection(**block))


def offered(*types, **more):
    return host(networks=Networks(types=types or None, **more))


def disks(*some):
    return job(disks=some)


def named(path):
    return Disk(file=File(path=Path(path)))


def results(*files):
    return job(run="x", results=Results(files=files))


def nic(**fields):
    return job(network=replace(NAT, **fields))


def does(name, *after, **words):
    return Step(name=name, after=after, **(words or {"run": "true"}))


def steps(*some, **more):
    return job(run="x", steps=some, **more)


def more_steps(*some):
    return Steps(name="s", steps=some)


def built(*some, **more):
    return image(disks=(DISK,), steps=some, **more)


def hosted(name, *after, **more):
    return does(name, *after, on_host="x", **more)


ENDS = [("finally", "steps", 1), ("finally", "steps", 0)]
user = partial(nic, type=NetworkType.USER)

FETCHED = Download(url="https://images.example/a.qcow2", sha256="0a" * 32)

WRONG = [
    ("VMF215", job(steps=(does("a"),)), [("steps",)]),
    *(
        ("VMF229", of(Step(name="a", files={"/a": THERE, "/b": HERE}), does("b")), [("steps", 0, "files", "/a")])
        for of in (built, partial(steps, keep_image=True))
    ),
    ("VMF232", steps(does("a"), Step(name="b"), does("c", run="x", packages=("p",))), [("steps", 1), ("steps", 2)]),
    ("VMF232", built(does("a", command=("x",), on_host="y")), [("steps", 0)]),
    ("VMF232", job(at_end=Finally(steps=(Step(name="a"),))), [("finally", "steps", 0)]),
    ("VMF233", steps(does("a"), does("b"), does("a")), [("steps", 2, "name")]),
    ("VMF233", built(does("a"), earlier=(does("a"),)), [("steps", 0, "name")]),
    ("VMF233", steps(does("log"), does("Log")), [("steps", 1, "name")]),
    ("VMF233", steps(does("a"), image=built(does("a"))), [("steps", 0, "name")]),
    ("VMF234", steps(does("a", "b"), does("c", "a", "d")), [("steps", 0, "after", 0), ("steps", 1, "after", 1)]),
    ("VMF234", built(does("a", "b")), [("steps", 0, "after", 0)]),
    ("VMF235", steps(does("a"), does("b", "c"), does("c", "a", "b")), [("steps", 1, "after")]),
    ("VMF235", built(does("a", "a")), [("steps", 0, "after")]),
    (
        "VMF236",
        steps(does("a", packages=("p",), env={"A": "b"}, arguments=("x",))),
        [("steps", 0, "arguments"), ("steps", 0, "env")],
    ),
    ("VMF236", built(does("a", command=("p",), arguments=("x",))), [("steps", 0, "arguments")]),
    (
        "VMF237",
        steps(does("a", run="x", publish={"A": "1 + 1", "B": '"b"', "C": "D"})),
        [("steps", 0, "publish", "A"), ("steps", 0, "publish", "C")],
    ),
    ("VMF237", built(does("a", run="x", publish={"A": "time()"})), [("steps", 0, "publish", "A")]),
    ("VMF232", more_steps(Step(name="a")), [("steps", 0)]),
    ("VMF233", more_steps(does("a"), does("a")), [("steps", 1, "name")]),
    ("VMF234", more_steps(does("a", "b")), [("steps", 0, "after", 0)]),
    ("VMF235", more_steps(does("a", "a")), [("steps", 0, "after")]),
    ("VMF236", more_steps(does("a", packages=("p",), env={"A": "b"})), [("steps", 0, "env")]),
    ("VMF237", more_steps(does("a", run="x", publish={"A": "B"})), [("steps", 0, "publish", "A")]),
    ("VMF243", steps(does("a"), hosted("b", "a")), [("steps", 1)]),
    ("VMF243", job(steps=(does("c", "b"), does("a"), hosted("b", "a"))), [("steps", 0)]),
    ("VMF243", built(does("a"), hosted("b", "a"), does("c", "b"), does("d", "c")), [("steps", 2)]),
    ("VMF244", steps(hosted("a", on_error=OnError(run="x"))), [("steps", 0, "on_error", "run")]),
    ("VMF244", built(hosted("a", on_error=OnError(run="x"))), [("steps", 0, "on_error", "run")]),
    ("VMF244", more_steps(hosted("a", on_error=OnError(run="x"))), [("steps", 0, "on_error", "run")]),
    ("VMF245", job(at_end=Finally(steps=(hosted("b"), does("a")))), [("finally", "steps", 1)]),
    ("VMF245", steps(at_end=Finally(steps=(does("c", "b"), does("b", "a"), hosted("a")))), ENDS),
    ("VMF238", image(base="b", download=FETCHED, blank=2**30), [("download",), ("blank",)]),
    ("VMF239", job(keep_image=True), [("keep_image",)]),
    ("VMF201", bare(), [()]),
    ("VMF201", bare(run="exit 0", cdrom=Cdrom(files=(HERE,))), [()]),
    ("VMF201", image(), [()]),
    ("VMF202", bare(boot=Boot(initrd=HERE)), [("boot", "initrd")]),
    ("VMF202", job(boot=Boot(initrd=HERE, kernel="included")), [("boot", "initrd")]),
    ("VMF202", image(initrd=HERE, disks=(DISK,)), [("initrd",)]),
    (
        "VMF203",
        job(boot=Boot(kernel="included", root="/dev/vda", parameters="quiet")),
        [("boot", "root"), ("boot", "parameters")],
    ),
    ("VMF204", job(checkpoint=EVICTED, network=NAT), [("checkpoint",)]),
    ("VMF204", job(checkpoint=EVICTED, network=Network()), [("checkpoint",)]),
    ("VMF205", job(checkpoint=CONSENT), [("checkpoint", "lose_connections")]),
    (
        "VMF206",
        disks(replace(DISK, device="vdb"), OWN, replace(OWN, device="vdb")),
        [("disks", 2, "device")],
    ),
    (
        "VMF206",
        job(disks=(replace(OWN, device="hdc"),), cdrom=Cdrom(iso=HERE, device="hdc")),
        [("cdrom", "device")],
    ),
    ("VMF207", disks(replace(OWN, device="sda", bus=Bus.VIRTIO)), [("disks", 0, "device")]),
    ("VMF207", disks(OWN, replace(OWN, device="xvdb", bus=Bus.IDE)), [("disks", 1, "device")]),
    ("VMF208", job(cdrom=Cdrom()), [("cdrom",)]),
    ("VMF208", job(cdrom=Cdrom(files=(HERE,), iso=HERE)), [("cdrom",)]),
    ("VMF209", nic(mac="01:54:00:12:34:56"), [("network", "mac")]),
    ("VMF209", nic(mac="ff:ff:ff:ff:ff:ff"), [("network", "mac")]),
    ("VMF209", nic(mac="00:00:00:00:00:00"), [("network", "mac")]),
    (
        "VMF210",
        nic(type=NetworkType.NONE, mac="52:54:00:12:34:56", forwards=(Forward(port=22),)),
        [("network", "mac"), ("network", "forwards")],
    ),
    (
        "VMF211",
        nic(type=NetworkType.BRIDGE, forwards=(Forward(port=22), Forward(port=80))),
        [("network", "forwards", 0), ("network", "forwards", 1)],
    ),
    (
        "VMF211",
        user(forwards=(Forward(port=22, host_port=2222), Forward(port=80, host_port=2222))),
        [("network", "forwards", 1, "host_port")],
    ),
    (
        "VMF211",
        nic(forwards=(Forward(port=22), Forward(port=80, host_port=2222))),
        [("network", "forwards", 1, "host_port")],
    ),
    ("VMF212", job(checkpoint=Checkpoint(keep=2)), [("checkpoint",)]),
    ("VMF213", disks(OWN, replace(IN_PLACE, file=THERE)), [("disks", 1, "access")]),
    ("VMF214", disks(replace(OWN, access=Access.IN_PLACE), OWN), [("disks", 0, "file"), ("disks", 1, "file")]),
    ("VMF214", disks(IN_PLACE), [("disks", 0, "file")]),
    ("VMF228", replace(disks(DISK, IN_PLACE), checkpoint=EVICTED), [("disks", 1, "access")]),
    (
        "VMF215",
        job(arguments=("a",), env={"A": "b"}, secrets={"S": HERE}, results=Results(files=("a",))),
        [("arguments",), ("env",), ("secrets",), ("results", "files")],
    ),
    ("VMF216", job(run="x", env={"A": "b", "B": "c"}, secrets={"A": HERE}), [("env", "A")]),
    *(("VMF231", job(event_log=Path("/home/ada") / name), [("event_log",)]) for name in (".profile", "x.sh", ".log")),
    ("VMF227", results("out", "b", "out/a/b"), [("results", "files", 2)]),
    ("VMF227", results("out/a", "out"), [("results", "files", 0)]),
    ("VMF227", results("a", "a", "a/"), [("results", "files", 1), ("results", "files", 2)]),
    ("VMF227", results("out/", "out//b"), [("results", "files", 1)]),
    (
        "VMF121",
        job(
            run="x",
            disks=(OWN,),
            results=Results(disks=ResultDisks.CHANGED, files=("a", "disk1.qcow2", "disk0.qcow2/b")),
        ),
        [("results", "files", 1), ("results", "files", 2)],
    ),
    (
        "VMF121",
        job(run="x", steps=(does("a"),), results=Results(files=("b", "steps/a.log"))),
        [("results", "files", 1)],
    ),
    ("VMF225", job(run="x", arguments=("a", "x" * 2**17)), [("arguments", 1)]),
    ("VMF225", job(run="x", env={"A": "ä" * 2**16}), [("env", "A")]),
    ("VMF225", job(run="x", env={"A": "b"}, arguments=("x" * 2**16,) * 31), [("arguments",)]),
    ("VMF225", job(run="x", env={f"A{n}": "x" * 2**16 for n in range(31)}), [("env",)]),
    *(
        ("VMF224", disks(OWN, named(path)), [("disks", 1, "file")])
        for path in ("/a\x1b[2J.raw", "/a\nb/c.raw", "/\x7f", "/\ufffe", "/\udc80")
    ),
    ("VMF224", job(image=Image(name="i", disks=(named("/a\x01.raw"),))), [("image",)]),
    ("VMF222", job(ssh=Ssh(), cloud_init=CloudInit(meta_data=HERE)), [("cloud_init", "meta_data")]),
    ("VMF223", job(ssh=Ssh(), run="x", network=Network(type=NetworkType.NONE)), [("ssh",)]),
    ("VMF223", job(ssh=Ssh(), network=NAT), [("ssh",)]),
    *(
        ("VMF217", job(run=script), [("run",)])
        for script in ("halt", "date\n  halt\n", "exec sudo /sbin/halt -f", "halt;")
    ),
    *(
        ("VMF218", job(run="x", env={name: "hunter2"}), [("env", name)])
        for name in ("PASSWORD", "DB_PASS", "api_key", "APIKEY", "GITHUB_TOKEN", "SECRET_SAUCE")
    ),
    ("VMF218", job(run="x", env={"A": f"AKIA{'A' * 16}"}), [("env", "A")]),
    ("VMF218", job(run=f"echo '{KEY}'"), [("run",)]),
    ("VMF218", job(run="mysql --password=hunter2"), [("run",)]),
    ("VMF218", job(run="x", arguments=("-v", "--api-key=abc")), [("arguments", 1)]),
    (
        "VMF218",
        job(attributes={"DbPassword": '"hunter2"', "Db_Password": '"hunter2"'}),
        [("attributes", "Db_Password")],
    ),
    ("VMF218", job(boot=Boot(parameters="quiet rd.luks.token=abc rescue_token=abc")), [("boot", "parameters")]),
    ("VMF219", job(types=("kvm",), settings={"kvm": {}, "xen": {}}), [("xen",)]),
    ("VMF251", given(address="h", port=22), [("connection", "address"), ("connection", "port")]),
    ("VMF251", given(transport=Transport.SSH), [("connection",)]),
    ("VMF251", given(transport=Transport.SSH, address="h", ca=Path("/ca")), [("connection", "ca")]),
    ("VMF251", given(transport=Transport.API, address="h", key=Path("/k")), [("connection", "key")]),
    ("VMF251", given(transport=Transport.TCP, address="::1", user="u"), [("connection", "user")]),
    ("VMF251", given(transport=Transport.SSH, address="h", certificate=Path("/c")), [("connection", "certificate")]),
    ("VMF251", given(transport=Transport.TLS, address="h", key=Path("/k"), ca=Path("/ca")), [("connection", "key")]),
    (
        "VMF251",
        given(transport=Transport.TLS, address="h", certificate=Path("/c")),
        [("connection", "certificate"), ("connection", "certificate")],
    ),
    ("VMF251", given(transport=Transport.SSH, address="h:22"), [("connection", "address")]),
    ("VMF251", given(transport=Transport.TLS, address="h", insecure=True), [("connection", "insecure")]),
    ("VMF252", given(transport=Transport.TCP, address="h"), [("connection", "transport")]),
    *(
        ("VMF252", given(transport=Transport.TCP, address=far), [("connection", "transport")])
        for far in ("10.0.0.1", "127.1", "localhost.example.org", "127.0.0.1.example.org", "::")
    ),
    (
        "VMF253",
        offered(NetworkType.NAT, NetworkType.DEFAULT, NetworkType.NONE),
        [("networks", "types", 1), ("networks", "types", 2)],
    ),
    ("VMF253", offered(NetworkType.NAT, default=NetworkType.USER), [("networks", "default")]),
    ("VMF253", offered(NetworkType.BRIDGE), [("networks", "types")]),
    ("VMF253", offered(NetworkType.NAT, bridge="br0"), [("networks", "bridge")]),
    (
        "VMF253",
        offered(NetworkType.NAT, users={NetworkType.USER: ("ana",), NetworkType.NAT: ("bo",)}, outside=True),
        [("networks", "users", "user"), ("networks", "outside")],
    ),
    ("VMF253", offered(NetworkType.USER, together=True), [("networks", "together")]),
    ("VMF254", host(guest_of="h"), [("guest_of",)]),
    ("VMF254", host(guests=("a", "h")), [("guests", 1)]),
]
"""A rule, what breaks it, and where."""

RIGHT = [
    ("VMF232", steps(does("a"), does("b", files={"/a": HERE}), does("c", on_host="x", arguments=("a",)))),
    ("VMF232", built(does("a", packages=("p",)))),
    ("VMF233", steps(does("a"), at_end=Finally(steps=(does("a"),)))),
    ("VMF233", built(does("a"), does("b"), earlier=(does("c"),))),
    ("VMF234", steps(does("b", "a"), does("a", "c"), image=built(does("c")))),
    ("VMF234", built(does("b", "c"), earlier=(does("c"),))),
    ("VMF235", steps(does("b", "a"), does("a"), does("c", "a", "b"))),
    ("VMF235", built(does("a"), does("b", "a"))),
    ("VMF236", steps(does("a", run="x", env={"A": "b"}, arguments=("x",)))),
    ("VMF236", built(does("a", command=("x",), env={"A": "b"}))),
    ("VMF237", steps(does("a", run="x", publish={"A": "-1", "B": '{1, true, "x"}'}))),
    ("VMF237", built(does("a", run="x", publish={"A": "undefined"}))),
    ("VMF232", more_steps(does("a"), hosted("b"))),
    ("VMF233", more_steps(does("a"), does("b"))),
    ("VMF234", more_steps(does("b", "a"), does("a"))),
    ("VMF235", more_steps(does("b", "a"), does("a"))),
    ("VMF236", more_steps(does("a", run="x", env={"A": "b"}))),
    ("VMF237", more_steps(does("a", run="x", publish={"A": "1"}))),
    ("VMF243", steps(hosted("a"), does("b", "a"), does("c"))),
    ("VMF243", steps(does("a"), hosted("b", "a"), keep_image=True)),
    ("VMF243", steps(does("a", "b"), does("b", "a"), hosted("c", "a"))),
    ("VMF243", built(hosted("a"), does("b", "a"), hosted("c", "b"), does("d"), hosted("e", "d", "c"))),
    ("VMF244", steps(hosted("a", on_error=OnError(retry=1)), does("b", run="x", on_error=OnError(run="x")))),
    ("VMF244", built(hosted("a"))),
    ("VMF244", more_steps(hosted("a"))),
    ("VMF245", steps(at_end=Finally(steps=(hosted("c", "b"), does("b", "a"), does("a"))))),
    ("VMF245", job(at_end=Finally(steps=(hosted("a"),)))),
    ("VMF245", job(agent=True, at_end=Finally(steps=(does("a"),)))),
    ("VMF238", image(base="b", disks=(DISK,))),
    ("VMF239", job(run="x", image=built(does("a")), keep_image=True)),
    ("VMF201", bare(disks=(DISK,))),
    ("VMF201", bare(boot=Boot(kernel=HERE))),
    ("VMF201", bare(cdrom=Cdrom(iso=HERE))),
    ("VMF201", bare(settings={"vmware": {}})),
    ("VMF201", image(kernel=HERE)),
    ("VMF202", job(boot=Boot(initrd=HERE, kernel=HERE))),
    ("VMF202", job(image=Image(name="i", kernel=HERE), boot=Boot(initrd=HERE))),
    ("VMF202", image(initrd=HERE, kernel=HERE)),
    ("VMF203", job(boot=Boot(kernel=HERE, root="/dev/vda", parameters="quiet"))),
    ("VMF203", job(boot=Boot(kernel="included"))),
    ("VMF204", job(checkpoint=CONSENT, network=NAT)),
    ("VMF204", job(checkpoint=EVICTED)),
    ("VMF204", job(network=NAT)),
    ("VMF205", job(checkpoint=CONSENT, network=NAT)),
    ("VMF206", disks(OWN, OWN, replace(OWN, device="vdb"), replace(OWN, device="vdc"))),
    ("VMF206", job(disks=(replace(OWN, device="hda"),), cdrom=Cdrom(iso=HERE, device="hdc"))),
    ("VMF207", disks(replace(OWN, device="sda", bus=Bus.SATA), replace(OWN, device="sdb", bus=Bus.SCSI))),
    ("VMF207", disks(replace(OWN, device="xvda", bus=Bus.XEN), replace(OWN, device="sda"), replace(OWN, bus=Bus.IDE))),
    ("VMF208", job(cdrom=Cdrom(files=(HERE,)))),
    ("VMF208", job(cdrom=Cdrom(iso=HERE))),
    ("VMF209", nic(mac="52:54:00:12:34:56")),
    ("VMF209", nic(mac="02:00:00:00:00:00")),
    ("VMF210", nic(mac="52:54:00:12:34:56", forwards=(Forward(port=22),))),
    ("VMF211", user(forwards=(Forward(port=22), Forward(port=23), Forward(port=80, host_port=8080)))),
    ("VMF211", nic(type=NetworkType.DEFAULT, forwards=(Forward(port=80, host_port=8080),))),
    ("VMF211", nic(forwards=(Forward(port=22), Forward(port=23)))),
    (
        "VMF211",
        user(forwards=(Forward(port=53, host_port=53), Forward(port=53, host_port=53, protocol=Protocol.UDP))),
    ),
    ("VMF212", job(checkpoint=Checkpoint(period=60))),
    ("VMF212", job(checkpoint=EVICTED)),
    ("VMF213", disks(IN_PLACE)),
    ("VMF213", disks(Disk(file=THERE))),
    ("VMF214", disks(OWN, OWN, DISK)),
    ("VMF228", replace(disks(DISK), checkpoint=EVICTED)),
    ("VMF214", disks(replace(OWN, access=Access.IN_PLACE))),
    ("VMF215", job(run="x", arguments=("a",), env={"A": "b"}, secrets={"S": HERE}, results=Results(files=("a",)))),
    ("VMF215", job()),
    ("VMF216", job(run="x", env={"A": "b"}, secrets={"B": HERE})),
    *(("VMF231", job(event_log=Path(name))) for name in ("/a.log", "/a.b.jsonl")),
    ("VMF227", results("out", "outer", "a/out", "a/b", "A")),
    ("VMF225", job(run="x", env={"A": "x" * (2**17 - 3)}, arguments=("x" * (2**17 - 1),) * 13)),
    ("VMF121", job(run="x", results=Results(files=("disk0.qcow2",)))),
    ("VMF121", job(run="x", steps=(does("a"),), results=Results(files=("log/steps",)))),
    ("VMF121", job(run="x", results=Results(files=("steps/a.log",)))),
    ("VMF229", steps(Step(name="a", files={"/a": THERE}))),
    ("VMF229", built(Step(name="a", files={"/a": HERE}))),
    (
        "VMF121",
        job(
            run="x", disks=(IN_PLACE,), results=Results(disks=ResultDisks.WHOLE, files=("disk1.qcow2", "a/disk0.qcow2"))
        ),
    ),
    ("VMF224", disks(named("/ä ö/😀'\"<&>.raw"))),
    ("VMF224", bare(boot=Boot(kernel=File(path=Path("/\x1b"))))),
    ("VMF222", job(ssh=Ssh(), cloud_init=CloudInit(user_data=HERE))),
    ("VMF222", job(cloud_init=CloudInit(meta_data=HERE))),
    ("VMF223", job(ssh=Ssh(), network=NAT, run="x")),
    ("VMF223", job(ssh=Ssh(), network=NAT, cloud_init=CloudInit())),
    ("VMF223", job(network=NAT)),
    *(("VMF217", job(run=script)) for script in ("halt -p", "# halt", "halt=1", "halted", "echo halt", "poweroff")),
    *(("VMF218", job(run="x", env={name: "x"})) for name in ("PASSENGERS", "COMPASS", "TOKENS", "KEY", "PATH")),
    ("VMF218", job(run="x", env={"PASSWORD": ""})),
    ("VMF218", job(run="x", env={"TOKEN_FILE": "/run/token"})),
    (
        "VMF218",
        job(
            run='curl -H "token: $TOKEN"; PASSWORD="$(cat file)"; PASSWORD=/run/x; if [ "$PASSWORD" == "" ]; then :; fi'
        ),
    ),
    ("VMF218", job(run="# the password is in a file\ntokens=3")),
    ("VMF218", job(run="x", secrets={"PASSWORD": HERE})),
    ("VMF219", job(types=("kvm", "xen"), settings={"xen": {}})),
    ("VMF219", job(settings={"xen": {}})),
    ("VMF251", host()),
    ("VMF251", host(connection=replace(SSH, port=22, user="u", key=Path("/k")))),
    ("VMF251", given(transport=Transport.TLS, address="h", ca=Path("/ca"))),
    ("VMF251", given(transport=Transport.TLS, address="h", key=Path("/k"), certificate=Path("/c"), ca=Path("/ca"))),
    ("VMF251", given(transport=Transport.SSH, address="fe80::1")),
    ("VMF251", given(transport=Transport.API, address="h", ca=Path("/ca"))),
    ("VMF252", given(transport=Transport.TCP, address="h", insecure=True)),
    *(
        ("VMF252", given(transport=Transport.TCP, address=near))
        for near in ("localhost", "127.0.0.1", "127.9.9.9", "::1")
    ),
    ("VMF252", host(connection=SSH)),
    ("VMF253", offered(NetworkType.NAT, NetworkType.BRIDGE, default=NetworkType.NAT, bridge="br0")),
    ("VMF253", host()),
    ("VMF253", offered(users={NetworkType.USER: ("ana",)}, outside=True, together=True)),
    ("VMF253", offered(NetworkType.NAT, users={NetworkType.NAT: ("ana",)}, together=True)),
    ("VMF254", host(guest_of="other", guests=("a", "b"))),
]
"""A rule, and what nearly breaks it."""
