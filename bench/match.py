"""What it costs to place jobs on hosts: pairs of a job and a host in a second, against HTCondor's C++ library.

Brokers gather the bids of hosts that jobs like alike: what is compared at the top does not grow with the hosts.

Ads are parsed beforehand; columns, clusters, ranks and room are in the time. `match.py memory` prints the peak memory
of a process that parses and places.
"""

from __future__ import annotations

import random
import resource
import statistics
import subprocess
import sys
import time
from collections import deque

import classad2
import numpy as np
from msgspec import Struct

from vmf.classad import Ad, World, parse_ad
from vmf.match.brokers import FEW, Broker, Group
from vmf.match.columns import Columns
from vmf.match.placing import Room, Wish
from vmf.match.pool import Pool
from vmf.match.resources import COST, RESOURCES

HOSTS, JOBS, GROUPS, FEWER_JOBS = 10_000, 100_000, 1_000, 10_000
MEMORY_TARGET_MIB = 1024
SAMPLE_JOBS, SAMPLE_HOSTS, ROUNDS = 20, 200, 5
"""The reference's rate does not depend on how many there are: it matches so many, in so many rounds."""

HOST = """[ MyType = "Machine"; Name = "slot1@{name}"; Machine = "{name}"; Arch = "{arch}"; OpSys = "LINUX";
OpSysAndVer = "Debian{version}"; OpSysMajorVer = {version}; Cpus = {cpus}; TotalCpus = {cpus}; Memory = {memory};
TotalMemory = {memory}; UsedMemory = {used}; Disk = {disk}; TotalDisk = {disk}; KFlops = {kflops}; Mips = {mips};
LoadAvg = {load}; State = "Unclaimed"; Activity = "Idle"; EnteredCurrentState = {entered}; HasVM = true;
VM_Type = "kvm"; VM_Memory = {memory}; VM_Cpus = {cpus}; VM_AvailNum = 8; VM_Running = {running};
VM_Networking = true; VM_Networking_Types = "{networks}"; VM_All_Guest_Macs = {{}}; HypervisorVersion = "{hypervisor}";
Site = "{site}"; {rack} UidDomain = "example.org"; FileSystemDomain = "{site}"; SlotType = "Partitionable";
TimeToLive = 2147483647; IsOwner = false; Banned = "user{banned}"; KeyboardIdle = {entered};
Start = TARGET.Owner =!= MY.Banned && TARGET.RequestCpus <= MY.Cpus; Requirements = {policy} ]"""
JOB = """[ MyType = "Job"; ClusterId = {job}; ProcId = 0; Owner = "user{owner}"; Department = "{department}";
JobUniverse = 13; JobStatus = 1; JobPrio = 0; QDate = {job}; Iwd = "/home/user{owner}/{job}"; Cmd = "vm{job}";
JobVMType = "kvm"; JobVMMemory = {memory}; JobVMNetworking = true; JobVMNetworkingType = "{network}";
RequestCpus = {cpus}; RequestMemory = {memory}; RequestDisk = {disk}; Requirements = {requirements}; Rank = {rank} ]"""

POLICIES = ("START", "START && TARGET.JobVMMemory <= MY.Memory", 'START && TARGET.Department =!= "guests"', "true")
IMPLIED = (
    "TARGET.HasVM",
    "TARGET.VM_Type == MY.JobVMType",
    "TARGET.VM_Memory >= MY.JobVMMemory",
    "TARGET.VM_Cpus >= RequestCpus",
)
ASKED = (
    "TARGET.Disk >= {disk}",
    'TARGET.Arch == "{arch}"',
    "TARGET.OpSysMajorVer >= {version}",
    "TARGET.KFlops > {kflops}",
    "TARGET.LoadAvg < {load}",
    'TARGET.Machine != "{name}"',
    '(TARGET.Site == "{site}" || TARGET.Mips > {mips})',
    "(isUndefined(TARGET.Rack) || TARGET.Rack < {number})",
    "TARGET.Memory - TARGET.UsedMemory >= {memory}",
    "stringListIMember(MY.JobVMNetworkingType, TARGET.VM_Networking_Types)",
    'versionGE(TARGET.HypervisorVersion, "{hypervisor}")',
)
"""A job asks for some of these beside what is implied: 5 to 9 clauses in all."""
PATTERN = r'regexp("^node[0-9]*{digit}[{low}-9][0-9]?\\.{site}", TARGET.Machine)'
"""What no column can take: hosts' names all differ, and so do jobs' patterns."""
RANKS = (
    "TARGET.KFlops",
    "TARGET.Mips - {number} * TARGET.LoadAvg",
    '(TARGET.Site == "{site}") * 100 + TARGET.OpSysMajorVer',
    "TARGET.Memory / 1024 - {number}",
)


