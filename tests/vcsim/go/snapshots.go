package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Snapshot is a machine as it was: its configuration, whose disks nobody writes to any more, and perhaps its memory.
type Snapshot struct {
	mo.VirtualMachineSnapshot
	machine           *Machine
	id                int32
	name, description string
	created           time.Time
	parent            *Snapshot
	data              string // the .vmsn, in the machine's folder
}

var numbered = regexp.MustCompile(`-\d{6}$`)

// file is its .vmsn on this computer.
func (s *Snapshot) file() string { return path.Join(folderOf(&s.Config), s.data) }

// state is what power state the machine had that it keeps.
func (s *Snapshot) state() types.VirtualMachinePowerState {
	if exists(memoryOf(s.file())) {
		return on
	}
	return off
}

func (m *Machine) snapshots() (all []*Snapshot) {
	simulator.Map.WithLock(m, func() { all = append(all, m.taken...) })
	return all
}

// persistent are a configuration's disks that snapshots are taken of.
func persistent(config *types.VirtualMachineConfigInfo) (disks []*types.VirtualDisk) {
	for _, disk := range disksOf(config) {
		if disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo).DiskMode == string(types.VirtualDiskModePersistent) {
			disks = append(disks, disk)
		}
	}
	return disks
}

// CreateSnapshotTask takes one, of the memory of a machine that runs as well if that is wanted; the guest goes on.
func (m *Machine) CreateSnapshotTask(ctx *simulator.Context, r *types.CreateSnapshot_Task) soap.HasFault {
	task := m.begin(ctx, "CreateSnapshot_Task", func(user string) (types.AnyType, fault) {
		if m.powerState() == suspended {
			return nil, m.invalid(off)
		}
		config := m.config()
		p := m.running()
		if p != nil && r.Memory && len(persistent(config)) < len(disksOf(config)) {
			reason := "Cannot take a memory snapshot, since the virtual machine is configured with independent disks."
			return nil, &types.GenericVmConfigFault{Reason: reason}
		}
		m.last++
		s := &Snapshot{machine: m, id: m.last, name: r.Name, description: r.Description, created: time.Now(), parent: m.current}
		s.data = fmt.Sprintf("%s-Snapshot%d.vmsn", config.Name, s.id)
		s.Config = *copyOf(config)
		if wrong := m.take(p, s, r.Memory); wrong != nil {
			_ = os.Remove(memoryOf(s.file()))
			return nil, wrong
		}
		m.keep(append(m.snapshots(), s), s)
		return s.Self, nil
	})
	return &methods.CreateSnapshot_TaskBody{Res: &types.CreateSnapshot_TaskResponse{Returnval: task}}
}

// take gives a machine new disks on top of those that are the snapshot's now; the process stands still meanwhile.
func (m *Machine) take(p *process, s *Snapshot, memory bool) fault {
	next := copyOf(&s.Config)
	wrong := written(&s.Config, folderOf(&s.Config)).write(s.file())
	switch {
	case wrong != nil:
	case p == nil:
		wrong = branch(nil, next)
	case memory:
		wrong = p.save(memoryOf(s.file()), func() fault { return branch(p, next) })
	default:
		if _, wrong = p.ask("stop", nil); wrong == nil {
			wrong = branch(p, next)
		}
	}
	if p != nil {
		if _, still := p.ask("cont", nil); wrong == nil {
			wrong = still
		}
	}
	if wrong == nil {
		m.publish(next)
	}
	return wrong
}

// branch puts a new child in the place of each disk of a configuration; a process goes on with them.
func branch(p *process, config *types.VirtualMachineConfigInfo) fault {
	var switches []interface{}
	for _, disk := range persistent(config) {
		old := fileOf(disk)
		file := nextChild(config, old)
		if wrong := makeChild(file, old); wrong != nil {
			return wrong
		}
		before := node(disk)
		describe(disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo), file)
		switches = append(switches, map[string]interface{}{
			"type": "blockdev-snapshot-sync",
			"data": map[string]string{
				"node-name": before, "snapshot-node-name": node(disk), "snapshot-file": beside(file, "delta"), "format": "qcow2",
				"mode": "existing",
			},
		})
	}
	if p == nil || switches == nil {
		return nil
	}
	_, wrong := p.ask("transaction", map[string]interface{}{"actions": switches})
	return wrong
}

// nextChild is the first name that is not taken for a child of a disk.
func nextChild(config *types.VirtualMachineConfigInfo, disk string) string {
	stem := numbered.ReplaceAllString(strings.TrimSuffix(path.Base(disk), ".vmdk"), "")
	for n := 1; ; n++ {
		if file := path.Join(folderOf(config), fmt.Sprintf("%s-%06d.vmdk", stem, n)); !exists(file) {
			return file
		}
	}
}

// RevertToCurrentSnapshotTask goes back to the one that the machine is based on.
func (m *Machine) RevertToCurrentSnapshotTask(ctx *simulator.Context, r *types.RevertToCurrentSnapshot_Task) soap.HasFault {
	task := m.begin(ctx, "RevertToCurrentSnapshot_Task", func(user string) (types.AnyType, fault) {
		if m.current == nil {
			return nil, &types.NotFound{}
		}
		return nil, m.revert(user, m.current, r.SuppressPowerOn)
	})
	return &methods.RevertToCurrentSnapshot_TaskBody{Res: &types.RevertToCurrentSnapshot_TaskResponse{Returnval: task}}
}

// RevertToSnapshotTask goes back to this one.
func (s *Snapshot) RevertToSnapshotTask(ctx *simulator.Context, r *types.RevertToSnapshot_Task) soap.HasFault {
	task := s.machine.begin(ctx, "RevertToSnapshot_Task", func(user string) (types.AnyType, fault) {
		return nil, s.machine.revert(user, s, r.SuppressPowerOn)
	})
	return &methods.RevertToSnapshot_TaskBody{Res: &types.RevertToSnapshot_TaskResponse{Returnval: task}}
}

func (m *Machine) revert(user string, s *Snapshot, suppress *bool) fault {
	m.stop()
	m.dropSaved()
	for _, disk := range persistent(m.config()) {
		if !m.ofSnapshot(fileOf(disk)) {
			_ = removeDisk(fileOf(disk))
		}
	}
	config := copyOf(&s.Config)
	config.Name = m.Name
	if wrong := branch(nil, config); wrong != nil {
		m.show(off, nil)
		return wrong
	}
	m.publish(config)
	m.keep(m.snapshots(), s)
	event := &types.EventEx{EventTypeId: "com.vmware.vc.vm.VmStateRevertedToSnapshot", Severity: "info", Message: s.name}
	event.Event = m.event().Event
	post(user, event)
	if s.state() == off || suppress != nil && *suppress {
		m.show(off, nil)
		return nil
	}
	if wrong := m.start(config, memoryOf(s.file())); wrong != nil {
		m.show(off, nil)
		return wrong
	}
	m.show(on, nil)
	_, wrong := m.running().ask("cont", nil)
	return wrong
}

// ofSnapshot tells if a disk is one of a snapshot's.
func (m *Machine) ofSnapshot(file string) bool {
	for _, s := range m.snapshots() {
		for _, disk := range disksOf(&s.Config) {
			if fileOf(disk) == file {
				return true
			}
		}
	}
	return false
}

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
	configs := []*types.VirtualMachineConfigInfo{config}
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
