package main

import (
	"os"
	"path"
	"strings"

	"github.com/google/uuid"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// VirtualDiskManager does with disks that no machine runs on.
type VirtualDiskManager struct{ mo.VirtualDiskManager }

// CreateVirtualDiskTask makes an empty one.
func (m *VirtualDiskManager) CreateVirtualDiskTask(r *types.CreateVirtualDisk_Task) soap.HasFault {
	task := begin(m, "CreateVirtualDisk_Task", func() (types.AnyType, fault) {
		file, wrong := located(r.Datacenter, r.Name)
		if wrong != nil {
			return nil, wrong
		}
		spec, known := r.Spec.(*types.FileBackedVirtualDiskSpec)
		if !known {
			return nil, &types.InvalidArgument{InvalidProperty: "spec"}
		}
		return r.Name, makeFlat(file, spec.CapacityKb*1024, spec.DiskType == "thin")
	})
	return &methods.CreateVirtualDisk_TaskBody{Res: &types.CreateVirtualDisk_TaskResponse{Returnval: task}}
}

// CopyVirtualDiskTask makes a flat one of another's contents.
func (m *VirtualDiskManager) CopyVirtualDiskTask(r *types.CopyVirtualDisk_Task) soap.HasFault {
	task := begin(m, "CopyVirtualDisk_Task", func() (types.AnyType, fault) {
		source, target, wrong := pair(r.SourceDatacenter, r.SourceName, r.DestDatacenter, r.DestName, r.Force)
		if wrong != nil {
			return nil, wrong
		}
		if _, err := os.Stat(target); err == nil {
			if wrong := removeDisk(target); wrong != nil {
				return nil, wrong
			}
		}
		thin := r.DestSpec != nil && r.DestSpec.GetVirtualDiskSpec().DiskType == "thin"
		return nil, flatten(source, target, thin)
	})
	return &methods.CopyVirtualDisk_TaskBody{Res: &types.CopyVirtualDisk_TaskResponse{Returnval: task}}
}

// MoveVirtualDiskTask gives a flat one another name.
func (m *VirtualDiskManager) MoveVirtualDiskTask(r *types.MoveVirtualDisk_Task) soap.HasFault {
	task := begin(m, "MoveVirtualDisk_Task", func() (types.AnyType, fault) {
		source, target, wrong := pair(r.SourceDatacenter, r.SourceName, r.DestDatacenter, r.DestName, r.Force)
		if wrong != nil {
			return nil, wrong
		}
		if wrong := flatten(source, target, true); wrong != nil {
			return nil, wrong
		}
		return nil, removeDisk(source)
	})
	return &methods.MoveVirtualDisk_TaskBody{Res: &types.MoveVirtualDisk_TaskResponse{Returnval: task}}
}

// DeleteVirtualDiskTask deletes one: its descriptor and its extent.
func (m *VirtualDiskManager) DeleteVirtualDiskTask(r *types.DeleteVirtualDisk_Task) soap.HasFault {
	task := begin(m, "DeleteVirtualDisk_Task", func() (types.AnyType, fault) {
		file, wrong := located(r.Datacenter, r.Name)
		if wrong == nil && lockedByMachine(file) {
			wrong = &types.FileLocked{FileFault: types.FileFault{File: r.Name}}
		}
		if wrong != nil {
			return nil, wrong
		}
		return nil, removeDisk(file)
	})
	return &methods.DeleteVirtualDisk_TaskBody{Res: &types.DeleteVirtualDisk_TaskResponse{Returnval: task}}
}

// ExtendVirtualDiskTask makes a flat one larger.
func (m *VirtualDiskManager) ExtendVirtualDiskTask(r *types.ExtendVirtualDisk_Task) soap.HasFault {
	task := begin(m, "ExtendVirtualDisk_Task", func() (types.AnyType, fault) {
		file, wrong := located(r.Datacenter, r.Name)
		if wrong != nil {
			return nil, wrong
		}
		return nil, extend(file, r.NewCapacityKb*1024)
	})
	return &methods.ExtendVirtualDisk_TaskBody{Res: &types.ExtendVirtualDisk_TaskResponse{Returnval: task}}
}

func extend(file string, size int64) fault {
	d, wrong := readDescriptor(file)
	if wrong != nil {
		return wrong
	}
	if size < d.bytes() || d.kind == "vmfsSparse" || len(d.extents) != 1 {
		return &types.InvalidArgument{InvalidProperty: "newCapacityKb"}
	}
	if wrong := here.store.room(size - d.bytes()); wrong != nil {
		return wrong
	}
	if err := os.Truncate(d.extents[0].file, size); err != nil {
		return fileFault(d.extents[0].file, err)
	}
	d.extents[0].sectors = size / sector
	return d.write(file)
}

// QueryVirtualDiskUuid tells the same of one whenever it is asked.
func (m *VirtualDiskManager) QueryVirtualDiskUuid(r *types.QueryVirtualDiskUuid) soap.HasFault {
	file, wrong := located(r.Datacenter, r.Name)
	if wrong == nil {
		_, wrong = readDescriptor(file)
	}
	if wrong != nil {
		return &methods.QueryVirtualDiskUuidBody{Fault_: soapFaultOf(wrong)}
	}
	answer := &types.QueryVirtualDiskUuidResponse{Returnval: diskUUID(file)}
	return &methods.QueryVirtualDiskUuidBody{Res: answer}
}

func diskUUID(file string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(file)).String()
}

func soapFaultOf(wrong fault) *soap.Fault { return simulator.Fault(message(wrong), wrong) }

// lockedByMachine tells if a machine that runs writes to a file, or to a disk of that name.
func lockedByMachine(file string) bool {
	for _, each := range simulator.Map.All("VirtualMachine") {
		m, ours := each.(*Machine)
		if !ours || m.running() == nil {
			continue
		}
		for _, disk := range m.disks() {
			top := fileOf(disk)
			if file == top || strings.HasPrefix(file, strings.TrimSuffix(top, ".vmdk")+"-") && isExtent(file, top) {
				return true
			}
		}
	}
	return false
}

// dataLocked tells if a machine that runs writes to a file; the text that describes its disk can be read meanwhile.
func dataLocked(file string) bool {
	_, data := readDescriptor(file)
	return data != nil && lockedByMachine(file)
}

func isExtent(file, disk string) bool {
	d, wrong := readDescriptor(disk)
	if wrong != nil {
		return false
	}
	for _, each := range d.extents {
		if path.Clean(each.file) == file {
			return true
		}
	}
	return false
}
