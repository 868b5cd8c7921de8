package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func guestID(name string) string {
	for _, id := range simulator.GuestID {
		if guestOS(string(id)) == strings.ToLower(name) {
			return string(id)
		}
	}
	return string(types.VirtualMachineGuestOsIdentifierOtherGuest)
}

func readUUID(text string) string {
	plain := strings.NewReplacer(" ", "", "-", "").Replace(text)
	if len(plain) != 32 {
		return ""
	}
	return strings.Join([]string{plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]}, "-")
}

type adding = func(types.BaseVirtualDevice)

// readVmx is what a .vmx in a folder of this computer asks for; what we do not know of it are options.
func readVmx(d *dictionary, folder string) types.VirtualMachineConfigSpec {
	d.take(".encoding")
	d.take("config.version")
	d.take("nvram")
	spec := types.VirtualMachineConfigSpec{
		Name:              d.take("displayName"),
		GuestId:           guestID(d.take("guestOS")),
		Annotation:        d.take("annotation"),
		Firmware:          d.take("firmware"),
		Uuid:              readUUID(d.take("uuid.bios")),
		InstanceUuid:      readUUID(d.take("vc.uuid")),
		Version:           "vmx-" + strconv.FormatInt(d.number("virtualHW.version", 13), 10),
		MemoryMB:          d.number("memSize", 32),
		NumCPUs:           int32(d.number("numvcpus", 1)),
		NumCoresPerSocket: int32(d.number("cpuid.coresPerSocket", 1)),
	}
	add := func(device types.BaseVirtualDevice) {
		change := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device}
		spec.DeviceChange = append(spec.DeviceChange, change)
	}
	at := map[string]int32{} // the keys of devices by their addresses
	for _, family := range families {
		for bus := int32(0); bus < 4; bus++ {
			readBus(d, family, bus, folder, add, at)
		}
	}
	for n := int32(0); n < 10; n++ {
		readCard(d, n, add)
	}
	for n := int32(0); n < 4; n++ {
		if name := fmt.Sprintf("serial%d", n); d.present(name) {
			port := &types.VirtualSerialPort{YieldOnPoll: true}
			port.Key, port.ControllerKey = 9000+n, 400
			backing := new(types.VirtualSerialPortFileBackingInfo)
			backing.FileName = here.store.name(here.store.told(folder, d.take(name+".fileName")))
			port.Backing = backing
			d.take(name + ".fileType")
			add(port)
		}
	}
	spec.BootOptions = readBootOrder(d, at)
	for _, key := range d.keys() {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: key, Value: d.values[strings.ToLower(key)]})
	}
	return spec
}

// readBus adds what is on a bus, and notes the keys of that by their addresses.
func readBus(d *dictionary, family family, bus int32, folder string, add adding, at map[string]int32) {
	controller := family.controllers + bus
	name := fmt.Sprintf("%s%d", family.name, bus)
	kind := d.take(name + ".virtualDev")
	if d.present(name) && family.name != "ide" {
		device := map[string]types.BaseVirtualDevice{
			"sata": new(types.VirtualAHCIController), "nvme": new(types.VirtualNVMEController),
		}[family.name]
		if family.name == "scsi" {
			make, known := scsiKinds[strings.ToLower(kind)]
			if !known {
				make = scsiKinds["lsilogic"]
			}
			device = make()
			device.(types.BaseVirtualSCSIController).GetVirtualSCSIController().SharedBus = types.VirtualSCSISharingNoSharing
		}
		base := device.(types.BaseVirtualController).GetVirtualController()
		base.Key, base.BusNumber = controller, bus
		add(device)
	}
	for unit := int32(0); unit < family.units; unit++ {
		name := fmt.Sprintf("%s%d:%d", family.name, bus, unit)
		if !d.present(name) {
			continue
		}
		key, number := family.devices+family.units*bus+unit, unit
		at[name] = key
		file, kind := d.take(name+".fileName"), d.take(name+".deviceType")
		base := types.VirtualDevice{Key: key, ControllerKey: controller, UnitNumber: &number}
		where := here.store.name(here.store.told(folder, file))
		if strings.Contains(kind, "cdrom") {
			add(readCdrom(base, kind, where, d.take(name+".startConnected")))
			continue
		}
		backing := &types.VirtualDiskFlatVer2BackingInfo{DiskMode: modes[d.take(name+".mode")]}
		backing.FileName = where
		base.Backing = backing
		add(&types.VirtualDisk{VirtualDevice: base})
	}
}

func readCdrom(base types.VirtualDevice, kind, file, connects string) types.BaseVirtualDevice {
	base.Connectable = startConnected(connects)
	if kind == "cdrom-image" {
		backing := new(types.VirtualCdromIsoBackingInfo)
		backing.FileName = file
		base.Backing = backing
	} else {
		base.Backing = new(types.VirtualCdromRemotePassthroughBackingInfo)
	}
	return &types.VirtualCdrom{VirtualDevice: base}
}

func startConnected(text string) *types.VirtualDeviceConnectInfo {
	return &types.VirtualDeviceConnectInfo{StartConnected: !strings.EqualFold(text, "FALSE"), AllowGuestControl: true}
}

func readCard(d *dictionary, n int32, add adding) {
	name := fmt.Sprintf("ethernet%d", n)
	if !d.present(name) {
		return
	}
	make, known := cardKinds[strings.ToLower(d.take(name+".virtualDev"))]
	if !known {
		make = cardKinds["e1000"]
	}
	device := make()
	card := device.GetVirtualEthernetCard()
	card.Key, card.ControllerKey = 4000+n, 100
	card.Backing = &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: d.take(name + ".networkName")},
	}
	card.Connectable = startConnected(d.take(name + ".startConnected"))
	static, generated := d.take(name+".address"), d.take(name+".generatedAddress")
	if d.take(name+".addressType") == "static" {
		card.AddressType, card.MacAddress = string(types.VirtualEthernetCardMacTypeManual), static
	} else {
		card.AddressType, card.MacAddress = string(types.VirtualEthernetCardMacTypeGenerated), generated
	}
	d.take(name + ".generatedAddressOffset")
	add(device.(types.BaseVirtualDevice))
}

func readBootOrder(d *dictionary, at map[string]int32) *types.VirtualMachineBootOptions {
	options := new(types.VirtualMachineBootOptions)
	disks := strings.Split(d.take("bios.hddOrder"), ",")
	for _, kind := range strings.Split(d.take("bios.bootOrder"), ",") {
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "hdd":
			for _, each := range disks {
				if key, known := at[strings.TrimSpace(each)]; known {
					disk := &types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key}
					options.BootOrder = append(options.BootOrder, disk)
				}
			}
		case "cdrom":
			options.BootOrder = append(options.BootOrder, new(types.VirtualMachineBootOptionsBootableCdromDevice))
		}
	}
	return options
}
