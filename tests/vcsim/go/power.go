package main

import (
	"fmt"
	"log"
	"math/rand"
	"os"
	"path"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	on        = types.VirtualMachinePowerStatePoweredOn
	off       = types.VirtualMachinePowerStatePoweredOff
	suspended = types.VirtualMachinePowerStateSuspended
)

// show lets all see its power state, and when it was powered on: nil leaves that as it is.
func (m *Machine) show(state types.VirtualMachinePowerState, booted *time.Time) {
	changes := []types.PropertyChange{
		{Name: "runtime.powerState", Val: state}, {Name: "summary.runtime.powerState", Val: state},
	}
	switch {
	case booted != nil:
		changes = append(changes, types.PropertyChange{Name: "runtime.bootTime", Val: *booted},
			types.PropertyChange{Name: "summary.runtime.bootTime", Val: *booted})
	case state == off:
		changes = append(changes, types.PropertyChange{Name: "runtime.bootTime"},
			types.PropertyChange{Name: "summary.runtime.bootTime"})
	}
	changes = append(changes, types.PropertyChange{Name: "guest", Val: m.guest(m.config())})
	change(m, changes...)
}

// start runs a configuration in a process, from its beginning or from where a file of memory left off.
func (m *Machine) start(config *Config, memory string) fault {
	words, wrong := commandLine(config)
	if wrong != nil {
		return wrong
	}
	if memory != "" {
		words = append(words, "-incoming", "defer")
	}
	p, wrong := launch(words, func() { post("", &types.VmGuestRebootEvent{VmEvent: m.event()}) })
	if wrong != nil {
		return wrong
	}
	if memory != "" {
		if wrong := p.load(memory); wrong != nil {
			p.end()
			return wrong
		}
	}
	for _, disk := range disksOf(config) {
		_ = used(fileOf(disk))
	}
	m.process.Store(p)
	go m.attend(p)
	return nil
}

// attend waits until a process ends, and tells of it unless somebody has ended it for the machine.
func (m *Machine) attend(p *process) {
	<-p.ended
	m.ending.Lock()
	defer m.ending.Unlock()
	if !m.process.CompareAndSwap(p, nil) {
		return
	}
	if p.byGuest.Load() {
		m.show(off, nil)
		post("", &types.VmPoweredOffEvent{VmEvent: m.event()})
		return
	}
	log.Printf("%s: QEMU has ended: %s", m.config().Name, p.said.String())
	m.show(off, nil)
	m.tell("", "esx.problem.vm.kill.unexpected.vmx.fault.failure.2", "error", "The virtual machine's process has ended.")
	post("", &types.VmPoweredOffEvent{VmEvent: m.event()})
}

// tell posts an event that has no type of its own.
func (m *Machine) tell(user, kind, severity, message string) {
	event := &types.EventEx{EventTypeId: kind, Severity: severity, Message: message}
	event.Event = m.event().Event
	post(user, event)
}

// stop ends its process, if it has one.
func (m *Machine) stop() {
	if p := m.process.Swap(nil); p != nil {
		p.end()
	}
}

// PowerOnVMTask powers it on; from where it was, if it is suspended.
func (m *Machine) PowerOnVMTask(ctx *simulator.Context, r *types.PowerOnVM_Task) soap.HasFault {
	task := m.begin(ctx, "PowerOnVM_Task", func(user string) (types.AnyType, fault) {
		switch m.powerState() {
		case on:
			return nil, m.invalid(on)
		case suspended:
			return nil, m.resume(user)
		}
		config := m.config()
		if wrong := affordable(config); wrong != nil {
			return nil, wrong
		}
		post(user, &types.VmStartingEvent{VmEvent: m.event()})
		if wrong := m.start(config, ""); wrong != nil {
			return nil, wrong
		}
		now := time.Now()
		m.show(on, &now)
		post(user, &types.VmPoweredOnEvent{VmEvent: m.event()})
		m.layOut(config)
		_, wrong := m.running().ask("cont", nil)
		return nil, wrong
	})
	return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{Returnval: task}}
}

// affordable is a fault if the host cannot give what is reserved for a machine, or has too few processors.
func affordable(config *Config) fault {
	if cpus := here.host.Summary.Hardware.NumCpuThreads; int32(cpus) < config.Hardware.NumCPU {
		const reason = "The virtual machine requires %d CPUs to operate, but the host hardware only provides %d."
		return refused(fmt.Sprintf(reason, config.Hardware.NumCPU, cpus))
	}
	left := here.host.Summary.Hardware.MemorySize
	for _, each := range simulator.Map.All("VirtualMachine") {
		if m, ours := each.(*Machine); ours && m.running() != nil {
			left -= reserved(m.config())
		}
	}
	if wanted := reserved(config); wanted > left {
		return &types.InsufficientMemoryResourcesFault{Unreserved: left, Requested: wanted}
	}
	return nil
}

// reserved is how much memory is kept for a machine, in bytes.
func reserved(config *Config) int64 {
	if kept := config.MemoryAllocation.Reservation; kept != nil {
		return *kept << 20
	}
	return 0
}

