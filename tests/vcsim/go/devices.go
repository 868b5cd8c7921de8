package main

import (
	"fmt"
	"math/rand"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

func setDevices(config *Config, changes []types.BaseVirtualDeviceConfigSpec, registering bool) fault {
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
func find(config *Config, key int32) int {
	for i, each := range config.Hardware.Device {
		if each.GetVirtualDevice().Key == key {
			return i
		}
	}
	return -1
}

func addDevice(config *Config, change *types.VirtualDeviceConfigSpec, index int, registering bool) fault {
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
	kind := strings.TrimPrefix(fmt.Sprintf("%T", device), "*types.")
	return fmt.Sprintf("%s %d", kind, device.GetVirtualDevice().Key)
}

// number gives a device a key, and a unit of its controller where the spec leaves that to us; false if it cannot be.
func number(config *Config, each types.BaseVirtualDevice) bool {
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

func numberController(config *Config, bus int32, device *types.VirtualDevice, family family) bool {
	device.Key, device.ControllerKey = family.controllers+bus, 100
	return bus >= 0 && bus < 4 && find(config, device.Key) < 0
}

func numberUnit(config *Config, device *types.VirtualDevice) bool {
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

func unused(config *Config, key int32) int32 {
	for find(config, key) >= 0 {
		key++
	}
	return key
}

// checkBacking looks at what a new device needs of its surroundings, and makes a new disk's files.
func checkBacking(config *Config, change *types.VirtualDeviceConfigSpec, index int, registering bool) fault {
	switch device := change.Device.(type) {
	case *types.VirtualDisk:
		return checkDisk(config, change, index, registering)
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

func dropDevice(config *Config, at int, operation types.VirtualDeviceConfigSpecFileOperation) fault {
	disk, isDisk := config.Hardware.Device[at].(*types.VirtualDisk)
	config.Hardware.Device = append(config.Hardware.Device[:at:at], config.Hardware.Device[at+1:]...)
	if isDisk && operation == types.VirtualDeviceConfigSpecFileOperationDestroy {
		return removeDisk(fileOf(disk))
	}
	return nil
}

// editDevice puts another backing or another connection in a device's place; of a disk, another size, too.
func editDevice(config *Config, at int, wanted types.BaseVirtualDevice, index int) fault {
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
