package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// written is the .vmx of a configuration, in a folder of this computer.
func written(config *Config, folder string) *dictionary {
	d := newDictionary()
	for _, each := range config.ExtraConfig {
		option := each.GetOptionValue()
		d.set(option.Key, fmt.Sprint(option.Value))
	}
	d.set("config.version", "8")
	d.set("virtualHW.version", strings.TrimPrefix(config.Version, "vmx-"))
	d.set("displayName", config.Name)
	d.set("guestOS", guestOS(config.GuestId))
	d.set("annotation", config.Annotation)
	d.set("firmware", config.Firmware)
	d.set("uuid.bios", vmxUUID(config.Uuid))
	d.set("vc.uuid", vmxUUID(config.InstanceUuid))
	d.set("memSize", fmt.Sprint(config.Hardware.MemoryMB))
	d.set("numvcpus", fmt.Sprint(config.Hardware.NumCPU))
	d.set("cpuid.coresPerSocket", fmt.Sprint(config.Hardware.NumCoresPerSocket))
	d.set("nvram", config.Name+".nvram")
	writeBootOrder(d, config)
	for _, device := range config.Hardware.Device {
		writeDevice(d, device, folder)
	}
	return d
}

func guestOS(id string) string {
	name := strings.TrimSuffix(id, "Guest")
	return strings.ToLower(strings.Replace(name, "64", "-64", 1))
}

// vmxUUID is one as a .vmx writes it: 56 4d … 00-11 … ff.
func vmxUUID(id string) string {
	plain := strings.ReplaceAll(id, "-", "")
	if len(plain) != 32 {
		return ""
	}
	pairs := make([]string, 16)
	for i := range pairs {
		pairs[i] = plain[2*i : 2*i+2]
	}
	return strings.Join(pairs[:8], " ") + "-" + strings.Join(pairs[8:], " ")
}

func writeBootOrder(d *dictionary, config *Config) {
	var kinds, disks []string
	for _, each := range config.BootOptions.BootOrder {
		switch device := each.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			disks = append(disks, address(config, device.DeviceKey))
			if len(disks) == 1 {
				kinds = append(kinds, "hdd")
			}
		case *types.VirtualMachineBootOptionsBootableCdromDevice:
			kinds = append(kinds, "cdrom")
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			kinds = append(kinds, "ethernet0")
		}
	}
	d.set("bios.bootOrder", strings.Join(kinds, ","))
	d.set("bios.hddOrder", strings.Join(disks, ","))
}

// address is what a .vmx calls a device on a bus.
func address(config *Config, key int32) string {
	for _, each := range config.Hardware.Device {
		device := each.GetVirtualDevice()
		if family, bus, known := familyOf(device.ControllerKey); known && device.Key == key && device.UnitNumber != nil {
			return fmt.Sprintf("%s%d:%d", family.name, bus, *device.UnitNumber)
		}
	}
	return ""
}

func writeDevice(d *dictionary, each types.BaseVirtualDevice, folder string) {
	device := each.GetVirtualDevice()
	family, bus, known := familyOf(device.ControllerKey)
	at := ""
	if known && device.UnitNumber != nil {
		at = fmt.Sprintf("%s%d:%d", family.name, bus, *device.UnitNumber)
	}
	set := func(prefix string, pairs ...string) {
		d.set(prefix+".present", "TRUE")
		for i := 0; i < len(pairs); i += 2 {
			d.set(prefix+"."+pairs[i], pairs[i+1])
		}
	}
	file := ""
	if backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		if found, wrong := here.store.file(backing.GetVirtualDeviceFileBackingInfo().FileName); wrong == nil {
			file = here.store.absolute(folder, found)
		}
	}
	switch full := each.(type) {
	case types.BaseVirtualSCSIController:
		set(fmt.Sprintf("scsi%d", full.GetVirtualSCSIController().BusNumber), "virtualDev", kindOf(scsiKinds, each))
	case *types.VirtualAHCIController:
		set(fmt.Sprintf("sata%d", full.BusNumber))
	case *types.VirtualNVMEController:
		set(fmt.Sprintf("nvme%d", full.BusNumber))
	case *types.VirtualDisk:
		mode := full.Backing.(*types.VirtualDiskFlatVer2BackingInfo).DiskMode
		set(at, "deviceType", map[bool]string{true: "scsi-hardDisk", false: "disk"}[family.name == "scsi"],
			"fileName", file, "mode", writtenMode(mode))
	case *types.VirtualCdrom:
		kind := "cdrom-image"
		if file == "" {
			kind = "atapi-cdrom"
		}
		set(at, "deviceType", kind, "fileName", file, "startConnected", vmxBool(connected(full.Connectable)))
	case types.BaseVirtualEthernetCard:
		card := full.GetVirtualEthernetCard()
		name, kind, key := "", "static", "address"
		if backing, ok := card.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok {
			name = backing.DeviceName
		}
		if card.AddressType != string(types.VirtualEthernetCardMacTypeManual) {
			kind, key = "generated", "generatedAddress"
		}
		set(fmt.Sprintf("ethernet%d", card.Key-4000), "virtualDev", kindOf(cardKinds, full), "networkName", name,
			"addressType", kind, key, card.MacAddress, "startConnected", vmxBool(connected(card.Connectable)))
	case *types.VirtualSerialPort:
		set(fmt.Sprintf("serial%d", full.Key-9000), "fileType", "file", "fileName", file)
	}
}

func writtenMode(mode string) string {
	for name, each := range modes {
		if each == mode {
			return name
		}
	}
	return ""
}

func vmxBool(value bool) string { return strings.ToUpper(strconv.FormatBool(value)) }

func connected(info *types.VirtualDeviceConnectInfo) bool { return info == nil || info.StartConnected }
