"""How fast machines' ads are parsed, against HTCondor's C++ library, in turns: one policy, or each its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import classad2

from vmf import classad

ROUNDS = 7
ADS = 500
TARGET = 0.2

AD = """[ MyType = "Machine"; Name = "slot1@{name}"; Machine = "{name}"; Arch = "X86_64"; OpSys = "LINUX";
OpSysAndVer = "Debian12"; OpSysMajorVer = 12; OpSysVer = 1200; Cpus = {cpus}; TotalCpus = {cpus}; DetectedCpus = {cpus};
Memory = {memory}; TotalMemory = {memory}; DetectedMemory = {memory}; Disk = {disk}; TotalDisk = {disk};
KFlops = {disk}; Mips = 28125; LoadAvg = {load}; TotalLoadAvg = {load}; State = "Unclaimed"; Activity = "Idle";
SlotID = {cpus}; EnteredCurrentState = {memory}; EnteredCurrentActivity = {disk}; HasVM = true; VM_Type = "kvm";
VM_Memory = {memory}; VM_AvailNum = 8; VM_Networking = true; VM_Networking_Types = "nat,bridge"; HasFileTransfer = true;
FileSystemDomain = "example.org"; UidDomain = "example.org"; SlotType = "Partitionable"; TimeToLive = 2147483647;
Start = TARGET.RequestMemory <= MY.Memory && TARGET.RequestCpus <= MY.Cpus && (TARGET.Owner =!= "user{policy}");
Rank = ifThenElse(TARGET.Department =?= "physics", {policy}, 0) + TARGET.Priority * 1.5;
WithinResourceLimits = TARGET.RequestCpus <= MY.Cpus && MY.Memory > {policy} && TARGET.RequestDisk <= MY.Disk;
Requirements = (START) && (IsValidCheckpointPlatform =!= {policy}) && (WithinResourceLimits) ]"""


def main() -> None:
    """Measure and print."""
    for label, policies in (("one policy for all", 1), ("a policy for each", ADS)):
        ads = [_ad(host, host % policies) for host in range(ADS)]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_rate(classad.parse_ad, ads))
            theirs.append(_rate(classad2.ClassAd, ads))
        ratio = statistics.median(ours) / statistics.median(theirs)
        rates = f"{statistics.median(ours):,.0f}/s against {statistics.median(theirs):,.0f}/s"
        print(f"parse a machine's ad, {label}: {ratio:.2f} x classad2 ({rates}), target >= {TARGET}")


def _ad(host: int, policy: int) -> str:
    name = f"exec-{host:05}.example.org"
    values = {"cpus": 8 + host % 56, "memory": 4096 + host, "disk": 9_000_000 + host, "load": host / 1000}
    return AD.format(name=name, policy=policy, **values)


def _rate(parse: Callable[[str], object], ads: list[str]) -> float:
    began = time.perf_counter()
    for ad in ads:
        parse(ad)
    return len(ads) / (time.perf_counter() - began)


main()
