package main

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
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

// written is the .vmx of a configuration, in a folder of this computer.
func written(config *types.VirtualMachineConfigInfo, folder string) *dictionary {
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

func guestID(name string) string {
	for _, id := range simulator.GuestID {
		if guestOS(string(id)) == strings.ToLower(name) {
			return string(id)
		}
	}
	return string(types.VirtualMachineGuestOsIdentifierOtherGuest)
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

func readUUID(text string) string {
	plain := strings.NewReplacer(" ", "", "-", "").Replace(text)
	if len(plain) != 32 {
		return ""
	}
	return strings.Join([]string{plain[:8], plain[8:12], plain[12:16], plain[16:20], plain[20:]}, "-")
}

func writeBootOrder(d *dictionary, config *types.VirtualMachineConfigInfo) {
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
func address(config *types.VirtualMachineConfigInfo, key int32) string {
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

func readBus(d *dictionary, family family, bus int32, folder string, add func(types.BaseVirtualDevice), at map[string]int32) {
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
	base.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: !strings.EqualFold(connects, "FALSE")}
	if kind == "cdrom-image" {
		backing := new(types.VirtualCdromIsoBackingInfo)
		backing.FileName = file
		base.Backing = backing
	} else {
		base.Backing = new(types.VirtualCdromRemotePassthroughBackingInfo)
	}
	return &types.VirtualCdrom{VirtualDevice: base}
}

func readCard(d *dictionary, n int32, add func(types.BaseVirtualDevice)) {
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
	card.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: !strings.EqualFold(d.take(name+".startConnected"), "FALSE")}
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

// vmxOf is the .vmx file of a machine whose configuration says where it is.
func vmxOf(config *types.VirtualMachineConfigInfo) string {
	file, _ := here.store.file(config.Files.VmPathName)
	return file
}

func folderOf(config *types.VirtualMachineConfigInfo) string { return path.Dir(vmxOf(config)) }
