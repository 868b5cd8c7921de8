package main

import (
	"log"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	task    atomic.Pointer[types.ManagedObjectReference]
	ending  sync.Mutex // held by whoever starts, stops or changes its process
	process atomic.Pointer[process]
	saved   string // the .vmss of its folder that it goes on from; empty if it is not suspended
	taken   []*Snapshot
	current *Snapshot // what it is based on
	last    int32     // snapshot's number
}

// Folder holds machines.
type Folder struct{ simulator.Folder }

// CreateFolder makes one inside.
func (f *Folder) CreateFolder(ctx *simulator.Context, r *types.CreateFolder) soap.HasFault {
	if found := simulator.Map.FindByName(r.Name, f.ChildEntity); found != nil {
		duplicate := &types.DuplicateName{Name: r.Name, Object: found.Reference()}
		return &methods.CreateFolderBody{Fault_: soapFaultOf(duplicate)}
	}
	made := &Folder{}
	made.Name, made.ChildType = r.Name, f.ChildType
	simulator.Map.NewEntity(made)
	f.ChildEntity = append(f.ChildEntity, made.Self)
	simulator.Map.PutEntity(f, made)
	return &methods.CreateFolderBody{Res: &types.CreateFolderResponse{Returnval: made.Self}}
}

// CreateVMTask makes a machine, powered off, with its folder and its disks.
func (f *Folder) CreateVMTask(ctx *simulator.Context, r *types.CreateVM_Task) soap.HasFault {
	user := userOf(ctx)
	task := begin(f, "CreateVM_Task", func() (types.AnyType, fault) {
		return f.create(user, &r.Config)
	})
	return &methods.CreateVM_TaskBody{Res: &types.CreateVM_TaskResponse{Returnval: task}}
}

func (f *Folder) create(user string, spec *types.VirtualMachineConfigSpec) (types.AnyType, fault) {
	if spec.Name == "" || spec.Files == nil || spec.Files.VmPathName == "" {
		return nil, &types.InvalidVmConfig{Property: "configSpec.files.vmPathName"}
	}
	vmx, wrong := place(spec.Name, spec.Files.VmPathName)
	if wrong == nil {
		wrong = f.free(spec.Name)
	}
	if wrong != nil {
		return nil, wrong
	}
	folder := path.Dir(vmx)
	isNew := !exists(folder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, fileFault(folder, err)
	}
	config := blank(vmx)
	if wrong := configure(config, spec, false); wrong != nil {
		if isNew {
			_ = os.RemoveAll(folder)
		}
		return nil, wrong
	}
	m := f.adopt(config)
	post(user, &types.VmBeingCreatedEvent{VmEvent: m.event()}, &types.VmCreatedEvent{VmEvent: m.event()})
	return m.Self, nil
}

// place is where a new machine's .vmx goes: a path may name it, or its folder, or only the datastore.
func place(name, wanted string) (string, fault) {
	vmx, wrong := here.store.file(wanted)
	switch {
	case wrong != nil:
		return "", wrong
	case vmx == here.store.folder:
		vmx = path.Join(vmx, name, name+".vmx")
	case path.Ext(vmx) != ".vmx":
		vmx = path.Join(vmx, name+".vmx")
	}
	if exists(vmx) {
		return "", fileFault(vmx, os.ErrExist)
	}
	return vmx, nil
}

// free is a fault if a name is taken.
func (f *Folder) free(name string) fault {
	if found := simulator.Map.FindByName(name, f.ChildEntity); found != nil {
		return &types.DuplicateName{Name: name, Object: found.Reference()}
	}
	return nil
}

// RegisterVMTask takes a machine in that has a .vmx.
func (f *Folder) RegisterVMTask(ctx *simulator.Context, r *types.RegisterVM_Task) soap.HasFault {
	user := userOf(ctx)
	task := begin(f, "RegisterVM_Task", func() (types.AnyType, fault) {
		return f.register(user, r)
	})
	return &methods.RegisterVM_TaskBody{Res: &types.RegisterVM_TaskResponse{Returnval: task}}
}

