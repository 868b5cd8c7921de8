package main

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// keep makes these the machine's snapshots, for all to see, and writes them down in its .vmsd.
func (m *Machine) keep(all []*Snapshot, current *Snapshot) {
	for _, s := range all {
		s.Vm = m.Self
		s.Self.Type = "VirtualMachineSnapshot"
		if s.Self.Value == "" {
			simulator.Map.Put(s)
		}
	}
	m.current = current
	children := map[*Snapshot][]Ref{}
	for _, s := range all {
		children[s.parent] = append(children[s.parent], s.Self)
	}
	for _, s := range all {
		change(s, types.PropertyChange{Name: "childSnapshot", Val: children[s]})
	}
	simulator.Map.WithLock(m, func() { m.taken = all })
	told := types.PropertyChange{Name: "snapshot"}
	if len(all) > 0 {
		info := types.VirtualMachineSnapshotInfo{RootSnapshotList: branches(all, nil)}
		if current != nil {
			info.CurrentSnapshot = &current.Self
		}
		told.Val = info
	}
	change(m, told, types.PropertyChange{Name: "rootSnapshot", Val: children[nil]})
	m.writeSnapshots(all)
	m.layOut(m.config())
}

// branches is the tree of all that were taken after one.
func branches(all []*Snapshot, parent *Snapshot) (tree []types.VirtualMachineSnapshotTree) {
	for _, s := range all {
		if s.parent == parent {
			tree = append(tree, types.VirtualMachineSnapshotTree{
				Snapshot: s.Self, Vm: s.Vm, Name: s.name, Description: s.description, Id: s.id, CreateTime: s.created,
				State: s.state(), ChildSnapshotList: branches(all, s), ReplaySupported: types.NewBool(false),
			})
		}
	}
	return tree
}

func (m *Machine) listFile() string { return strings.TrimSuffix(vmxOf(m.config()), ".vmx") + ".vmsd" }

func (m *Machine) writeSnapshots(all []*Snapshot) {
	d := newDictionary()
	d.set("snapshot.lastUID", fmt.Sprint(m.last))
	d.set("snapshot.numSnapshots", fmt.Sprint(len(all)))
	if m.current != nil {
		d.set("snapshot.current", fmt.Sprint(m.current.id))
	}
	for i, s := range all {
		set := func(key, value string) { d.set(fmt.Sprintf("snapshot%d.%s", i, key), value) }
		microseconds := s.created.UnixMicro()
		set("uid", fmt.Sprint(s.id))
		set("filename", s.data)
		set("displayName", s.name)
		set("description", s.description)
		set("createTimeHigh", fmt.Sprint(int32(microseconds>>32)))
		set("createTimeLow", fmt.Sprint(int32(microseconds)))
		if s.parent != nil {
			set("parent", fmt.Sprint(s.parent.id))
		}
		disks := persistent(&s.Config)
		set("numDisks", fmt.Sprint(len(disks)))
		for n, disk := range disks {
			set(fmt.Sprintf("disk%d.fileName", n), here.store.absolute(folderOf(&s.Config), fileOf(disk)))
			set(fmt.Sprintf("disk%d.node", n), address(&s.Config, disk.Key))
		}
	}
	_ = d.write(m.listFile())
}

// readSnapshots takes up those of the .vmsd of a machine that is registered.
func (m *Machine) readSnapshots() {
	d, wrong := readDictionary(m.listFile())
	if wrong != nil {
		return
	}
	m.last = int32(d.number("snapshot.lastUID", 0))
	count, current := d.number("snapshot.numSnapshots", 0), d.number("snapshot.current", 0)
	var all []*Snapshot
	byID := map[int64]*Snapshot{}
	for i := int64(0); i < count; i++ {
		s := m.readSnapshot(d, fmt.Sprintf("snapshot%d.", i))
		s.parent = byID[d.number(fmt.Sprintf("snapshot%d.parent", i), 0)]
		byID[int64(s.id)] = s
		all = append(all, s)
	}
	m.keep(all, byID[current])
}

// readSnapshot is one of a .vmsd: its configuration is in the .vmsn, and the disks that the .vmsd names are its disks.
func (m *Machine) readSnapshot(d *dictionary, prefix string) *Snapshot {
	low, high := d.number(prefix+"createTimeLow", 0), d.number(prefix+"createTimeHigh", 0)
	s := &Snapshot{
		machine: m, id: int32(d.number(prefix+"uid", 0)), name: d.take(prefix + "displayName"),
		description: d.take(prefix + "description"), data: path.Base(d.take(prefix + "filename")),
		created: time.UnixMicro(high<<32 | int64(uint32(low))),
	}
	vmx := vmxOf(m.config())
	folder := path.Dir(vmx)
	config := copyOf(m.config())
	if text, wrong := readDictionary(path.Join(folder, s.data)); wrong == nil {
		for n := int64(0); n < d.number(prefix+"numDisks", 0)+16; n++ {
			if at := d.take(fmt.Sprintf("%sdisk%d.node", prefix, n)); at != "" {
				text.set(at+".fileName", d.take(fmt.Sprintf("%sdisk%d.fileName", prefix, n)))
			}
		}
		spec := readVmx(text, folder)
		config = blank(vmx)
		_ = configure(config, &spec, true) // what it lacks, reverting to it will tell
	}
	s.Config = *config
	return s
}
