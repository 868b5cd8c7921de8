package main

import (
	"fmt"
	"os"
	"path"
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
func persistent(config *Config) (disks []*types.VirtualDisk) {
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
			return nil, refused(reason)
		}
		m.last++
		s := &Snapshot{machine: m, id: m.last, name: r.Name, description: r.Description, parent: m.current}
		s.created = time.Now()
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
func branch(p *process, config *Config) fault {
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
func nextChild(config *Config, disk string) string {
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
	m.tell(user, "com.vmware.vc.vm.VmStateRevertedToSnapshot", "info", s.name)
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
