package main

import (
	"fmt"
	"path"

	"github.com/vmware/govmomi/vim25/types"
)

// A family of devices has keys of its own in a .vmx, and numbers of its own in the API.
type family struct {
	name        string // scsi0:1 is unit 1 of bus 0 of family scsi
	controllers int32  // the key of the first
	devices     int32  // the key of the first
	units       int32  // how many a bus has
}

var families = []family{
	{"ide", 200, 3000, 2},
	{"scsi", 1000, 2000, 16},
	{"sata", 15000, 16000, 30},
	{"nvme", 31000, 32000, 15},
}

// familyOf is the family of a controller's key, and which of its buses that is.
func familyOf(controller int32) (family, int32, bool) {
	for _, each := range families {
		if bus := controller - each.controllers; bus >= 0 && bus < 4 {
			return each, bus, true
		}
	}
	return family{}, 0, false
}

// What kinds of a device are called in a .vmx.
var (
	scsiKinds = map[string]func() types.BaseVirtualDevice{
		"pvscsi":     func() types.BaseVirtualDevice { return new(types.ParaVirtualSCSIController) },
		"lsilogic":   func() types.BaseVirtualDevice { return new(types.VirtualLsiLogicController) },
		"lsisas1068": func() types.BaseVirtualDevice { return new(types.VirtualLsiLogicSASController) },
	}
	cardKinds = map[string]func() types.BaseVirtualEthernetCard{
		"vmxnet3": func() types.BaseVirtualEthernetCard { return new(types.VirtualVmxnet3) },
		"e1000":   func() types.BaseVirtualEthernetCard { return new(types.VirtualE1000) },
		"e1000e":  func() types.BaseVirtualEthernetCard { return new(types.VirtualE1000e) },
	}
	modes = map[string]string{
		"independent-persistent": "independent_persistent", "independent-nonpersistent": "independent_nonpersistent",
	}
)

// kindOf is what a device is called in one of these tables.
func kindOf[Device any](kinds map[string]func() Device, device interface{}) string {
	for name, make := range kinds {
		if fmt.Sprintf("%T", make()) == fmt.Sprintf("%T", device) {
			return name
		}
	}
	return ""
}

// vmxOf is the .vmx file of a machine whose configuration says where it is.
func vmxOf(config *Config) string {
	file, _ := here.store.file(config.Files.VmPathName)
	return file
}

func folderOf(config *Config) string { return path.Dir(vmxOf(config)) }