class Load(Struct, frozen=True, kw_only=True):
    """Jobs to be placed on all hosts."""

    label: str
    jobs: int
    groups: int
    asked: tuple[str, ...] = ASKED
    target: float


LOADS = (
    Load(label=f"{JOBS:,} jobs, {GROUPS:,} of them distinct", jobs=JOBS, groups=GROUPS, target=5_000),
    Load(label="10,000 jobs, all different", jobs=10_000, groups=10_000, target=50),
    Load(label="100 jobs, each with a pattern for hosts' names", jobs=100, groups=100, asked=(PATTERN,), target=1),
)


def main() -> None:
    """Measure and print."""
    # The first nested ad that is converted gives the reference the semantics of HTCondor's daemons, for good.
    classad2.ExprTree("[a = 1]").eval(classad2.ClassAd(), classad2.ClassAd())
    texts = [_host(host) for host in range(HOSTS)]
    hosts = [parse_ad(text) for text in texts]
    print(f"placing on {HOSTS:,} hosts of {len(hosts[0])} attributes, against classad2's symmetricMatch:")
    for load in LOADS:
        theirs = _reference([_job(load, job) for job in range(SAMPLE_JOBS)], texts[:SAMPLE_HOSTS])
        seconds = _placing([parse_ad(_job(load, job)) for job in range(load.jobs)], hosts)
        ours = load.jobs * HOSTS / seconds
        print(
            f"  {load.label}: {ours / theirs:,.1f} x classad2, target >= {load.target:,} "
            f"({seconds:.2f} s; {ours:,.0f} pairs/s against {theirs:,.0f})"
        )
    _print_brokers()
    _print_growth([parse_ad(_job(LOADS[0], job)) for job in range(FEWER_JOBS)], hosts)
    measured = subprocess.run([sys.executable, __file__, "memory"], check=True, capture_output=True)
    peak = f"peak memory of parsing and placing {JOBS:,} jobs on {HOSTS:,} hosts"
    print(f"{peak}: {int(measured.stdout)} MiB, target <= {MEMORY_TARGET_MIB} MiB")


def _print_brokers() -> None:
    """What it takes to find the best bid of hosts that all bid alike, a job after the other."""
    job = parse_ad("[ JobVMMemory = 1; RequestCpus = 0 ]")
    for many in (HOSTS, HOSTS * 10):
        columns = Columns([parse_ad("[ VM_Memory = 65536; VM_AvailNum = 10000 ]")] * many)
        hosts, rooms = np.arange(many), [Room(columns, RESOURCES, COST, World()) for _ in range(2)]
        wish = rooms[0].wish(job)
        top = Broker(hosts, rooms[0], wish)
        with_, without = _choosing(top, rooms[0], wish), _choosing(Group(hosts, rooms[1], wish), rooms[1], wish)
        print(
            f"  bids of {many:,} hosts: {len(top.heard)} compared at the top, target <= {FEW}; "
            f"{with_ * 1e6:.0f} us for a job, {without * 1e6:.0f} us without brokers"
        )


def _choosing(best: Group | Broker, room: Room, wish: Wish) -> float:
    """Seconds of a core for each of many jobs."""
    began = time.process_time()
    for _ in range(FEWER_JOBS):
        _, host = best.best()
        room.take(host, wish)
    return (time.process_time() - began) / FEWER_JOBS


