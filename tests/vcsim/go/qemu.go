package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"sort"

	"github.com/vmware/govmomi/vim25/types"
)

const firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd"
const firmwareSettings = "/usr/share/OVMF/OVMF_VARS_4M.fd"

// commandLine is QEMU's, for a machine of that configuration.
func commandLine(config *Config) ([]string, fault) {
	words := []string{
		"-name", "vcsim", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "std", "-S",
		"-machine", "pc,accel=tcg", "-cpu", "max", "-rtc", "base=utc",
		"-m", fmt.Sprintf("%dM", config.Hardware.MemoryMB), "-smp", fmt.Sprint(config.Hardware.NumCPU),
		"-uuid", config.Uuid,
		"-chardev", "stdio,id=orders,signal=off", "-mon", "chardev=orders,mode=control",
	}
	settings, wrong := firmwareWords(config)
	if wrong != nil {
		return nil, wrong
	}
	words = append(words, settings...)
	order := bootOrder(config)
	// Memory goes on only where each device is in its old slot, and those are given in this order.
	devices := append([]types.BaseVirtualDevice(nil), config.Hardware.Device...)
	sort.Slice(devices, func(i, j int) bool {
		return devices[i].GetVirtualDevice().Key < devices[j].GetVirtualDevice().Key
	})
	for _, each := range devices {
		more, wrong := deviceWords(config, each, order)
		if wrong != nil {
			return nil, wrong
		}
		words = append(words, more...)
	}
	return words, nil
}

// firmwareWords are those of a BIOS, none, or of EFI, which keeps its settings in the machine's .nvram.
func firmwareWords(config *Config) ([]string, fault) {
	if config.Firmware != string(types.GuestOsDescriptorFirmwareTypeEfi) {
		return nil, nil
	}
	nvram := path.Join(folderOf(config), config.Name+".nvram")
	if !exists(nvram) {
		if wrong := copyFile(firmwareSettings, nvram); wrong != nil {
			return nil, wrong
		}
	}
	return []string{
		"-drive", "if=pflash,format=raw,readonly=on,file=" + firmware,
		"-drive", "if=pflash,format=raw,file=" + commas(nvram),
	}, nil
}

// commas doubles them, as QEMU wants them in a text among options.
func commas(text string) string {
	doubled := ""
	for _, each := range text {
		doubled += string(each)
		if each == ',' {
			doubled += ","
		}
	}
	return doubled
}

// bootOrder numbers devices: those that the configuration lists, then disks, then CD-ROM drives.
func bootOrder(config *Config) map[int32]int {
	order := map[int32]int{}
	put := func(key int32) {
		if _, listed := order[key]; !listed {
			order[key] = len(order) + 1
		}
	}
	drives := func() {
		for _, each := range config.Hardware.Device {
			if drive, ok := each.(*types.VirtualCdrom); ok {
				put(drive.Key)
			}
		}
	}
	for _, each := range config.BootOptions.BootOrder {
		switch device := each.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			put(device.DeviceKey)
		case *types.VirtualMachineBootOptionsBootableCdromDevice:
			drives()
		}
	}
	for _, disk := range disksOf(config) {
		put(disk.Key)
	}
	drives()
	return order
}

func deviceWords(config *Config, each types.BaseVirtualDevice, order map[int32]int) ([]string, fault) {
	device := each.GetVirtualDevice()
	id := fmt.Sprintf("device%d", device.Key)
	switch full := each.(type) {
	case *types.VirtualLsiLogicSASController:
		return []string{"-device", "mptsas1068,id=" + id}, nil
	case types.BaseVirtualSCSIController: // what an LSI Logic one is to drivers, QEMU does not have
		return []string{"-device", "pvscsi,id=" + id}, nil
	case *types.VirtualAHCIController:
		return []string{"-device", "ich9-ahci,id=" + id}, nil
	case *types.VirtualDisk:
		return diskWords(full, id, order[device.Key])
	case *types.VirtualCdrom:
		return driveWords(full, id, order[device.Key]), nil
	case types.BaseVirtualEthernetCard:
		return cardWords(full, id), nil
	case *types.VirtualSerialPort:
		return portWords(config, full, id), nil
	case *types.VirtualNVMEController:
		return nil, refused("vcsim has no NVMe controllers")
	}
	return nil, nil
}

// socket is where a disk or a drive is plugged in.
func socket(device *types.VirtualDevice) string {
	family, bus, _ := familyOf(device.ControllerKey)
	unit := *device.UnitNumber
	switch family.name {
	case "ide":
		return fmt.Sprintf("bus=ide.%d,unit=%d", bus, unit)
	case "sata":
		return fmt.Sprintf("bus=device%d.%d", device.ControllerKey, unit)
	}
	return fmt.Sprintf("bus=device%d.0,scsi-id=%d,lun=0", device.ControllerKey, unit)
}

