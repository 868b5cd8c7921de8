package main

import (
	"fmt"
	"os"
	"path"

	"github.com/google/uuid"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CloneVMTask makes another machine that is like this one, or like one of its snapshots.
func (m *Machine) CloneVMTask(ctx *simulator.Context, r *types.CloneVM_Task) soap.HasFault {
	task := m.begin(ctx, "CloneVM_Task", func(user string) (types.AnyType, fault) {
		folder, known := simulator.Map.Get(r.Folder).(*Folder)
		if !known {
			return nil, &types.InvalidArgument{InvalidProperty: "folder"}
		}
		original, wrong := m.original(&r.Spec)
		if wrong != nil {
			return nil, wrong
		}
		vmx, wrong := place(r.Name, "["+storeName+"]")
		if wrong == nil {
			wrong = folder.free(r.Name)
		}
		if wrong != nil {
			return nil, wrong
		}
		if err := os.MkdirAll(path.Dir(vmx), 0o755); err != nil {
			return nil, fileFault(vmx, err)
		}
		config, wrong := cloned(original, r, vmx)
		if wrong != nil {
			_ = os.RemoveAll(path.Dir(vmx))
			return nil, wrong
		}
		made := folder.adopt(config)
		post(user, &types.VmClonedEvent{VmCloneEvent: types.VmCloneEvent{VmEvent: made.event()}, SourceVm: *m.event().Vm})
		return made.Self, nil
	})
	return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{Returnval: task}}
}

// original is the configuration that is cloned: a snapshot's, or, not for a linked clone, that of a machine that is off.
func (m *Machine) original(spec *types.VirtualMachineCloneSpec) (*Config, fault) {
	if spec.PowerOn || spec.Template {
		return nil, &types.NotSupported{}
	}
	if spec.Snapshot != nil {
		s, known := simulator.Map.Get(*spec.Snapshot).(*Snapshot)
		if !known || s.machine != m {
			return nil, &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
		}
		return &s.Config, nil
	}
	if linked(spec) {
		return nil, &types.InvalidArgument{InvalidProperty: "spec.snapshot"}
	}
	if m.running() != nil {
		return nil, m.invalid(off)
	}
	return m.config(), nil
}

func linked(spec *types.VirtualMachineCloneSpec) bool {
	switch types.VirtualMachineRelocateDiskMoveOptions(spec.Location.DiskMoveType) {
	case types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking,
		types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking:
		return true
	}
	return false
}

// cloned is a configuration like another one, with disks, identity and, unless they were given, MACs of its own.
func cloned(original *Config, r *types.CloneVM_Task, vmx string) (*Config, fault) {
	config := copyOf(original)
	fresh := blank(vmx)
	config.Name, config.Files, config.Uuid, config.InstanceUuid = r.Name, fresh.Files, uuid.NewString(), uuid.NewString()
	for n, disk := range disksOf(config) {
		name := r.Name + ".vmdk"
		if n > 0 {
			name = fmt.Sprintf("%s_%d.vmdk", r.Name, n)
		}
		file := path.Join(path.Dir(vmx), name)
		if wrong := cloneDisk(fileOf(disk), file, r.Spec.Location.DiskMoveType); wrong != nil {
			return nil, wrong
		}
		describe(disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo), file)
	}
	for _, each := range config.Hardware.Device {
		if card, ok := each.(types.BaseVirtualEthernetCard); ok {
			full := card.GetVirtualEthernetCard()
			if full.AddressType != string(types.VirtualEthernetCardMacTypeManual) {
				full.MacAddress = newMAC()
			}
		}
	}
	if r.Spec.Config != nil {
		return config, configure(config, r.Spec.Config, false)
	}
	return config, nil
}

// cloneDisk makes a disk like another: a new child, a copy of the last link of its chain, or a copy of all.
func cloneDisk(source, target, how string) fault {
	d, wrong := readDescriptor(source)
	if wrong != nil {
		return wrong
	}
	switch types.VirtualMachineRelocateDiskMoveOptions(how) {
	case types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking:
		return makeChild(target, source)
	case types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking:
		if parent := d.above(source); parent != "" {
			if wrong := makeChild(target, parent); wrong != nil {
				return wrong
			}
			return copyFile(d.extents[0].file, beside(target, "delta"))
		}
	}
	return flatten(source, target, true)
}
