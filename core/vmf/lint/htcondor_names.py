"""Attributes that HTCondor's ads have and vmf's do not: users who move in write them out of habit.

Sources: the manual's appendices of machine and job ClassAd attributes, version 25.
"""

from __future__ import annotations

from typing import Final

from vmf.classad import fold


def _names(text: str) -> frozenset[str]:
    return frozenset(map(fold, text.split()))


MACHINE: Final = _names(
    """
    AcceptedWhileDraining Activity AddressV1 AuthenticatedIdentity CheckpointPlatform ChildCpus ChildDisk
    ChildMemory ClientMachine ClockDay ClockMin CondorLoadAvg CondorPlatform CondorVersion ConsoleIdle CpuBusy
    CpuBusyTime CpuCacheSize CpuFamily CpuIsBusy CpuModel CpuModelNumber CurrentRank DaemonStartTime
    DetectedCpus DetectedGPUs DetectedMemory DotNetVersions Draining DSlotPreemptable DynamicSlot
    EnteredCurrentActivity EnteredCurrentState ExpectedMachineGracefulDrainingCompletion FileSystemDomain GPUs
    GPUsMemoryUsage HardwareAddress HasCheckpointing HasDocker HasEncryptExecuteDirectory HasFileTransfer
    HasFileTransferPluginMethods HasIOProxy HasJava HasJICLocalConfig HasJICLocalStdin HasJobDeferral HasMPI
    HasPerFileEncryption HasReconnect HasRemoteSyscalls HasRotationalScratch HasSelfCheckpointTransfers
    HasSingularity HasTDP HasUserNamespaces HasVirtualMemory HibernationLevel IsLocalStartd IsOwner
    IsWakeOnLanEnabled IsWakeOnLanSupported JavaMFlops JavaVendor JavaVersion JobId JobStart KeyboardIdle KFlops
    LastBenchmark LastHeardFrom LastPeriodicCheckpoint LoadAvg MachineMaxVacateTime MaxJobRetirementTime
    Microarch Mips MonitorSelfAge MyAddress MyCurrentTime NextFetchWorkDelay NumDynamicSlots NumPids Offline
    OfflineUniverses OpSys OpSysAndVer OpSysLegacy OpSysLongName OpSysMajorVer OpSysName OpSysShortName OpSysVer
    PartitionableSlot PreemptingRank RecentJobStarts RemoteGroup RemoteOwner RemoteUser RetirementTimeRemaining
    SingularityVersion SlotID SlotType SlotTypeID SlotWeight StarterAbilityList StartdIpAddr State SubnetMask
    TotalCondorLoadAvg TotalDisk TotalGPUs TotalJobRunTime TotalLoadAvg TotalMemoryUsage TotalSlotCpus
    TotalSlotDisk TotalSlotMemory TotalSlots TotalTimeClaimedBusy TotalTimeClaimedIdle TotalTimeOwnerIdle
    TotalTimeUnclaimedIdle TotalVirtualMemory UidDomain Unhibernate VirtualMemory VM_All_Guest_IPs
    VM_GAHP_VERSION VM_Guest_IP VM_Guest_Mac VM_Guest_Mem VM_HardwareVT
    WakeSupportedFlags has_avx has_avx2 has_avx512f has_sse4_1 has_sse4_2 has_ssse3
    """
)
"""Of machine ads, folded."""
JOB: Final = _names(
    """
    AccountingGroup AcctGroup AcctGroupUser AllRemoteHosts Args Arguments BatchRuntime BytesRecvd BytesSent
    ClusterId Cmd CommittedSlotTime CommittedSuspensionTime CommittedTime CompletionDate ConcurrencyLimits
    ContainerImage CumulativeSlotTime CumulativeSuspensionTime CurrentHosts DAGManJobId DAGNodeName DeferralTime
    DiskUsage DockerImage Env Environment EnteredCurrentStatus Err ExecutableSize ExitBySignal ExitSignal
    ExitStatus GlobalJobId GridResource HoldKillSig HoldReasonSubCode ImageSize In Iwd JobBatchName
    JobCurrentStartDate JobDescription JobLeaseDuration JobMaxVacateTime JobNotification JobRunCount
    JobStartDate JobStatus JobVMCpuUtilization JobVMHardwareVT JobVMId KeepClaimIdle KillSig LastCkptTime
    LastHoldReason LastMatchTime LastRemoteHost LastRemoteWallClockTime LastSuspensionTime LeaveJobInQueue
    MachineAttrCpus0 MaxHosts MemoryUsage MinHosts NiceUser NotifyUser NumCkpts NumJobCompletions NumJobMatches
    NumJobReconnects NumJobStarts NumRestarts NumShadowStarts NumSystemHolds OnExitHold OnExitRemove Out Owner
    PeriodicHold PeriodicRelease PeriodicRemove PostJobPrio1 PreJobPrio1 ProcId QDate RecentBlockReads
    ReleaseReason RemoteHost RemoteSlotID RemoteSysCpu RemoteUserCpu RemoteWallClockTime RemoveReason
    RequestGPUs ResidentSetSize ShouldTransferFiles StreamErr StreamOut Submitter TotalSubmitProcs
    TotalSuspensions TransferErr TransferExecutable TransferIn TransferInput TransferOut TransferOutput User
    UserLog VM_CkptIP VM_CkptMac WantCheckpoint WantDocker WantGracefulRemoval WantRemoteIO WhenToTransferOutput
    x509userproxy x509UserProxySubject x509UserProxyVOName
    """
)
"""Of job ads, folded."""
