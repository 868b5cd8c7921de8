package main

import (
	"fmt"
	"os"
	"path"

	"github.com/vmware/govmomi/vim25/types"
)

// checkDisk finds a new disk's files, or makes them.
func checkDisk(config *Config, change *types.VirtualDeviceConfigSpec, index int, registering bool) fault {
	disk, operation := change.Device.(*types.VirtualDisk), change.FileOperation
	backing, known := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !known {
		return &types.DeviceUnsupportedForVmPlatform{InvalidDeviceSpec: types.InvalidDeviceSpec{DeviceIndex: int32(index)}}
	}
	file, wrong := diskFile(config, backing.FileName)
	if wrong != nil {
		return wrong
	}
	if operation == types.VirtualDeviceConfigSpecFileOperationReplace {
		_ = removeDisk(file)
	}
	if operation != "" && operation != types.VirtualDeviceConfigSpecFileOperationDestroy {
		if wrong := makeDisk(file, disk, backing); wrong != nil {
			return wrong
		}
	}
	backing.FileName = here.store.name(file)
	if backing.DiskMode == "" {
		backing.DiskMode = string(types.VirtualDiskModePersistent)
	}
	d, wrong := readDescriptor(file)
	if wrong != nil && !registering {
		return wrong
	}
	disk.CapacityInBytes, disk.CapacityInKB = d.bytes(), d.bytes()/1024
	describe(backing, file)
	return nil
}

// describe fills in what the API tells of a disk's file, and of its parents'.
func describe(backing *types.VirtualDiskFlatVer2BackingInfo, file string) {
	files := chain(file)
	backing.FileName, backing.Datastore, backing.Uuid = here.store.name(file), &here.store.Self, diskUUID(file)
	backing.Parent = nil
	if len(files) > 1 {
		parent := &types.VirtualDiskFlatVer2BackingInfo{DiskMode: backing.DiskMode}
		describe(parent, files[1])
		backing.Parent = parent
	}
}

// diskFile is where a disk is, or will be: a name that only says the datastore leaves the rest to us.
func diskFile(config *Config, name string) (string, fault) {
	if name == "" {
		name = "[" + storeName + "]"
	}
	file, wrong := here.store.file(name)
	if wrong != nil || path.Ext(file) == ".vmdk" {
		return file, wrong
	}
	if file != here.store.folder {
		return "", &types.InvalidArgument{InvalidProperty: "backing.fileName"}
	}
	file = path.Join(folderOf(config), config.Name+".vmdk")
	for n := 1; exists(file); n++ {
		file = path.Join(folderOf(config), fmt.Sprintf("%s_%d.vmdk", config.Name, n))
	}
	return file, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func makeDisk(file string, disk *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo) fault {
	if backing.Parent != nil {
		parent, wrong := here.store.file(backing.Parent.FileName)
		if wrong != nil {
			return wrong
		}
		return makeChild(file, parent)
	}
	size := disk.CapacityInBytes
	if size == 0 {
		size = disk.CapacityInKB * 1024
	}
	if size <= 0 || size%sector != 0 {
		return &types.InvalidArgument{InvalidProperty: "device.capacityInKB"}
	}
	return makeFlat(file, size, backing.ThinProvisioned != nil && *backing.ThinProvisioned)
}

// fileOf is a disk's, on this computer.
func fileOf(disk *types.VirtualDisk) string {
	file, _ := here.store.file(disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName)
	return file
}

func disksOf(config *Config) (disks []*types.VirtualDisk) {
	for _, each := range config.Hardware.Device {
		if disk, ok := each.(*types.VirtualDisk); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}