func (f *Folder) register(user string, r *types.RegisterVM_Task) (types.AnyType, fault) {
	vmx, wrong := here.store.file(r.Path)
	if wrong != nil {
		return nil, wrong
	}
	if r.Pool == nil {
		return nil, &types.InvalidArgument{InvalidProperty: "pool"}
	}
	for _, each := range simulator.Map.All("VirtualMachine") {
		if vmxOf(each.(*Machine).config()) == vmx {
			return nil, &types.AlreadyExists{Name: r.Path}
		}
	}
	text, wrong := readDictionary(vmx)
	if wrong != nil {
		return nil, wrong
	}
	saved := text.take("checkpoint.vmState")
	spec := readVmx(text, path.Dir(vmx))
	if r.Name != "" {
		spec.Name = r.Name
	}
	if wrong := f.free(spec.Name); wrong != nil {
		return nil, wrong
	}
	config := blank(vmx)
	if wrong := configure(config, &spec, true); wrong != nil {
		return nil, wrong
	}
	m := f.adopt(config)
	m.readSnapshots()
	if saved != "" {
		m.saved = path.Base(saved)
		m.show(types.VirtualMachinePowerStateSuspended, nil)
		m.publish(config)
	}
	post(user, &types.VmRegisteredEvent{VmEvent: m.event()})
	return m.Self, nil
}

// adopt puts a machine into the inventory.
func (f *Folder) adopt(config *types.VirtualMachineConfigInfo) *Machine {
	m := &Machine{}
	m.Self.Type = "VirtualMachine"
	m.Name, m.Config = config.Name, config
	m.ResourcePool = &here.pool.Self
	m.EnvironmentBrowser = *here.cluster.EnvironmentBrowser
	m.Runtime = types.VirtualMachineRuntimeInfo{
		Host: &here.host.Self, ConnectionState: types.VirtualMachineConnectionStateConnected,
		PowerState: types.VirtualMachinePowerStatePoweredOff, ConsolidationNeeded: types.NewBool(false),
	}
	m.Summary.Runtime = m.Runtime
	m.Summary.OverallStatus = types.ManagedEntityStatusGreen
	m.Summary.QuickStats.GuestHeartbeatStatus = types.ManagedEntityStatusGray
	simulator.Map.NewEntity(m)
	m.Summary.Vm = &m.Self
	simulator.Map.AppendReference(f, &f.ChildEntity, m.Self)
	m.publish(config)
	simulator.Map.PutEntity(f, m)
	simulator.Map.AppendReference(here.host, &here.host.Vm, m.Self)
	simulator.Map.AppendReference(here.pool, &here.pool.Vm, m.Self)
	simulator.Map.AppendReference(here.store, &here.store.Vm, m.Self)
	return m
}

