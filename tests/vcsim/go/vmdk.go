package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// A disk is a descriptor, NAME.vmdk, and an extent: NAME-flat.vmdk with its bytes, or, of a child, NAME-delta.vmdk with
// what differs from its parent.

const (
	sector    = 512
	noParent  = 0xffffffff
	grain     = 128  // sectors of a delta that are kept together
	tableSize = 4096 // grains that one table of a delta knows
)

type extent struct {
	sectors    int64
	kind, file string
}

type descriptor struct {
	content, parent uint32
	kind, hint      string
	extents         []extent
}

var (
	extentLine = regexp.MustCompile(`(?m)^\s*RW\s+(\d+)\s+(\w+)\s+"([^"]*)"`)
	valueLine  = regexp.MustCompile(`(?m)^\s*(\w+)\s*=\s*"?([^"\r\n]*)"?`)
)

// readDescriptor reads a disk's; a disk in one file, which no ESXi runs, is none.
func readDescriptor(file string) (descriptor, fault) {
	data, err := os.ReadFile(file)
	if err != nil {
		return descriptor{}, fileFault(file, err)
	}
	text := string(bytes.TrimRight(data, "\x00"))
	if len(data) > 1<<16 || !strings.Contains(text, "# Disk DescriptorFile") {
		return descriptor{}, invalidDisk(file)
	}
	d := descriptor{parent: noParent}
	for _, found := range valueLine.FindAllStringSubmatch(text, -1) {
		number, _ := strconv.ParseUint(found[2], 16, 32)
		switch found[1] {
		case "CID":
			d.content = uint32(number)
		case "parentCID":
			d.parent = uint32(number)
		case "createType":
			d.kind = found[2]
		case "parentFileNameHint":
			d.hint = found[2]
		}
	}
	for _, found := range extentLine.FindAllStringSubmatch(text, -1) {
		sectors, _ := strconv.ParseInt(found[1], 10, 64)
		d.extents = append(d.extents, extent{sectors, found[2], path.Join(path.Dir(file), path.Base(found[3]))})
	}
	if len(d.extents) == 0 {
		return descriptor{}, invalidDisk(file)
	}
	return d, nil
}

func invalidDisk(file string) fault {
	reason := "Unsupported or invalid disk type for '" + here.store.name(file) + "'. Ensure that the disk has been imported."
	return &types.GenericVmConfigFault{Reason: reason}
}

// bytes is how large the guest sees it.
func (d descriptor) bytes() (size int64) {
	for _, each := range d.extents {
		size += each.sectors * sector
	}
	return size
}

// above is the file of its parent; empty if it has none.
func (d descriptor) above(file string) string {
	switch {
	case d.parent == noParent || d.hint == "":
		return ""
	case strings.HasPrefix(d.hint, volumes):
		return here.store.told("", d.hint)
	}
	return path.Join(path.Dir(file), d.hint)
}

func (d descriptor) write(file string) fault {
	text := fmt.Sprintf("# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%08x\nparentCID=%08x\ncreateType=\"%s\"\n",
		d.content, d.parent, d.kind)
	if d.hint != "" {
		text += fmt.Sprintf("parentFileNameHint=\"%s\"\n", d.hint)
	}
	text += "\n# Extent description\n"
	for _, each := range d.extents {
		text += fmt.Sprintf("RW %d %s \"%s\"\n", each.sectors, each.kind, path.Base(each.file))
	}
	cylinders := d.bytes() / sector / (255 * 63)
	text += fmt.Sprintf("\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"13\"\nddb.adapterType = \"lsilogic\"\n"+
		"ddb.geometry.cylinders = \"%d\"\nddb.geometry.heads = \"255\"\nddb.geometry.sectors = \"63\"\n", cylinders)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return fileFault(file, err)
	}
	return nil
}

// tidy takes away the zeros that QEMU leaves behind a descriptor that it has written to.
func tidy(file string) {
	if data, err := os.ReadFile(file); err == nil && bytes.HasSuffix(data, []byte{0}) {
		_ = os.WriteFile(file, bytes.TrimRight(data, "\x00"), 0o644)
	}
}

