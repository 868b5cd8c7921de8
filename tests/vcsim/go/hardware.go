package main

import (
	"fmt"
	"math/rand"
	"os"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// blank is a new machine's configuration: what every one has.
func blank(vmx string) *types.VirtualMachineConfigInfo {
	resources := types.DefaultResourceConfigSpec()
	folder := here.store.name(path.Dir(vmx))
	config := &types.VirtualMachineConfigInfo{
		Version: "vmx-13", Uuid: uuid.NewString(), InstanceUuid: uuid.NewString(), Firmware: "bios",
		GuestId: string(types.VirtualMachineGuestOsIdentifierOtherGuest), ChangeVersion: "1",
		Files: types.VirtualMachineFileInfo{
			VmPathName: here.store.name(vmx), SnapshotDirectory: folder, SuspendDirectory: folder, LogDirectory: folder,
		},
		Tools: new(types.ToolsConfigInfo), BootOptions: new(types.VirtualMachineBootOptions),
		MemoryAllocation: &resources.MemoryAllocation, CpuAllocation: &resources.CpuAllocation,
	}
	config.Hardware.NumCPU, config.Hardware.NumCoresPerSocket, config.Hardware.MemoryMB = 1, 1, 32
	config.Hardware.Device = esx.VirtualDevice
	return copyOf(config)
}

// copyOf shares nothing with what it is of.
func copyOf(config *types.VirtualMachineConfigInfo) *types.VirtualMachineConfigInfo {
	var data strings.Builder
	if err := xml.NewEncoder(&data).Encode(config); err != nil {
		panic(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(data.String()))
	decoder.TypeFunc = types.TypeFunc()
	made := new(types.VirtualMachineConfigInfo)
	if err := decoder.Decode(made); err != nil {
		panic(err)
	}
	return made
}

// configure changes a configuration as a spec asks, and makes the files that it wants. A machine that is registered may
// lack files: it cannot be powered on then.
func configure(config *types.VirtualMachineConfigInfo, spec *types.VirtualMachineConfigSpec, registering bool) fault {
	if spec.MemoryMB%4 != 0 {
		return &types.InvalidArgument{InvalidProperty: "configSpec.memoryMB"}
	}
	if spec.GuestId != "" && guestID(guestOS(spec.GuestId)) != spec.GuestId {
		return &types.InvalidArgument{InvalidProperty: "configSpec.guestId"}
	}
	setTexts(config, spec)
	if spec.MemoryMB != 0 {
		config.Hardware.MemoryMB = int32(spec.MemoryMB)
	}
	if spec.NumCPUs != 0 {
		config.Hardware.NumCPU = spec.NumCPUs
	}
	if spec.NumCoresPerSocket != 0 {
		config.Hardware.NumCoresPerSocket = spec.NumCoresPerSocket
	}
	if spec.MemoryAllocation != nil && spec.MemoryAllocation.Reservation != nil {
		config.MemoryAllocation.Reservation = spec.MemoryAllocation.Reservation
	}
	if spec.BootOptions != nil {
		config.BootOptions = spec.BootOptions
	}
	setOptions(config, spec.ExtraConfig)
	config.Modified = time.Now()
	return setDevices(config, spec.DeviceChange, registering)
}

func setTexts(config *types.VirtualMachineConfigInfo, spec *types.VirtualMachineConfigSpec) {
	for _, each := range []struct {
		from string
		to   *string
	}{
		{spec.Name, &config.Name}, {spec.GuestId, &config.GuestId}, {spec.GuestId, &config.GuestFullName},
		{spec.Annotation, &config.Annotation}, {spec.Firmware, &config.Firmware}, {spec.Uuid, &config.Uuid},
		{spec.InstanceUuid, &config.InstanceUuid}, {spec.Version, &config.Version},
	} {
		if each.from != "" {
			*each.to = each.from
		}
	}
}

// setOptions sets keys of the .vmx: one that is set again is replaced, an empty text takes it away.
func setOptions(config *types.VirtualMachineConfigInfo, options []types.BaseOptionValue) {
	for _, each := range options {
		wanted := each.GetOptionValue()
		kept := config.ExtraConfig[:0:0]
		for _, old := range config.ExtraConfig {
			if !strings.EqualFold(old.GetOptionValue().Key, wanted.Key) {
				kept = append(kept, old)
			}
		}
		if fmt.Sprint(wanted.Value) != "" {
			kept = append(kept, &types.OptionValue{Key: wanted.Key, Value: fmt.Sprint(wanted.Value)})
		}
		config.ExtraConfig = kept
	}
}

// option is the text of a key of the .vmx.
func option(config *types.VirtualMachineConfigInfo, key string) string {
	for _, each := range config.ExtraConfig {
		if strings.EqualFold(each.GetOptionValue().Key, key) {
			return fmt.Sprint(each.GetOptionValue().Value)
		}
	}
	return ""
}

func setDevices(config *types.VirtualMachineConfigInfo, changes []types.BaseVirtualDeviceConfigSpec, registering bool) fault {
	keys := map[int32]int32{} // of controllers: what the spec calls them, and what they are called from now on
	for i, each := range changes {
		change := each.GetVirtualDeviceConfigSpec()
		device := change.Device.GetVirtualDevice()
		if key, renamed := keys[device.ControllerKey]; renamed {
			device.ControllerKey = key
		}
		var wrong fault
		switch old := find(config, device.Key); {
		case change.Operation == types.VirtualDeviceConfigSpecOperationAdd:
			wanted := device.Key
			wrong = addDevice(config, change, i, registering)
			keys[wanted] = device.Key
		case old < 0:
			wrong = &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
		case change.Operation == types.VirtualDeviceConfigSpecOperationRemove:
			wrong = dropDevice(config, old, change.FileOperation)
		default:
			wrong = editDevice(config, old, change.Device, i)
		}
		if wrong != nil {
			return wrong
		}
	}
	return nil
}

// find is the place of a device in the list; negative if it is not there.
func find(config *types.VirtualMachineConfigInfo, key int32) int {
	for i, each := range config.Hardware.Device {
		if each.GetVirtualDevice().Key == key {
			return i
		}
	}
	return -1
}

func addDevice(config *types.VirtualMachineConfigInfo, change *types.VirtualDeviceConfigSpec, index int, registering bool) fault {
	device := change.Device.GetVirtualDevice()
	invalid := &types.InvalidDeviceSpec{DeviceIndex: int32(index)}
	if !number(config, change.Device) {
		return invalid
	}
	if wrong := checkBacking(config, change, index, registering); wrong != nil {
		return wrong
	}
	if device.Connectable == nil {
		switch change.Device.(type) {
		case types.BaseVirtualEthernetCard, *types.VirtualCdrom:
			device.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true}
		}
	}
	if device.DeviceInfo == nil {
		device.DeviceInfo = &types.Description{Label: label(change.Device), Summary: label(change.Device)}
	}
	config.Hardware.Device = append(config.Hardware.Device, change.Device)
	return nil
}

func label(device types.BaseVirtualDevice) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", device), "*types.Virtual") + fmt.Sprintf(" %d", device.GetVirtualDevice().Key)
}