def _print_growth(jobs: list[Ad], hosts: list[Ad]) -> None:
    """Jobs are the same ones over and over: a million different ads would measure the machine's memory."""
    for many, few in ((jobs * 10, hosts[:1_000]), (jobs * 10, hosts), (jobs, hosts), (jobs * 100, hosts)):
        print(f"  {len(many):,} jobs on {len(few):,} hosts: {_placing(many, few):.2f} s")


def _print_memory() -> None:
    hosts = [parse_ad(_host(host)) for host in range(HOSTS)]
    _placing([parse_ad(_job(LOADS[0], job)) for job in range(JOBS)], hosts)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def _placing(jobs: list[Ad], hosts: list[Ad]) -> float:
    """Seconds of a core; the hosts are new to it, as they are to each plan."""
    began = time.process_time()
    deque(Pool(hosts, world=World()).place(jobs, RESOURCES, cost=COST), maxlen=0)
    return time.process_time() - began


def _reference(jobs: list[str], hosts: list[str]) -> float:
    """The reference's pairs per second, and a check that it says what vmf says."""
    their_jobs, their_hosts = [classad2.ClassAd(text) for text in jobs], [classad2.ClassAd(text) for text in hosts]
    rates, answers = [], list[list[bool]]()
    for _ in range(ROUNDS):
        began = time.process_time()
        answers = [[job.symmetricMatch(host) for host in their_hosts] for job in their_jobs]
        rates.append(len(jobs) * len(hosts) / (time.process_time() - began))
    pool = Pool([parse_ad(text) for text in hosts], world=World())
    if answers != [pool.fits(parse_ad(text)).tolist() for text in jobs]:
        sys.exit("vmf and the reference disagree")
    return statistics.median(rates)


def _host(number: int) -> str:
    choose = random.Random(number)  # noqa: S311  # every run measures the same
    return HOST.format(
        **_drawn(choose, number),
        cpus=choose.choice((8, 16, 32, 64, 128)),
        used=1024 * choose.randrange(4),
        running=choose.randrange(3),
        entered=1_700_000_000 + number,
        networks=choose.choice(("nat", "nat,bridge", "bridge")),
        banned=choose.randrange(50),
        policy=choose.choice(POLICIES),
    )


def _job(load: Load, number: int) -> str:
    """Jobs of one group differ in what nobody asks for."""
    choose = random.Random(number % load.groups)  # noqa: S311  # as above
    drawn = _drawn(choose, choose.randrange(HOSTS))
    asked = choose.sample(load.asked, min(len(load.asked), choose.randint(1, 5)))
    return JOB.format(
        job=number,
        owner=choose.randrange(200),
        department=choose.choice(("physics", "biology", "guests")),
        network=choose.choice(("nat", "bridge")),
        cpus=choose.choice((1, 2, 4, 8)),
        requirements=" && ".join((*IMPLIED, *asked)).format(**drawn),
        rank=choose.choice(RANKS).format(**drawn),
        **{**drawn, "memory": choose.randrange(256, 8192)},
    )


def _drawn(choose: random.Random, number: int) -> dict[str, object]:
    """What hosts have, and what jobs ask hosts for."""
    site = choose.choice(("north", "south", "east", "west"))
    return {
        "name": f"node{number:05}.{site}.example.org",
        "site": site,
        "arch": choose.choice(("X86_64", "X86_64", "x86_64", "aarch64")),
        "version": choose.choice((11, 12, 13)),
        "memory": 1024 * choose.choice((16, 32, 64, 128, 256)),
        "disk": choose.randrange(10**6, 10**8),
        "kflops": choose.randrange(10**6, 2 * 10**6),
        "mips": choose.randrange(20_000, 40_000),
        "load": round(choose.random() * 8, 3),
        "hypervisor": f"{choose.randrange(6, 10)}.{choose.randrange(3)}.0",
        "number": choose.randrange(100),
        "rack": choose.choice(("Rack = {};", "Rack = {};", "")).format(choose.randrange(100)),
        "digit": choose.randrange(10),
        "low": choose.randrange(9),
    }


if __name__ == "__main__":
    _print_memory() if sys.argv[1:] == ["memory"] else main()
