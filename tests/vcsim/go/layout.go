package main

import (
	"os"
	"path"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

type fileType = types.VirtualMachineFileLayoutExFileType

// RefreshStorageInfo renews what layoutEx tells.
func (m *Machine) RefreshStorageInfo(ctx *simulator.Context, r *types.RefreshStorageInfo) soap.HasFault {
	go m.layOut(m.config())
	return &methods.RefreshStorageInfoBody{Res: new(types.RefreshStorageInfoResponse)}
}

// ownFiles are those that layoutEx tells of, but parents of its disks that are elsewhere.
func (m *Machine) ownFiles() (files []string) {
	config := m.config()
	for _, each := range m.layout(config).File {
		file, _ := here.store.file(each.Name)
		if path.Dir(file) == folderOf(config) || isTop(file, config) {
			files = append(files, file)
		}
	}
	return files
}

// isTop tells if a file is a disk that the machine writes to, or one of its extents.
func isTop(file string, config *Config) bool {
	for _, disk := range disksOf(config) {
		if file == fileOf(disk) || isExtent(file, fileOf(disk)) {
			return true
		}
	}
	return false
}

// layout is which files the machine is made of.
func (m *Machine) layout(config *Config) *types.VirtualMachineFileLayoutEx {
	l := &types.VirtualMachineFileLayoutEx{Timestamp: time.Now()}
	folder := folderOf(config)
	add := func(file string, kind fileType) int32 {
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

// layoutOfDisks is which files a configuration's disks are made of; `add` gives each a number.
func layoutOfDisks(config *Config, add func(string, fileType) int32) (all []types.VirtualMachineFileLayoutExDiskLayout) {
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

func (m *Machine) layOut(config *Config) {
	change(m, types.PropertyChange{Name: "layoutEx", Val: m.layout(config)})
}

// memoryOf is the file of memory that belongs to a .vmss or .vmsn.
func memoryOf(file string) string { return strings.TrimSuffix(file, path.Ext(file)) + ".vmem" }