// number gives a device a key, and a unit of its controller where the spec leaves that to us; false if it cannot be.
func number(config *types.VirtualMachineConfigInfo, each types.BaseVirtualDevice) bool {
	device := each.GetVirtualDevice()
	switch full := each.(type) {
	case types.BaseVirtualSCSIController:
		return numberController(config, full.GetVirtualSCSIController().BusNumber, device, families[1])
	case *types.VirtualAHCIController:
		return numberController(config, full.BusNumber, device, families[2])
	case *types.VirtualNVMEController:
		return numberController(config, full.BusNumber, device, families[3])
	case *types.VirtualDisk, *types.VirtualCdrom:
		return numberUnit(config, device)
	case types.BaseVirtualEthernetCard:
		device.Key, device.ControllerKey = unused(config, 4000), 100
	case *types.VirtualSerialPort:
		device.Key, device.ControllerKey = unused(config, 9000), 400
	default:
		device.Key = unused(config, 13000)
	}
	return true
}

func numberController(config *types.VirtualMachineConfigInfo, bus int32, device *types.VirtualDevice, family family) bool {
	device.Key, device.ControllerKey = family.controllers+bus, 100
	return bus >= 0 && bus < 4 && find(config, device.Key) < 0
}

func numberUnit(config *types.VirtualMachineConfigInfo, device *types.VirtualDevice) bool {
	family, bus, known := familyOf(device.ControllerKey)
	if !known || find(config, device.ControllerKey) < 0 {
		return false
	}
	first := family.devices + family.units*bus
	for unit := int32(0); unit < family.units; unit++ {
		key, reserved := first+unit, family.name == "scsi" && unit == 7
		wanted := device.UnitNumber == nil || *device.UnitNumber == unit
		if wanted && !reserved && find(config, key) < 0 {
			number := unit
			device.Key, device.UnitNumber = key, &number
			return true
		}
	}
	return false
}

