package main

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// blank is a new machine's configuration: what every one has.
func blank(vmx string) *Config {
	resources := types.DefaultResourceConfigSpec()
	folder := here.store.name(path.Dir(vmx))
	config := &Config{
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
func copyOf(config *Config) *Config {
	var data strings.Builder
	if err := xml.NewEncoder(&data).Encode(config); err != nil {
		panic(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(data.String()))
	decoder.TypeFunc = types.TypeFunc()
	made := new(Config)
	if err := decoder.Decode(made); err != nil {
		panic(err)
	}
	return made
}

// configure changes a configuration as a spec asks, and makes the files that it wants. A machine that is registered may
// lack files: it cannot be powered on then.
func configure(config *Config, spec *types.VirtualMachineConfigSpec, registering bool) fault {
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

func setTexts(config *Config, spec *types.VirtualMachineConfigSpec) {
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
func setOptions(config *Config, options []types.BaseOptionValue) {
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
func option(config *Config, key string) string {
	for _, each := range config.ExtraConfig {
		if strings.EqualFold(each.GetOptionValue().Key, key) {
			return fmt.Sprint(each.GetOptionValue().Value)
		}
	}
	return ""
}