// chain is a disk's file and those of its parents.
func chain(file string) (files []string) {
	for file != "" && len(files) < 64 {
		files = append(files, file)
		d, wrong := readDescriptor(file)
		if wrong != nil {
			break
		}
		file = d.above(file)
	}
	return files
}

func beside(file, kind string) string {
	return strings.TrimSuffix(file, ".vmdk") + "-" + kind + ".vmdk"
}

// makeFlat makes an empty disk of that many bytes.
func makeFlat(file string, size int64, thin bool) fault {
	if _, err := os.Stat(file); err == nil {
		return fileFault(file, os.ErrExist)
	}
	if !thin {
		if wrong := here.store.room(size); wrong != nil {
			return wrong
		}
	}
	flat := beside(file, "flat")
	if err := os.WriteFile(flat, nil, 0o644); err != nil {
		return fileFault(flat, err)
	}
	if err := os.Truncate(flat, size); err != nil {
		return fileFault(flat, err)
	}
	d := descriptor{content: rand.Uint32() >> 1, parent: noParent, kind: "vmfs", extents: []extent{{size / sector, "VMFS", flat}}}
	return d.write(file)
}

// makeChild makes a disk that keeps what is changed from now on; nobody may write to its parent any more.
func makeChild(file, parent string) fault {
	above, wrong := readDescriptor(parent)
	if wrong != nil {
		return wrong
	}
	if _, err := os.Stat(file); err == nil {
		return fileFault(file, os.ErrExist)
	}
	hint, err := filepath.Rel(path.Dir(file), parent)
	if err != nil {
		return fileFault(parent, err)
	}
	delta, sectors := beside(file, "delta"), above.bytes()/sector
	if err := os.WriteFile(delta, emptyDelta(sectors), 0o644); err != nil {
		return fileFault(delta, err)
	}
	d := descriptor{above.content, above.content, "vmfsSparse", hint, []extent{{sectors, "VMFSSPARSE", delta}}}
	return d.write(file)
}

// emptyDelta is a delta ("COWD") that has nothing yet: a header, a directory of tables, and empty tables.
func emptyDelta(sectors int64) []byte {
	tables := (sectors + grain*tableSize - 1) / (grain * tableSize)
	const directory, perTable = 4, tableSize * 4 / sector
	first := directory + (tables*4+sector-1)/sector
	size := first + tables*perTable
	data := make([]byte, size*sector)
	copy(data, "COWD")
	header := []uint32{1, 3, uint32(sectors), grain, directory, uint32(tables), uint32(size), 0, 255, 63}
	for i, each := range header {
		binary.LittleEndian.PutUint32(data[4+4*i:], each)
	}
	for i := int64(0); i < tables; i++ {
		binary.LittleEndian.PutUint32(data[directory*sector+4*i:], uint32(first+i*perTable))
	}
	return data
}

// flatten copies a disk with all of its parents' contents into a new one.
func flatten(source, target string, thin bool) fault {
	d, wrong := readDescriptor(source)
	if wrong != nil {
		return wrong
	}
	if wrong := makeFlat(target, d.bytes(), thin); wrong != nil {
		return wrong
	}
	return imageTool(source, "convert", "-n", "-f", "vmdk", "-O", "raw", source, beside(target, "flat"))
}

// imageTool runs qemu-img on a disk.
func imageTool(file string, words ...string) fault {
	if said, err := exec.Command("qemu-img", words...).CombinedOutput(); err != nil {
		return lockOr(file, string(said))
	}
	return nil
}

// lockOr is the fault of what QEMU says of a disk.
func lockOr(file, said string) fault {
	if strings.Contains(said, "lock") {
		return &types.FileLocked{FileFault: types.FileFault{File: here.store.name(file)}}
	}
	return &types.GenericVmConfigFault{Reason: strings.TrimSpace(said)}
}

// removeDisk deletes a disk, and none of its parents.
func removeDisk(file string) fault {
	d, wrong := readDescriptor(file)
	if wrong != nil {
		return wrong
	}
	for _, each := range d.extents {
		_ = os.Remove(each.file)
	}
	if err := os.Remove(file); err != nil {
		return fileFault(file, err)
	}
	return nil
}