func unused(config *types.VirtualMachineConfigInfo, key int32) int32 {
	for find(config, key) >= 0 {
		key++
	}
	return key
}

// checkBacking looks at what a new device needs of its surroundings, and makes a new disk's files.
func checkBacking(config *types.VirtualMachineConfigInfo, change *types.VirtualDeviceConfigSpec, index int, registering bool) fault {
	switch device := change.Device.(type) {
	case *types.VirtualDisk:
		return checkDisk(config, device, change.FileOperation, index, registering)
	case types.BaseVirtualEthernetCard:
		card := device.GetVirtualEthernetCard()
		backing, ok := card.Backing.(*types.VirtualEthernetCardNetworkBackingInfo)
		if !ok || here.findNetwork(backing.DeviceName) == nil {
			spec := types.InvalidDeviceSpec{DeviceIndex: int32(index)}
			spec.Property = "virtualDeviceSpec.device.backing"
			return &types.InvalidDeviceBacking{InvalidDeviceSpec: spec}
		}
		backing.Network = here.findNetwork(backing.DeviceName)
		if card.MacAddress == "" {
			card.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
			card.MacAddress = newMAC()
		} else if card.AddressType == "" {
			card.AddressType = string(types.VirtualEthernetCardMacTypeManual)
		}
	case *types.VirtualSerialPort, *types.VirtualCdrom:
		if backing, ok := change.Device.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			_, wrong := here.store.file(backing.GetVirtualDeviceFileBackingInfo().FileName)
			return wrong
		}
	}
	return nil
}

func newMAC() string {
	return fmt.Sprintf("00:0c:29:%02x:%02x:%02x", rand.Intn(256), rand.Intn(256), rand.Intn(256))
}

func checkDisk(config *types.VirtualMachineConfigInfo, disk *types.VirtualDisk, operation types.VirtualDeviceConfigSpecFileOperation, index int, registering bool) fault {
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
func diskFile(config *types.VirtualMachineConfigInfo, name string) (string, fault) {
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

func dropDevice(config *types.VirtualMachineConfigInfo, at int, operation types.VirtualDeviceConfigSpecFileOperation) fault {
	disk, isDisk := config.Hardware.Device[at].(*types.VirtualDisk)
	config.Hardware.Device = append(config.Hardware.Device[:at:at], config.Hardware.Device[at+1:]...)
	if isDisk && operation == types.VirtualDeviceConfigSpecFileOperationDestroy {
		return removeDisk(fileOf(disk))
	}
	return nil
}

// editDevice puts another backing or another connection in a device's place; of a disk, another size, too.
func editDevice(config *types.VirtualMachineConfigInfo, at int, wanted types.BaseVirtualDevice, index int) fault {
	old, new := config.Hardware.Device[at].GetVirtualDevice(), wanted.GetVirtualDevice()
	if new.Backing == nil {
		new.Backing = old.Backing
	}
	if new.UnitNumber == nil {
		new.UnitNumber = old.UnitNumber
	}
	if new.ControllerKey == 0 {
		new.ControllerKey = old.ControllerKey
	}
	if new.DeviceInfo == nil {
		new.DeviceInfo = old.DeviceInfo
	}
	if new.Connectable == nil {
		new.Connectable = old.Connectable
	}
	change := &types.VirtualDeviceConfigSpec{Device: wanted}
	if disk, ok := wanted.(*types.VirtualDisk); ok {
		if size := disk.CapacityInKB * 1024; size > config.Hardware.Device[at].(*types.VirtualDisk).CapacityInBytes {
			if wrong := extend(fileOf(disk), size); wrong != nil {
				return wrong
			}
		}
	}
	if wrong := checkBacking(config, change, index, false); wrong != nil {
		return wrong
	}
	config.Hardware.Device[at] = wanted
	return nil
}

// fileOf is a disk's, on this computer.
func fileOf(disk *types.VirtualDisk) string {
	file, _ := here.store.file(disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName)
	return file
}

func disksOf(config *types.VirtualMachineConfigInfo) (disks []*types.VirtualDisk) {
	for _, each := range config.Hardware.Device {
		if disk, ok := each.(*types.VirtualDisk); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}
