package main

import (
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Machine is one of the inventory's. What it is like is its .vmx, too; while it is powered on, it has a process.
type Machine struct {
	mo.VirtualMachine
	doing   sync.Mutex // held by its one task
	task    atomic.Pointer[Ref]
	ending  sync.Mutex // held by whoever starts, stops or changes its process
	process atomic.Pointer[process]
	saved   string // the .vmss of its folder that it goes on from; empty if it is not suspended
	taken   []*Snapshot
	current *Snapshot // what it is based on
	last    int32     // snapshot's number
}

// begin starts the machine's one task: while it has one, another fails.
func (m *Machine) begin(ctx *simulator.Context, method string, work func(user string) (types.AnyType, fault)) Ref {
	user := userOf(ctx)
	if !m.doing.TryLock() {
		busy := new(types.TaskInProgress)
		if task := m.task.Load(); task != nil {
			busy.Task = *task
		}
		return begin(m, method, func() (types.AnyType, fault) { return nil, busy })
	}
	task := begin(m, method, func() (types.AnyType, fault) {
		m.ending.Lock()
		defer m.ending.Unlock()
		return work(user)
	}, m.doing.Unlock)
	m.task.Store(&task)
	return task
}

func (m *Machine) running() *process { return m.process.Load() }

func (m *Machine) config() (config *Config) {
	simulator.Map.WithLock(m, func() { config = m.Config })
	return config
}

func (m *Machine) disks() []*types.VirtualDisk { return disksOf(m.config()) }

func (m *Machine) powerState() (state types.VirtualMachinePowerState) {
	simulator.Map.WithLock(m, func() { state = m.Runtime.PowerState })
	return state
}

// publish makes a configuration the machine's, for all to see, and writes it down.
func (m *Machine) publish(config *Config) {
	summary := types.VirtualMachineConfigSummary{
		Name: config.Name, VmPathName: config.Files.VmPathName, MemorySizeMB: config.Hardware.MemoryMB,
		NumCpu: config.Hardware.NumCPU, Uuid: config.Uuid, InstanceUuid: config.InstanceUuid, GuestId: config.GuestId,
		GuestFullName: config.GuestFullName, Annotation: config.Annotation, NumVirtualDisks: int32(len(disksOf(config))),
	}
	var networks []Ref
	for _, each := range config.Hardware.Device {
		if card, ok := each.(types.BaseVirtualEthernetCard); ok {
			summary.NumEthernetCards++
			backing := card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
			networks = append(networks, *backing.Network)
		}
	}
	change(m,
		types.PropertyChange{Name: "name", Val: config.Name},
		types.PropertyChange{Name: "config", Val: config},
		types.PropertyChange{Name: "summary.config", Val: summary},
		types.PropertyChange{Name: "network", Val: networks},
		types.PropertyChange{Name: "datastore", Val: []Ref{here.store.Self}},
		types.PropertyChange{Name: "guest", Val: m.guest(config)},
	)
	text := written(config, folderOf(config))
	text.set("checkpoint.vmState", m.saved)
	if wrong := text.write(vmxOf(config)); wrong != nil {
		log.Printf("%s: %s", config.Name, message(wrong))
	}
	m.layOut(config)
}

// guest is what VMware Tools tell: the guest has none, unless the tests say so.
func (m *Machine) guest(config *Config) types.GuestInfo {
	info := types.GuestInfo{
		ToolsStatus:        types.VirtualMachineToolsStatusToolsNotInstalled,
		ToolsRunningStatus: string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning),
		GuestState:         "notRunning",
	}
	if m.running() != nil && strings.EqualFold(option(config, "vcsim.tools"), "TRUE") {
		info.ToolsStatus = types.VirtualMachineToolsStatusToolsOk
		info.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
		info.GuestState = "running"
	}
	return info
}

// event is what every event tells of a machine.
func (m *Machine) event() types.VmEvent {
	event := types.VmEvent{Event: types.Event{
		Datacenter:      &types.DatacenterEventArgument{Datacenter: here.datacenter.Self},
		ComputeResource: &types.ComputeResourceEventArgument{ComputeResource: here.cluster.Self},
		Host:            &types.HostEventArgument{Host: here.host.Self},
		Vm:              &types.VmEventArgument{Vm: m.Self},
	}}
	event.Datacenter.Name, event.ComputeResource.Name = here.datacenter.Name, here.cluster.Name
	event.Host.Name, event.Vm.Name = here.host.Name, m.Name
	return event
}