// PowerOffVMTask pulls its plug.
func (m *Machine) PowerOffVMTask(ctx *simulator.Context, r *types.PowerOffVM_Task) soap.HasFault {
	task := m.begin(ctx, "PowerOffVM_Task", func(user string) (types.AnyType, fault) {
		if m.powerState() == off {
			return nil, m.invalid(off)
		}
		post(user, &types.VmStoppingEvent{VmEvent: m.event()})
		m.stop()
		m.dropSaved()
		m.show(off, nil)
		post(user, &types.VmPoweredOffEvent{VmEvent: m.event()})
		return nil, nil
	})
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{Returnval: task}}
}

// SuspendVMTask writes its memory beside its .vmx, and ends its process.
func (m *Machine) SuspendVMTask(ctx *simulator.Context, r *types.SuspendVM_Task) soap.HasFault {
	task := m.begin(ctx, "SuspendVM_Task", func(user string) (types.AnyType, fault) {
		p := m.running()
		if p == nil {
			return nil, m.invalid(suspended)
		}
		post(user, &types.VmSuspendingEvent{VmEvent: m.event()})
		config := m.config()
		saved := fmt.Sprintf("%s-%08x.vmss", config.Name, rand.Uint32())
		file := path.Join(folderOf(config), saved)
		if wrong := here.store.room(int64(config.Hardware.MemoryMB) << 20); wrong != nil {
			return nil, wrong
		}
		wrong := p.save(memoryOf(file), func() fault { return written(config, folderOf(config)).write(file) })
		if wrong != nil {
			_, _ = p.ask("cont", nil)
			return nil, wrong
		}
		m.stop()
		m.saved = saved
		m.publish(config)
		m.show(suspended, nil)
		post(user, &types.VmSuspendedEvent{VmEvent: m.event()})
		return nil, nil
	})
	return &methods.SuspendVM_TaskBody{Res: &types.SuspendVM_TaskResponse{Returnval: task}}
}

// resume goes on from where it was suspended; what was kept for that is gone then.
func (m *Machine) resume(user string) fault {
	config := m.config()
	file := path.Join(folderOf(config), m.saved)
	if _, err := os.Stat(file); err != nil {
		return fileFault(file, err)
	}
	post(user, &types.VmResumingEvent{VmEvent: m.event()})
	if wrong := m.start(config, memoryOf(file)); wrong != nil {
		return wrong
	}
	m.dropSaved()
	m.show(on, nil)
	post(user, &types.VmPoweredOnEvent{VmEvent: m.event()})
	_, wrong := m.running().ask("cont", nil)
	return wrong
}

func (m *Machine) dropSaved() {
	config := m.config()
	if m.saved != "" {
		file := path.Join(folderOf(config), m.saved)
		_ = os.Remove(file)
		_ = os.Remove(memoryOf(file))
		m.saved = ""
	}
	m.publish(config)
}

// ResetVMTask presses its button.
func (m *Machine) ResetVMTask(ctx *simulator.Context, r *types.ResetVM_Task) soap.HasFault {
	task := m.begin(ctx, "ResetVM_Task", func(user string) (types.AnyType, fault) {
		p := m.running()
		if p == nil {
			return nil, m.invalid(on)
		}
		post(user, &types.VmResettingEvent{VmEvent: m.event()})
		_, wrong := p.ask("system_reset", nil)
		return nil, wrong
	})
	return &methods.ResetVM_TaskBody{Res: &types.ResetVM_TaskResponse{Returnval: task}}
}

// ShutdownGuest asks the guest to power off.
func (m *Machine) ShutdownGuest(ctx *simulator.Context, r *types.ShutdownGuest) soap.HasFault {
	if wrong := m.ofTools(ctx, "system_powerdown", &types.VmGuestShutdownEvent{VmEvent: m.event()}); wrong != nil {
		return &methods.ShutdownGuestBody{Fault_: soapFaultOf(wrong)}
	}
	return &methods.ShutdownGuestBody{Res: new(types.ShutdownGuestResponse)}
}

// RebootGuest asks the guest to start anew.
func (m *Machine) RebootGuest(ctx *simulator.Context, r *types.RebootGuest) soap.HasFault {
	if wrong := m.ofTools(ctx, "system_reset", &types.VmGuestRebootEvent{VmEvent: m.event()}); wrong != nil {
		return &methods.RebootGuestBody{Fault_: soapFaultOf(wrong)}
	}
	return &methods.RebootGuestBody{Res: new(types.RebootGuestResponse)}
}

// StandbyGuest asks the guest to sleep: none does.
func (m *Machine) StandbyGuest(ctx *simulator.Context, r *types.StandbyGuest) soap.HasFault {
	return &methods.StandbyGuestBody{Fault_: soapFaultOf(&types.ToolsUnavailable{})}
}

// ofTools asks the guest by its Tools.
func (m *Machine) ofTools(ctx *simulator.Context, order string, event types.BaseEvent) fault {
	p := m.running()
	switch {
	case p == nil:
		return &types.InvalidPowerState{RequestedState: on, ExistingState: m.Runtime.PowerState}
	case !strings.EqualFold(option(m.Config, "vcsim.tools"), "TRUE"):
		return &types.ToolsUnavailable{}
	}
	user := userOf(ctx)
	go func() {
		post(user, event)
		_, _ = p.ask(order, nil)
	}()
	return nil
}