// begin starts the machine's one task: while it has one, another fails.
func (m *Machine) begin(ctx *simulator.Context, method string, work func(user string) (types.AnyType, fault)) types.ManagedObjectReference {
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

func (m *Machine) config() (config *types.VirtualMachineConfigInfo) {
	simulator.Map.WithLock(m, func() { config = m.Config })
	return config
}

func (m *Machine) disks() []*types.VirtualDisk { return disksOf(m.config()) }

func (m *Machine) powerState() (state types.VirtualMachinePowerState) {
	simulator.Map.WithLock(m, func() { state = m.Runtime.PowerState })
	return state
}

// publish makes a configuration the machine's, for all to see, and writes it down.
func (m *Machine) publish(config *types.VirtualMachineConfigInfo) {
	summary := types.VirtualMachineConfigSummary{
		Name: config.Name, VmPathName: config.Files.VmPathName, MemorySizeMB: config.Hardware.MemoryMB,
		NumCpu: config.Hardware.NumCPU, Uuid: config.Uuid, InstanceUuid: config.InstanceUuid, GuestId: config.GuestId,
		GuestFullName: config.GuestFullName, Annotation: config.Annotation, NumVirtualDisks: int32(len(disksOf(config))),
	}
	var networks []types.ManagedObjectReference
	for _, each := range config.Hardware.Device {
		if card, ok := each.(types.BaseVirtualEthernetCard); ok {
			summary.NumEthernetCards++
			networks = append(networks, *card.GetVirtualEthernetCard().Backing.(*types.VirtualEthernetCardNetworkBackingInfo).Network)
		}
	}
	change(m,
		types.PropertyChange{Name: "name", Val: config.Name},
		types.PropertyChange{Name: "config", Val: config},
		types.PropertyChange{Name: "summary.config", Val: summary},
		types.PropertyChange{Name: "network", Val: networks},
		types.PropertyChange{Name: "datastore", Val: []types.ManagedObjectReference{here.store.Self}},
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
func (m *Machine) guest(config *types.VirtualMachineConfigInfo) types.GuestInfo {
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
	argument := func(name string) types.EntityEventArgument { return types.EntityEventArgument{Name: name} }
	return types.VmEvent{Event: types.Event{
		Datacenter:      &types.DatacenterEventArgument{Datacenter: here.datacenter.Self, EntityEventArgument: argument(here.datacenter.Name)},
		ComputeResource: &types.ComputeResourceEventArgument{ComputeResource: here.cluster.Self, EntityEventArgument: argument(here.cluster.Name)},
		Host:            &types.HostEventArgument{Host: here.host.Self, EntityEventArgument: argument(here.host.Name)},
		Vm:              &types.VmEventArgument{Vm: m.Self, EntityEventArgument: argument(m.Name)},
	}}
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

// RefreshStorageInfo renews what layoutEx tells.
func (m *Machine) RefreshStorageInfo(ctx *simulator.Context, r *types.RefreshStorageInfo) soap.HasFault {
	go m.layOut(m.config())
	return &methods.RefreshStorageInfoBody{Res: new(types.RefreshStorageInfoResponse)}
}

// ownFiles are those that layoutEx tells of, but parents of its disks that are elsewhere.
func (m *Machine) ownFiles() (files []string) {
	config := m.config()
	mine := map[string]bool{}
	for _, disk := range disksOf(config) {
		mine[path.Dir(fileOf(disk))] = true
	}
	for _, each := range m.layout(config).File {
		file, _ := here.store.file(each.Name)
		if path.Dir(file) == folderOf(config) || isTop(file, config) {
			files = append(files, file)
		}
	}
	return files
}

// isTop tells if a file is a disk that the machine writes to, or one of its extents.
func isTop(file string, config *types.VirtualMachineConfigInfo) bool {
	for _, disk := range disksOf(config) {
		if file == fileOf(disk) || isExtent(file, fileOf(disk)) {
			return true
		}
	}
	return false
}

// layout is which files the machine is made of.
func (m *Machine) layout(config *types.VirtualMachineConfigInfo) *types.VirtualMachineFileLayoutEx {
	l := &types.VirtualMachineFileLayoutEx{Timestamp: time.Now()}
	folder := folderOf(config)
	add := func(file string, kind types.VirtualMachineFileLayoutExFileType) int32 {
		about, err := os.Stat(file)
		if err != nil {
			return -1
		}
		key := int32(len(l.File))
		l.File = append(l.File, types.VirtualMachineFileLayoutExFileInfo{
			Key: key, Name: here.store.name(file), Type: string(kind), Size: about.Size(), UniqueSize: about.Size(),
		})
		return key
	}
	stem := strings.TrimSuffix(vmxOf(config), ".vmx")
	add(stem+".vmx", types.VirtualMachineFileLayoutExFileTypeConfig)
	add(path.Join(folder, config.Name+".nvram"), types.VirtualMachineFileLayoutExFileTypeNvram)
	add(stem+".vmsd", types.VirtualMachineFileLayoutExFileTypeSnapshotList)
	if m.saved != "" {
		add(path.Join(folder, m.saved), types.VirtualMachineFileLayoutExFileTypeSuspend)
		add(memoryOf(path.Join(folder, m.saved)), types.VirtualMachineFileLayoutExFileTypeSuspendMemory)
	}
	l.Disk = layoutOfDisks(config, add)
	for _, each := range m.snapshots() {
		part := types.VirtualMachineFileLayoutExSnapshotLayout{Key: each.Self, Disk: layoutOfDisks(&each.Config, add)}
		part.DataKey = add(each.file(), types.VirtualMachineFileLayoutExFileTypeSnapshotData)
		part.MemoryKey = add(memoryOf(each.file()), types.VirtualMachineFileLayoutExFileTypeSnapshotMemory)
		l.Snapshot = append(l.Snapshot, part)
	}
	return l
}

func layoutOfDisks(config *types.VirtualMachineConfigInfo, add func(string, types.VirtualMachineFileLayoutExFileType) int32) (all []types.VirtualMachineFileLayoutExDiskLayout) {
	for _, disk := range disksOf(config) {
		part := types.VirtualMachineFileLayoutExDiskLayout{Key: disk.Key}
		for _, file := range chain(fileOf(disk)) {
			unit := types.VirtualMachineFileLayoutExDiskUnit{
				FileKey: []int32{add(file, types.VirtualMachineFileLayoutExFileTypeDiskDescriptor)},
			}
			d, _ := readDescriptor(file)
			for _, each := range d.extents {
				unit.FileKey = append(unit.FileKey, add(each.file, types.VirtualMachineFileLayoutExFileTypeDiskExtent))
			}
			part.Chain = append([]types.VirtualMachineFileLayoutExDiskUnit{unit}, part.Chain...)
		}
		all = append(all, part)
	}
	return all
}

func (m *Machine) layOut(config *types.VirtualMachineConfigInfo) {
	change(m, types.PropertyChange{Name: "layoutEx", Val: m.layout(config)})
}

// memoryOf is the file of memory that belongs to a .vmss or .vmsn.
func memoryOf(file string) string { return strings.TrimSuffix(file, path.Ext(file)) + ".vmem" }
