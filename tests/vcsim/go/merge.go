package main

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RemoveSnapshotTask forgets it, and with it, if that is wanted, all that were taken after it.
func (s *Snapshot) RemoveSnapshotTask(ctx *simulator.Context, r *types.RemoveSnapshot_Task) soap.HasFault {
	m := s.machine
	task := m.begin(ctx, "RemoveSnapshot_Task", func(string) (types.AnyType, fault) {
		all := []*Snapshot{s}
		for _, each := range m.snapshots() {
			if r.RemoveChildren && each.after(s) {
				all = append([]*Snapshot{each}, all...)
			}
		}
		return nil, m.drop(all)
	})
	return &methods.RemoveSnapshot_TaskBody{Res: &types.RemoveSnapshot_TaskResponse{Returnval: task}}
}

func (s *Snapshot) after(other *Snapshot) bool {
	for each := s.parent; each != nil; each = each.parent {
		if each == other {
			return true
		}
	}
	return false
}

// RemoveAllSnapshotsTask forgets all.
func (m *Machine) RemoveAllSnapshotsTask(ctx *simulator.Context, r *types.RemoveAllSnapshots_Task) soap.HasFault {
	task := m.begin(ctx, "RemoveAllSnapshots_Task", func(string) (types.AnyType, fault) {
		var newestFirst []*Snapshot
		for _, each := range m.snapshots() {
			newestFirst = append([]*Snapshot{each}, newestFirst...)
		}
		return nil, m.drop(newestFirst)
	})
	return &methods.RemoveAllSnapshots_TaskBody{Res: &types.RemoveAllSnapshots_TaskResponse{Returnval: task}}
}

// drop forgets snapshots one by one, and merges their disks with what is based on them.
func (m *Machine) drop(all []*Snapshot) fault {
	for _, s := range all {
		var left []*Snapshot
		for _, each := range m.snapshots() {
			if each.parent == s {
				each.parent = s.parent
			}
			if each != s {
				left = append(left, each)
			}
		}
		current := m.current
		if current == s {
			current = s.parent
		}
		simulator.Map.Remove(s.Self)
		m.keep(left, current)
		for _, disk := range persistent(&s.Config) {
			if wrong := m.merge(disk); wrong != nil {
				return wrong
			}
		}
		_ = os.Remove(s.file())
		_ = os.Remove(memoryOf(s.file()))
	}
	m.keep(m.snapshots(), m.current)
	return nil
}

// merge does away with a disk that was a snapshot's: what its only child has goes into it, and it takes the child's place.
func (m *Machine) merge(disk *types.VirtualDisk) fault {
	base := fileOf(disk)
	children := childrenOf(base)
	switch {
	case len(children) == 0 && !m.has(base):
		return removeDisk(base)
	case len(children) != 1 || !m.has(children[0]):
		return nil
	}
	child := children[0]
	if p := m.running(); p != nil {
		if isTop(base, m.config()) || !isTop(child, m.config()) {
			change(m, types.PropertyChange{Name: "runtime.consolidationNeeded", Val: true})
			return nil
		}
		if wrong := p.commit(disk.Key, child, base); wrong != nil {
			return wrong
		}
	} else {
		opened, wrong := opened(child)
		if wrong == nil {
			wrong = imageTool(child, "commit", "-q", "-d", opened)
		}
		if wrong != nil {
			return wrong
		}
	}
	return m.replace(child, base)
}

// childrenOf are all disks of all machines that are based on one.
func childrenOf(file string) (children []string) {
	seen := map[string]bool{}
	for _, each := range simulator.Map.All("VirtualMachine") {
		m := each.(*Machine)
		disks := m.disks()
		for _, s := range m.snapshots() {
			disks = append(disks, disksOf(&s.Config)...)
		}
		for _, disk := range disks {
			files := chain(fileOf(disk))
			for i := 1; i < len(files); i++ {
				if files[i] == file && !seen[files[i-1]] {
					seen[files[i-1]] = true
					children = append(children, files[i-1])
				}
			}
		}
	}
	return children
}

// has tells if a disk is the machine's own, or one of its snapshots'.
func (m *Machine) has(file string) bool { return isTop(file, m.config()) || m.ofSnapshot(file) }

// replace puts a disk in another one's place, in all that tells of that, and deletes the other one.
func (m *Machine) replace(old, new string) fault {
	above, wrong := readDescriptor(new)
	if wrong != nil {
		return wrong
	}
	for _, child := range childrenOf(old) {
		d, wrong := readDescriptor(child)
		if wrong != nil {
			return wrong
		}
		d.parent = above.content
		d.hint, _ = filepath.Rel(path.Dir(child), new)
		if wrong := d.write(child); wrong != nil {
			return wrong
		}
	}
	config := copyOf(m.config())
	configs := []*Config{config}
	for _, s := range m.snapshots() {
		configs = append(configs, &s.Config)
	}
	for _, each := range configs {
		for _, disk := range persistent(each) {
			file := fileOf(disk)
			if file == old {
				file = new
			}
			describe(disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo), file)
		}
	}
	wrong = removeDisk(old)
	m.publish(config)
	return wrong
}

// commit merges a disk that the process writes to into its parent, which it writes to then.
func (p *process) commit(key int32, child, base string) fault {
	arguments := map[string]interface{}{"job-id": "merge", "device": nodeOf(key, child), "base-node": nodeOf(key, base)}
	if _, wrong := p.ask("block-commit", arguments); wrong != nil {
		return wrong
	}
	asked := false
	for {
		answer, wrong := p.ask("query-block-jobs", nil)
		if wrong != nil {
			return wrong
		}
		var jobs []struct{ Ready bool }
		_ = json.Unmarshal(answer, &jobs)
		if len(jobs) == 0 {
			return nil
		}
		if jobs[0].Ready && !asked {
			asked = true
			if _, wrong := p.ask("block-job-complete", map[string]string{"device": "merge"}); wrong != nil {
				return wrong
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}