func diskWords(disk *types.VirtualDisk, id string, order int) ([]string, fault) {
	if disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).DiskMode == string(types.VirtualDiskModeIndependent_nonpersistent) {
		return nil, refused("vcsim has no disks that forget")
	}
	block, wrong := blockOf(disk.Key, chain(fileOf(disk)))
	if wrong != nil {
		return nil, wrong
	}
	text, _ := json.Marshal(block)
	kind := map[bool]string{true: "ide-hd", false: "scsi-hd"}[disk.ControllerKey < 1000 || disk.ControllerKey >= 15000]
	device := fmt.Sprintf("%s,id=%s,drive=%s,%s,bootindex=%d", kind, id, node(disk), socket(&disk.VirtualDevice), order)
	return []string{"-blockdev", string(text), "-device", device}, nil
}

// blockOf is what QEMU opens of a disk's chain: each link by a name that is known later.
func blockOf(key int32, files []string) (map[string]interface{}, fault) {
	d, wrong := readDescriptor(files[0])
	if wrong != nil {
		return nil, wrong
	}
	extent := d.extents[0]
	if !exists(extent.file) {
		return nil, fileFault(extent.file, os.ErrNotExist)
	}
	block := map[string]interface{}{
		"driver": "raw", "node-name": nodeOf(key, files[0]), "cache": map[string]bool{"no-flush": true},
		"file": map[string]string{"driver": "file", "filename": extent.file},
	}
	if extent.kind != "VMFSSPARSE" {
		return block, nil
	}
	if len(files) < 2 {
		return nil, fileFault(d.above(files[0]), os.ErrNotExist)
	}
	parent, wrong := readDescriptor(files[1])
	if wrong != nil {
		return nil, wrong
	}
	if parent.content != d.parent {
		return nil, refused("The parent virtual disk has been modified since the child was created.")
	}
	block["driver"] = "qcow2"
	block["backing"], wrong = blockOf(key, files[1:])
	return block, wrong
}

// node is what QEMU calls the contents of a disk.
func node(disk *types.VirtualDisk) string { return nodeOf(disk.Key, fileOf(disk)) }

func nodeOf(key int32, file string) string { return fmt.Sprintf("n%d-%s", key, diskUUID(file)[:18]) }

func driveWords(drive *types.VirtualCdrom, id string, order int) (words []string) {
	kind := map[bool]string{true: "ide-cd", false: "scsi-cd"}[drive.ControllerKey < 1000 || drive.ControllerKey >= 15000]
	device := fmt.Sprintf("%s,id=%s,%s,bootindex=%d", kind, id, socket(&drive.VirtualDevice), order)
	if file := discOf(drive); file != "" && connected(drive.Connectable) && exists(file) {
		block, _ := json.Marshal(map[string]interface{}{
			"driver": "raw", "node-name": "disc-" + id, "read-only": true,
			"file": map[string]interface{}{"driver": "file", "filename": file, "read-only": true},
		})
		words = append(words, "-blockdev", string(block))
		device += ",drive=disc-" + id
	}
	return append(words, "-device", device)
}

// discOf is the file of the disc in a drive; empty if there is none.
func discOf(drive *types.VirtualCdrom) string {
	if backing, ok := drive.Backing.(*types.VirtualCdromIsoBackingInfo); ok {
		file, _ := here.store.file(backing.FileName)
		return file
	}
	return ""
}

// cardWords are a card's; its network is one that leads nowhere, with addresses to ask for.
func cardWords(each types.BaseVirtualEthernetCard, id string) []string {
	card := each.GetVirtualEthernetCard()
	return []string{
		"-netdev", "user,restrict=on,id=net-" + id,
		"-device", fmt.Sprintf("%s,id=%s,netdev=net-%s,mac=%s,romfile=", kindOf(cardKinds, each), id, id, card.MacAddress),
	}
}

// portWords are a serial port's; what the guest says is added to its file, or, if the options say so, written anew.
func portWords(config *Config, port *types.VirtualSerialPort, id string) []string {
	backing, ok := port.Backing.(*types.VirtualSerialPortFileBackingInfo)
	line := "null,id=line-" + id
	if ok {
		file, _ := here.store.file(backing.FileName)
		how := map[bool]string{true: "off", false: "on"}[option(config, "answer.msg.serial.file.open") == "Replace"]
		line = fmt.Sprintf("file,id=line-%s,append=%s,path=%s", id, how, commas(file))
	}
	return []string{"-chardev", line, "-device", "isa-serial,chardev=line-" + id}
}
