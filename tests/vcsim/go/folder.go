package main

import (
	"os"
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

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
func (f *Folder) adopt(config *Config) *Machine {
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
