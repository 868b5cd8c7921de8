package main

import (
	"context"
	"log"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// site is where every machine is: one of each.
type site struct {
	datacenter *simulator.Datacenter
	cluster    *simulator.ClusterComputeResource
	host       *simulator.HostSystem
	pool       *simulator.ResourcePool
	store      *Datastore
}

var here site

// furnish gives the simulator's inventory its names and sizes, and puts the objects that are our own into it.
func furnish(folder string, capacity, memory int64, cpus int) site {
	s := site{
		datacenter: simulator.Map.Any("Datacenter").(*simulator.Datacenter),
		cluster:    simulator.Map.Any("ClusterComputeResource").(*simulator.ClusterComputeResource),
		host:       simulator.Map.Any("HostSystem").(*simulator.HostSystem),
		pool:       simulator.Map.Any("ResourcePool").(*simulator.ResourcePool),
	}
	s.datacenter.Name, s.cluster.Name, s.host.Name = "dc1", "cluster1", "esx1"
	s.host.Summary.Config.Name = s.host.Name
	s.size(memory, cpus)
	s.store = newDatastore(s, folder, capacity)
	for _, name := range []string{"nat", "bridge"} {
		s.network(name)
	}
	folderOfMachines := simulator.Map.Get(s.datacenter.VmFolder).(*simulator.Folder)
	simulator.Map.Put(&Folder{Folder: *folderOfMachines})
	content := simulator.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance).Content
	collector, files, disks := &PropertyCollector{}, &FileManager{}, &VirtualDiskManager{}
	collector.Self, files.Self, disks.Self = content.PropertyCollector, *content.FileManager, *content.VirtualDiskManager
	simulator.Map.Put(collector)
	simulator.Map.Put(files)
	simulator.Map.Put(disks)
	return s
}

// size sets what the host, the cluster and the pool say of memory, in bytes, and of processors.
func (s site) size(memory int64, cpus int) {
	hardware := s.host.Summary.Hardware
	hardware.MemorySize = memory
	hardware.NumCpuCores, hardware.NumCpuThreads, hardware.NumCpuPkgs = int16(cpus), int16(cpus), 1
	s.host.Hardware.MemorySize = memory
	s.host.Hardware.CpuInfo.NumCpuCores = int16(cpus)
	s.host.Hardware.CpuInfo.NumCpuThreads = int16(cpus)
	s.host.Hardware.CpuInfo.NumCpuPackages = 1
	summary := s.cluster.Summary.GetComputeResourceSummary()
	summary.TotalMemory, summary.EffectiveMemory = memory, memory>>20
	summary.NumCpuCores, summary.NumCpuThreads = int16(cpus), int16(cpus)
	summary.TotalCpu = int32(cpus) * hardware.CpuMhz
	summary.EffectiveCpu = summary.TotalCpu
	s.pool.Runtime.Memory.MaxUsage = memory
	s.pool.Runtime.Memory.UnreservedForVm = memory
	s.pool.Runtime.Cpu.MaxUsage = int64(summary.TotalCpu)
	s.pool.Runtime.Cpu.UnreservedForVm = int64(summary.TotalCpu)
}

// network adds a port group that the host and the cluster know.
func (s site) network(name string) {
	system := simulator.Map.Get(*s.host.ConfigManager.NetworkSystem).(*simulator.HostNetworkSystem)
	spec := types.HostPortGroupSpec{Name: name, VswitchName: "vSwitch0"}
	if answer := system.AddPortGroup(whoever(""), &types.AddPortGroup{Portgrp: spec}); answer.Fault() != nil {
		log.Fatal(answer.Fault().String)
	}
	made := simulator.Map.FindByName(name, s.datacenter.Network).Reference()
	s.host.Network = append(s.host.Network, made)
	s.cluster.Network = append(s.cluster.Network, made)
}

// findNetwork is the network of that name, nil if there is none.
func (s site) findNetwork(name string) *Ref {
	found := simulator.Map.FindByName(name, s.datacenter.Network)
	if found == nil {
		return nil
	}
	ref := found.Reference()
	return &ref
}

// whoever is the context of a call by somebody of that name; nobody's name is empty.
func whoever(name string) *simulator.Context {
	session := &simulator.Session{Registry: simulator.NewRegistry()}
	session.UserName = name
	return &simulator.Context{Context: context.Background(), Map: simulator.Map, Session: session}
}

// change sets properties of an object, for all to see at once. Whoever calls must not be in one of its methods, which
// the simulator calls with the same lock held.
func change(object mo.Reference, changes ...types.PropertyChange) {
	simulator.Map.WithLock(object, func() { simulator.Map.Update(object, changes) })
}
