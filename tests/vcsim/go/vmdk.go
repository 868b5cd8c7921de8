package main

import (
	"bytes"
	"encoding/json"
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
// what differs from its parent. In truth that is a qcow2: with a .vmdk of its own, QEMU saves no memory.

const (
	sector   = 512
	noParent = 0xffffffff
)

var kinds = []string{"VMFS", "FLAT", "VMFSSPARSE"}

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
	if len(d.extents) != 1 || !contains(kinds, d.extents[0].kind) {
		return descriptor{}, invalidDisk(file)
	}
	return d, nil
}

func invalidDisk(file string) fault {
	reason := "Unsupported or invalid disk type for '" + here.store.name(file) + "'. Ensure that the disk has been imported."
	return refused(reason)
}

// bytes is how large the guest sees it.
func (d descriptor) bytes() (size int64) {
	for _, each := range d.extents {
		size += each.sectors * sector
	}
	return size
}

// used marks a disk as one that is written to: whatever is based on what it was does not fit it any more.
func used(file string) fault {
	d, wrong := readDescriptor(file)
	if wrong != nil {
		return wrong
	}
	d.content = rand.Uint32() >> 1
	return d.write(file)
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
	if wrong := imageTool(delta, "create", "-q", "-f", "qcow2", delta, fmt.Sprint(above.bytes())); wrong != nil {
		return wrong
	}
	d := descriptor{above.content, above.content, "vmfsSparse", hint, []extent{{sectors, "VMFSSPARSE", delta}}}
	return d.write(file)
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
	opened, wrong := opened(source)
	if wrong != nil {
		return wrong
	}
	return imageTool(source, "convert", "-n", "-O", "raw", "--target-is-zero", opened, beside(target, "flat"))
}

// opened is what qemu-img is told of a disk: its parents, too, which the host calls by names of its own.
func opened(file string) (string, fault) {
	block, wrong := blockOf(0, chain(file))
	text, _ := json.Marshal(block)
	return "json:" + string(text), wrong
}

// imageTool runs qemu-img for a disk.
func imageTool(file string, words ...string) fault {
	if said, err := exec.Command("qemu-img", words...).CombinedOutput(); err != nil {
		return lockOr(file, string(said))
	}
	return nil
}

// lockOr is the fault of what QEMU says of a disk.
func lockOr(file, said string) fault {
	if strings.Contains(said, `" lock`) {
		return &types.FileLocked{FileFault: types.FileFault{File: here.store.name(file)}}
	}
	return refused(strings.TrimSpace(said))
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
