"""Whatever a file holds, it gets findings or a clean answer: no traceback, in bounded time and memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lint.samples import SAMPLES
from vmf.lint import fixing, inline, judge
from vmf.lint.finding import Report
from vmf.lint.formats import FORMATS

WORST = Path(__file__).with_name("worst.py")
SECONDS, MEBIBYTES = 20, 500
"""The promise is 2 seconds, which the machine may need several times of while other tests run."""

BOUNDS = settings(
    max_examples=300,
    # pytest's own timeout is the bound
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

WHOLE = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: count, labels: {project: genome}}
spec:
  type: [toy, words]
  image: box.raw
  memory: 2GiB
  cpus: 2
  disk_space: 10GiB
  disks:
    - file: data.raw
      format: raw
      device: vdb
      bus: virtio
      access: snapshot
    - {file: {on_host: /a.qcow2}, access: in-place}
    - {file: {on_host: /b.raw}, sha256: '%'}
  boot: {kernel: vmlinuz, initrd: initrd, root: /dev/vda1, parameters: quiet splash, firmware: uefi}
  clock: local
  cdrom: {files: [a, seed], iso: data.raw, device: hdc}
  arguments: [a, b]
  run: |
    echo $A
    halt
  env: {NAME: value}
  secrets: {OTHER: token}
  cloud_init: {user_data: seed, meta_data: seed, network_config: seed}
  network:
    type: user
    mac: 52:54:00:12:34:56
    model: virtio
    forwards: [{port: 22, host_port: 2222, protocol: tcp}]
  checkpoint: {on_eviction: true, period: 10m, keep: 2, how: live, lose_connections: true}
  suspend: soft
  vnc: true
  results: {disks: changed, files: [a, b], folder: out, size: 64MiB}
  requirements: TARGET.Memory > 1024 && (Has_x =?= true || regexp("^a", TARGET.Arch))
  rank: TARGET.Memory
  attributes: {Name: '"a"', Other: 1 + MY.Name}
  priority: 5
  retries: 3
  time_limit: 2h
  queue:
    - {results.folder: result1, env.SEED: 1}
    - {requirements: TARGET.Cpus > 1, metadata.name: other}
  toy: {colour: red}
---
apiVersion: vmf/v1
kind: Job
metadata: {name: product}
spec: {image: box.raw, memory: 1GiB, queue: {product: {memory: [1GiB, 2GiB], env.SEED: [1, 2]}}}
---
apiVersion: vmf/v1
kind: Host
metadata: {name: desk, labels: {}}
spec:
  type: toy
  connection: {transport: ssh, address: h, port: 22, user: u, key: token, ca: seed, insecure: false}
  memory: 8GiB
  cpus: 4
  machines: 10
  disk_space: 100GiB
  networks: {types: [nat, bridge, user], default: nat, bridge: br0}
  boot: {kernel: vmlinuz, initrd: {on_host: /initrd}}
  soft_suspend: true
  start: MY.Name && TARGET.RequestMemory < 4096
  suspend: false
  continue: true
  vacate: TARGET.JobPrio < 0
  users: [ada, bob]
  attributes: {Name: true}
  guest_of: other
  guests: [third]
  toy: {bridge_script: x}
---
apiVersion: vmf/v1beta1
kind: Image
metadata: {name: image}
spec: {kernel: vmlinuz, initrd: initrd, kernel_parameters: quiet, disks: [{file: box.raw, format: raw, device: vda}]}
""".replace("%", 64 * "0")
"""Every field there is."""

NASTY = (
    "", "~", "''", "[]", "{}", "[[", "{a: b}", "*a", "&a x", "!t x", "- ", "? ", "|", ">-", "#", "---", "...", "\t",
    "# vmf: ignore[VMF109]", "%YAML 1.1", "<<: *a", "\x00", "\ud800", "\u2028", "\u0130", "\u06f1", "0", "-1", "1e999",
    "0x1f", "1.5", ".inf", "9" * 5000, "true", "no", "null", "1GiB", "999999999999TiB", "0s", "-1h", "..", "/",
    "/dev/null", "/proc/self/mem", "box.raw/x", "a" * 5000, "{on_host: x}", "{on_host: {}}", "((((", '"', "a =",
    "MY.Name", "x ? y : z", "Job", "Host", "Image", "metadata.name", "spec.queue", "{count: 10001}", "{file: box.raw}",
    "{product: {a: []}}",
)  # fmt: skip


def change(text: str, kind: str, number: int, nasty: str) -> str:
    """A text with one of its lines changed."""
    lines = text.split("\n")
    at = number % len(lines)
    other = number // len(lines) % len(lines)
    match kind:
        case "delete":
            del lines[at]
        case "double":
            lines.insert(at, lines[at])
        case "swap":
            lines[at], lines[other] = lines[other], lines[at]
        case "indent":
            lines[at] = f"  {lines[at]}"
        case "value":
            lines[at] = f"{lines[at].partition(':')[0]}: {nasty}"
        case "key":
            lines[at] = f"{' ' * (len(lines[at]) - len(lines[at].lstrip()))}{nasty}:{lines[at].partition(':')[2]}"
        case "word":
            words = lines[at].split(" ")
            words[other % len(words)] = nasty
            lines[at] = " ".join(words)
        case "cut":
            return text[: number % (len(text) + 1)]
    return "\n".join(lines) or nasty


KINDS = ("delete", "double", "swap", "indent", "value", "key", "word", "cut")
changes = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 10**6), st.sampled_from(NASTY)), min_size=1, max_size=4
)
texts = st.sampled_from([WHOLE, *(each.broken.decode(errors="replace") for each in SAMPLES if len(each.broken) < 5000)])
tokens = st.lists(st.sampled_from([*NASTY, *WHOLE.split(), "\n", "\n  ", "\n    ", ": ", ", ", " "]), max_size=40)


@pytest.fixture
def judge_all(folder, plugins):
    """Judge a file, write the report in every format, and mend what can be."""
    file = Path("any.yaml")

    def look():
        found = judge.findings([file], plugins=plugins, hosts=(), images=folder / "images")
        return Report.of(inline.heed(found, [file]), [file])

    def judge_all(content: bytes) -> Report:
        file.write_bytes(content)
        report, _ = fixing.settle(look, [file])
        for write in FORMATS.values():
            write(report).encode()
        return report

    return judge_all


def test_the_whole_spec_has_findings_of_contradictions_alone(judge_all):
    rules = {each.rule.id for each in judge_all(WHOLE.encode()).findings}
    assert {"VMF108", "VMF118", "VMF208", "VMF213", "VMF251"} <= rules
    assert rules.isdisjoint({"VMF104", "VMF109", "VMF112", "VMF401"})


@BOUNDS
@given(st.binary(max_size=300))
def test_any_bytes(judge_all, content):
    report = judge_all(content)
    assert report.findings


@BOUNDS
@given(tokens)
def test_words_of_specs_in_any_order(judge_all, words):
    judge_all("".join(words).encode(errors="surrogatepass"))


@BOUNDS
@given(texts, changes)
def test_specs_with_slips(judge_all, text, slips):
    for slip in slips:
        text = change(text, *slip)
    judge_all(text.encode(errors="surrogatepass"))


@pytest.mark.exhaustive
def test_the_worst_files_are_judged_in_bounded_time_and_memory(tmp_path):
    words = (sys.executable, WORST, str(SECONDS), str(MEBIBYTES))
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout  # which ends with the one that was judged last
