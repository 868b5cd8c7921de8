"""For every rule specs that break it, at the place that is marked, and what mends them."""

from __future__ import annotations

import re
from typing import NamedTuple

MARK = "→"
"""Stands before what is at fault."""
CHANGE = re.compile("«([^|»]*)[|]([^»]*)»")
"""What is wrong, and what to write instead."""


class Sample(NamedTuple):
    """A spec that breaks one rule once, and breaks none with its changes made."""

    rule: str
    name: str
    """What is wrong, as the list of rules has it that were asked for."""
    text: str
    """Without a mark, the finding is about the whole file."""

    @property
    def broken(self) -> bytes:
        """The file."""
        return _file(self._before.replace(MARK, ""))

    @property
    def mended(self) -> bytes:
        """The file as it should be."""
        assert CHANGE.search(self.text)
        return _file(CHANGE.sub(r"\2", self.text).replace(MARK, ""))

    @property
    def place(self) -> tuple[int, int]:
        """Line and column of what is marked; zeros if nothing is."""
        before, mark, _ = self._before.partition(MARK)
        lines = before.split("\n")
        return (len(lines), len(lines[-1]) + 1) if mark else (0, 0)

    @property
    def _before(self) -> str:
        return CHANGE.sub(r"\1", self.text)


def _file(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def document(kind: str, *lines: str, name: str = "j") -> str:
    """A spec with these lines of YAML in its `spec`."""
    block = "".join(f"  {line}\n" for line in lines)
    return f"apiVersion: vmf/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{block}"


def job(*lines: str, name: str = "j") -> str:
    """A job that boots."""
    return document("Job", "image: box.raw", "memory: 64MiB", *lines, name=name)


def bare(*lines: str) -> str:
    """A job without an image."""
    return document("Job", "memory: 64MiB", *lines)


def host(*lines: str, name: str = "h") -> str:
    """A host of the type whose plugin is there."""
    return document("Host", "type: toy", *lines, name=name)


FINE = job()
"""A job that nothing is wrong with."""
_FETCHED = f"{{url: 'https://example.org/a.qcow2', sha256: {'0a' * 32}}}"
_IMAGE = document("Image", "kernel: vmlinuz")
_OLDER = "→vmf/v1«beta1|»"
_MAC = "52:54:00:12:34:56"
_KEY = "ghp_" + 36 * "x"
_NAMED = job(name="→«j|k»")
_TWO_MACS = f"{job(f'network: {{mac: {_MAC}}}')}---\n{job('network: {mac: →52:54:00:12:34:5«6|7»}', name='k')}"

SYNTAX = (
    Sample("VMF102", "larger than 256 kB", FINE + f"#«{'#' * 2**18}|»"),
    Sample("VMF102", "nested deeper than 64", job("run: x", f"arguments: «{62 * '['}→[{63 * ']'}|[a]»")),
    Sample("VMF103", "bytes that are no UTF-8", "# ü\n# →«\udcff|ÿ»\n" + FINE),
    Sample("VMF103", "a control character", FINE + "# a→«\x1b|»b\n"),
    Sample("VMF104", "a tab", job("run: x", "env:", "→«\t|  »A: b")),
    Sample("VMF104", "a bracket that is never closed", job("type: →[toy«|]»")),
    Sample("VMF105", "no document", f"→# nothing yet\n«|{FINE}»"),
    Sample("VMF106", "a tag", job("vnc: →«!yes |»true")),
    Sample("VMF106", "an alias of nothing", job("type: →«*|»toy")),
    Sample("VMF107", "a newer version", FINE.replace("vmf/v1", "→vmf/v«2|1»")),
    Sample("VMF107", "a version of others", FINE.replace("vmf/v1", "→«v1|vmf/v1»")),
    Sample("VMF108", "a kind that nobody knows", FINE.replace("Job", "→«j|J»ob")),
    Sample("VMF108", "kinds in one file", f"{FINE}«---\n{host().replace('Host', '→Host')}|»"),
    Sample(
        "VMF108", "two images in one file", f"{_IMAGE}«---\n{_IMAGE.replace('Image', '→Image').replace('j', 'k')}|»"
    ),
    Sample("VMF109", "an unknown key", job("→net«wro|wor»k: {type: user}")),
    Sample("VMF109", "a misspelt key that has to be there", FINE.replace("memory", "→mem«|o»ry")),
    Sample("VMF109", "an unknown key of a plugin's block", job("toy: {→colo«|u»r: red}")),
    Sample("VMF109", "an unknown key of a run", job("queue: [{vnc: true}, {→v«cn|nc»: true}]")),
    Sample("VMF110", "a key that is given twice", job("→«memory: 1GiB|cpus: 1»")),
    Sample("VMF111", "a key that is missing", document("Job", "→image: box.raw", "«|memory: 64MiB»")),
    Sample("VMF111", "no kind", "→" + FINE.replace("kind: Job\n", "«|kind: Job\n»")),
    Sample("VMF112", "a text for a list", job("run: x", "arguments: →«a b|[a, b]»")),
    Sample("VMF112", "a text for a document", f"→«hello\n|{FINE}»"),
    Sample("VMF113", "unknown networking types", job("network: {type: →bridge«d|»}")),
    Sample("VMF113", "MACs that are malformed", job("network: {mac: →52«-|:»54:00:12:34:56}")),
    Sample("VMF113", "disk syntax", job("disks: [{file: data.raw, device: →«/dev/|»vdb}]")),
    Sample("VMF113", "a size without its unit", FINE.replace("64MiB", "→512«|MiB»")),
    Sample("VMF113", "a host of an unknown type", host().replace("toy", "→t«yo|oy»")),
    Sample("VMF114", "memory of 0", FINE.replace("64MiB", "→«0|1»MiB")),
    Sample("VMF114", "a number out of range", job("cpus: →102«5|4»")),
    Sample("VMF115", "names twice", f"{FINE}---\n{_NAMED}"),
    Sample("VMF115", "the name of a run", f"{job('queue: {count: 2}')}---\n{job(name='→j-«1|2»')}"),
    Sample("VMF116", "a run's key that leads nowhere", job("queue: [{→results.«.|»folder: a}]")),
    Sample("VMF117", "a queue of nothing", job("queue: →[«|{cpus: 1}»]")),
    Sample("VMF117", "a queue of rows that are not there", job("queue: {«file: →none.csv|count: 1»}")),
    Sample("VMF118", "an older version", FINE.replace("vmf/v1", _OLDER)),
    Sample("VMF119", "a folder of a host without a full path", host("images: [{path: →«|/»usr}]")),
    Sample("VMF119", "a program without a full path", host("actions: {a: {program: →«|/»usr/bin/env}}")),
    Sample("VMF119", "one that does not travel without a full path", job("disks: [{file: {on_host: →«|/»a.raw}}]")),
    Sample("VMF120", "a disk whose format nobody states", job("disks: [{file: →{on_host: /a}«|, format: raw»}]")),
    Sample("VMF121", "a file of the guest contract", job("run: x", "results: {files: [→«exit-|»code]}")),
    Sample("VMF121", "a file of vmf's own", job("run: x", "results: {files: [→«|my-»console.log]}")),
    Sample("VMF121", "an attribute of vmf's own", job("attributes: {→«|My»RequestMemory: 7}")),
    Sample("VMF190", "a comment that names no rule", f"{FINE}→# «vmf: |»ignore\n"),
    Sample("VMF191", "a comment that silences nothing", job("cpus: 1  →# «vmf: ignore[VMF114]|»")),
)

CONTRADICTIONS = (
    Sample("VMF201", "nothing to boot from", bare("«cpus: 1|image: box.raw»").replace("spec", "→spec")),
    Sample(
        "VMF201",
        "an image of nothing",
        document("Image", "«kernel_parameters: quiet|kernel: vmlinuz»").replace("spec", "→spec"),
    ),
    Sample("VMF202", "initrd with an included kernel", job("boot: {kernel: included«, initrd: →initrd|»}")),
    Sample("VMF202", "an initrd without a kernel", job("boot: {«|kernel: vmlinuz, »initrd: →initrd}")),
    Sample("VMF203", "root with an included kernel", job("boot: {kernel: «included|vmlinuz», root: →/dev/vda1}")),
    Sample(
        "VMF204",
        "networking with checkpointing without consent",
        job("network: {type: nat}", "→checkpoint: {on_eviction: true«|, lose_connections: true»}"),
    ),
    Sample(
        "VMF205",
        "consent without networking",
        job("checkpoint: {on_eviction: true«, lose_connections: →true|»}"),
    ),
    Sample(
        "VMF206",
        "duplicate devices",
        job("disks: [{file: {on_host: /a.raw}, device: vdb}, {file: data.raw, device: →vd«b|c»}]"),
    ),
    Sample(
        "VMF206",
        "cdrom device clashes",
        job("disks: [{file: data.raw, device: hdc}]", "cdrom: {files: [a], device: →hd«c|d»}"),
    ),
    Sample("VMF207", "disk syntax of device and bus", job("disks: [{file: data.raw, device: →«s|v»da, bus: virtio}]")),
    Sample("VMF208", "a CD-ROM of nothing", job("→cdrom: {«|files: [a], »device: hdc}")),
    Sample("VMF208", "a CD-ROM of files and an ISO", job("→cdrom: {files: [a]«, iso: disc.iso|»}")),
    Sample("VMF209", "MACs that are multicast", job("network: {mac: →5«3|2»:54:00:12:34:56}")),
    Sample("VMF209", "a MAC of zeros", job("network: {mac: →00:00:00:00:00:0«0|1»}")),
    Sample("VMF210", "a MAC without a network", job("network: {type: «none|user», mac: →52:54:00:12:34:56}")),
    Sample("VMF211", "forwards on a bridge", job("network: {type: «bridge|user», forwards: [→{port: 22}]}")),
    Sample(
        "VMF211",
        "a port of the host on nat",
        job("network: {type: «nat|user», forwards: [{port: 80, host_port: →8080}]}"),
    ),
    Sample(
        "VMF211",
        "a port that is forwarded twice",
        job("network: {type: user, forwards: [{port: 1, host_port: 9}, {port: 2, host_port: →«9|8»}]}"),
    ),
    Sample("VMF212", "a checkpoint that is never taken", job("→checkpoint: {keep: 2«|, on_eviction: true»}")),
    Sample(
        "VMF213",
        "neither snapshot nor transfer",
        job("disks: [{file: {on_host: /a.raw}, access: →«in-place|snapshot»}]"),
    ),
    Sample("VMF214", "a file twice, once in place", job("disks: [{file: →box.raw, access: «in-place|read»}]")),
    Sample("VMF215", "variables without a script", job("«|run: x\n  »→env: {A: b}")),
    Sample("VMF227", "a file beside its folder", job("run: x", "results: {files: [out, →«out/|»a]}")),
    Sample("VMF216", "a variable plain and secret", job("run: x", "env: {«A|B»: →b}", "secrets: {A: token}")),
    Sample("VMF217", "a script that ends in halt", job("run: →|", "  sync", "  «halt|poweroff»")),
    Sample("VMF218", "secrets in plain sight", job("run: x", "env: {DB_PASS«WORD|AGE»: →hunter2}")),
    Sample("VMF218", "a key in plain sight", job("run: →|", f"  curl -H 'Authorization: «{_KEY}|$TOKEN»'")),
    Sample(
        "VMF222",
        "metadata of one's own with ssh",
        job("ssh: {}", "network: {type: user}", "cloud_init: {user_data: seed«, meta_data: →seed|»}"),
    ),
    Sample("VMF223", "ssh without a network", job("run: x", "network: {type: «none|user»}", "→ssh: {}")),
    Sample("VMF223", "ssh whose key nobody brings", job("network: {type: user}", "«|run: x\n  »→ssh: {}")),
    Sample(
        "VMF224",
        "a disk with a control character in its name",
        job('disks: [{→file: {on_host: "/a«\\e|»b.raw"}}]'),
    ),
    Sample(
        "VMF225",
        "an argument that no program can be given",
        job("run: x", f"arguments: [→{'x' * (2**17 - 1)}«x|»]"),
    ),
    Sample("VMF219", "the block of another type", job("type: «toy|[toy, words]»", "→words: {}")),
    Sample("VMF220", "MACs twice in one file", _TWO_MACS),
    Sample(
        "VMF221",
        "results twice in one file",
        f"{job('results: {folder: out}')}---\n{job('results: {folder: →out«|2»}', name='k')}",
    ),
    Sample(
        "VMF226",
        "a disk that two jobs have and one changes",
        f"{job('disks: [{file: data.raw, access: «in-place|snapshot»}]')}---\n"
        f"{job('disks: [{file: →data.raw}]', name='k')}",
    ),
    Sample(
        "VMF228",
        "a checkpoint of what is written in place",
        job("checkpoint: {on_eviction: true}", "disks: [{file: data.raw, access: →«in-place|snapshot»}]"),
    ),
    Sample(
        "VMF229",
        "an image of what only a host has",
        job("run: x", "keep_image: true", "steps: [{name: a, files: {→/a: «{on_host: /a}|token»}}]"),
    ),
    Sample("VMF231", "a log by another name", job("event_log: →«.profile|events.log»")),
    Sample("VMF232", "a step of nothing", job("run: x", "steps: [→{name: a«|, run: x»}]")),
    Sample("VMF233", "two steps of one name", job("run: x", "steps: [{name: a, run: x}, {name: →«a|b», run: y}]")),
    Sample(
        "VMF234", "a step after none", job("run: x", "steps: [{name: a, run: x}, {name: b, run: y, after: [→«c|a»]}]")
    ),
    Sample("VMF235", "a step after itself", job("run: x", "steps: [{name: a, run: x«, after: →a|»}]")),
    Sample("VMF236", "arguments of packages", job("run: x", "steps: [{name: a, packages: [p]«, arguments: →[x]|»}]")),
    Sample(
        "VMF237", "what is evaluated nowhere", job("run: x", "steps: [{name: a, run: x, publish: {A: →«1 + 1|2»}}]")
    ),
    Sample("VMF238", "an image of two beginnings", document("Image", f"download: {_FETCHED}", "«blank: →1GiB|»")),
    Sample("VMF239", "nothing to keep", job("run: x", "keep_image: →«true|false»")),
    Sample(
        "VMF243",
        "a host's step before the script",
        job(
            "run: x",
            "steps: [{name: a, run: x}, {name: b, on_host: x«, after: →a|»}]".replace("→a", "a").replace(
                "{name: b", "→{name: b"
            ),
        ),
    ),
    Sample("VMF244", "a script for a host", job("run: x", "steps: [{name: a, on_host: b«, on_error: {run: →x}|»}]")),
    Sample(
        "VMF245",
        "a last step that waits for the host",
        job("run: x", "finally: {steps: [{name: a, on_host: b}, →{name: c, run: x«, after: a|»}]}"),
    ),
    Sample(
        "VMF245",
        "last steps of a guest that listens to nobody",
        job("«cpus: 1|run: x»", "finally: {steps: [→{name: a, run: x}]}"),
    ),
    Sample("VMF251", "a transport without an address", host("→connection: {transport: ssh«|, address: h»}")),
    Sample("VMF251", "an address without a transport", host("connection: {«|transport: ssh, »address: →h}")),
    Sample("VMF252", "a connection without a cipher", host("connection: {transport: →tcp, address: «h|localhost»}")),
    Sample("VMF253", "a default that is not offered", host("networks: {types: [nat«|, user»], default: →user}")),
    Sample("VMF253", "a bridge without a name", host("networks: {types: →[bridge]«|, bridge: br0»}")),
    Sample("VMF253", "users of what is not offered", host("networks: {types: [nat«|, user»], users: {user: →[ana]}}")),
    Sample("VMF253", "together on no network", host("networks: {types: [user«|, nat»], together: →true}")),
    Sample("VMF254", "a guest of itself", host("guest_of: →«h|k»")),
)

EXPRESSIONS = (
    Sample("VMF301", "expressions that do not parse, = for ==", job("requirements: TARGET.Cpus →«=|>=» 1")),
    Sample("VMF301", "a quoted expression that does not parse", job("requirements: 'TARGET.Cpus →«=|>=» 1'")),
    Sample("VMF302", "unknown attributes", job("rank: TARGET.→Mem«ro|or»y")),
    Sample("VMF308", "comparisons of a string with a number", host('start: TARGET.RequestCpus →> «"1"|1»')),
    Sample(
        "VMF320", "requirements that can never be true", job("requirements: TARGET.Cpus > 9 && TARGET.Cpus →< «2|99»")
    ),
)

FILES = (
    Sample("VMF401", "files that do not exist", job("cdrom: {files: [→«c|a»]}")),
    Sample(
        "VMF401",
        "a file that travels named with a path elsewhere",
        job("disks: [{file: «→/none.raw|{on_host: /none.raw}»}]"),
    ),
    Sample("VMF402", "an image that is not there", bare("image: →«none|box».raw")),
    Sample("VMF403", "an image that is not in the warehouse", bare("image: →«debian|box.raw»")),
    Sample("VMF404", "an image of an unknown version", bare("image: →«future.qcow2|box.raw»")),
    Sample("VMF404", "a disk of another format", job("disks: [{file: →«odd|data».raw}]")),
    Sample("VMF404", "a disk that names a file of the host", job("disks: [{file: →«lure.vmdk|data.raw»}]")),
    Sample("VMF404", "an appliance that is none", bare("image: →«torn.ova|box.raw»")),
    Sample("VMF404", "a kernel that is none", job("boot: {kernel: →«seed|vmlinuz»}")),
    Sample("VMF406", "a folder for an ISO", job("cdrom: {«iso: →a|files: [a]»}")),
    Sample("VMF406", "a folder for a secret", job("run: x", "secrets: {A: →«a|token»}")),
    Sample("VMF407", "two files of one name", job("cdrom: {files: [a/x, →b«/x|»]}")),
    Sample("VMF408", "a secret that others can read", job("run: x", "secrets: {A: →«shown|token»}")),
    Sample("VMF410", "a link that leads nowhere, on a CD-ROM", job("cdrom: {files: [a, →«linked|b»]}")),
    Sample("VMF410", "an ISO that is none", job("cdrom: {iso: →«data.raw|disc.iso»}")),
    Sample("VMF410", "a secret with a zero byte", job("run: x", "secrets: {A: →«zero|token»}")),
    Sample("VMF409", "a seed without user data", job("→cloud_init: {«meta|user»_data: seed}")),
    Sample(
        "VMF505", "a host that wants what its plugin cannot", host("connection: {transport: →«tls|ssh», address: h}")
    ),
    Sample("VMF508", "a folder that is not there", host("images: [{path: →/«no|»}]")),
    Sample("VMF511", "a program that is not there", host("actions: {a: {program: →/usr/bin/«no-such|env»}}")),
    Sample("VMF508", "images in what is no folder", host("images: [{path: /}, {path: →/«dev/null|»}]")),
    Sample("VMF507", "a host that its plugin cannot drive", host().replace("toy", "→«words|toy»")),
    Sample("VMF502", "a type that no plugin has", job("type: [toy«, →tyo|»]")),
)

LISTED = host(
    "actions: {scan: {program: /usr/bin/env}}",
    "memory: 8GiB",
    "cpus: 4",
    "disk_space: 20GiB",
    "networks: {types: [nat]}",
).encode()
"""The host that the jobs below are judged against."""

HOSTS = (
    Sample("VMF512", "an action that no listed host lends", job("run: x", "steps: [{name: a, on_host: →sca«m|n»}]")),
    Sample("VMF501", "capabilities that no listed host has", job("clock: →«local|utc»")),
    Sample("VMF503", "a type that no listed host has", job("type: →«words|toy»")),
    Sample("VMF504", "memory that no listed host gives", job().replace("64MiB", "→«9|8»GiB")),
    Sample("VMF504", "processors that no listed host gives", job("cpus: →«5|4»")),
    Sample("VMF504", "disk space that no listed host gives", job("disk_space: →2«1|0»GiB")),
    Sample("VMF506", "a network that no listed host offers", job("network: {type: →«user|nat»}")),
)

SAMPLES = (*SYNTAX, *CONTRADICTIONS, *EXPRESSIONS, *FILES)