// ReconfigVMTask changes it. While it is powered on, that goes for options and for what is in its CD-ROM drives.
func (m *Machine) ReconfigVMTask(ctx *simulator.Context, r *types.ReconfigVM_Task) soap.HasFault {
	task := m.begin(ctx, "ReconfigVM_Task", func(user string) (types.AnyType, fault) {
		if m.powerState() != types.VirtualMachinePowerStatePoweredOff && !hot(&r.Spec) {
			return nil, m.invalid(types.VirtualMachinePowerStatePoweredOff)
		}
		config := copyOf(m.config())
		if wrong := configure(config, &r.Spec, false); wrong != nil {
			return nil, wrong
		}
		if process := m.running(); process != nil {
			if wrong := process.changeMedia(r.Spec.DeviceChange); wrong != nil {
				return nil, wrong
			}
		}
		m.publish(config)
		post(user, &types.VmReconfiguredEvent{VmEvent: m.event(), ConfigSpec: r.Spec})
		return nil, nil
	})
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{Returnval: task}}
}

func hot(spec *types.VirtualMachineConfigSpec) bool {
	for _, each := range spec.DeviceChange {
		change := each.GetVirtualDeviceConfigSpec()
		_, isDrive := change.Device.(*types.VirtualCdrom)
		if !isDrive || change.Operation != types.VirtualDeviceConfigSpecOperationEdit {
			return false
		}
	}
	return spec.MemoryMB == 0 && spec.NumCPUs == 0 && spec.Firmware == ""
}

// invalid is the fault that it is in another power state than is asked for.
func (m *Machine) invalid(wanted types.VirtualMachinePowerState) fault {
	return &types.InvalidPowerState{RequestedState: wanted, ExistingState: m.powerState()}
}

// RenameTask gives it another name in the inventory; its files keep theirs.
func (m *Machine) RenameTask(ctx *simulator.Context, r *types.Rename_Task) soap.HasFault {
	task := m.begin(ctx, "Rename_Task", func(string) (types.AnyType, fault) {
		config := copyOf(m.config())
		config.Name = r.NewName
		m.publish(config)
		return nil, nil
	})
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{Returnval: task}}
}

// UnregisterVM takes it out of the inventory; its files stay.
func (m *Machine) UnregisterVM(ctx *simulator.Context, r *types.UnregisterVM) soap.HasFault {
	if state := m.Runtime.PowerState; state == types.VirtualMachinePowerStatePoweredOn {
		wrong := &types.InvalidPowerState{RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: state}
		return &methods.UnregisterVMBody{Fault_: soapFaultOf(wrong)}
	}
	m.forget(userOf(ctx), m.taken)
	return &methods.UnregisterVMBody{Res: new(types.UnregisterVMResponse)}
}

// forget takes it out of the inventory.
func (m *Machine) forget(user string, taken []*Snapshot) {
	post(user, &types.VmRemovedEvent{VmEvent: m.event()})
	for _, each := range taken {
		simulator.Map.Remove(each.Self)
	}
	simulator.Map.RemoveReference(here.host, &here.host.Vm, m.Self)
	simulator.Map.RemoveReference(here.pool, &here.pool.Vm, m.Self)
	simulator.Map.RemoveReference(here.store, &here.store.Vm, m.Self)
	if parent, ok := simulator.Map.Get(*m.Parent).(*Folder); ok {
		simulator.Map.RemoveReference(parent, &parent.ChildEntity, m.Self)
	}
	simulator.Map.Remove(m.Self)
}

// DestroyTask deletes it with its disks and all else that it knows to be its own, and its folder if that is empty then.
func (m *Machine) DestroyTask(ctx *simulator.Context, r *types.Destroy_Task) soap.HasFault {
	task := m.begin(ctx, "Destroy_Task", func(user string) (types.AnyType, fault) {
		if m.powerState() == types.VirtualMachinePowerStatePoweredOn {
			return nil, m.invalid(types.VirtualMachinePowerStatePoweredOff)
		}
		for _, file := range m.ownFiles() {
			_ = os.Remove(file)
		}
		_ = os.Remove(folderOf(m.config())) // which the system refuses while there is anything in it
		m.forget(user, m.snapshots())
		return nil, nil
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: task}}
}
