package main

import (
	"fmt"
	"log"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// What the API calls by long names is everywhere here.
type (
	fault  = types.BaseMethodFault
	Config = types.VirtualMachineConfigInfo
	Ref    = types.ManagedObjectReference
)

// work is what a task does: its result, or why it failed.
type work func() (types.AnyType, fault)

// begin starts a task and answers at once, as a vCenter does. An injected fault may take the work's place. `ends` are
// called when the task ends, whatever it comes to, before that is told.
func begin(on mo.Reference, method string, work work, ends ...func()) Ref {
	task := simulator.CreateTask(on, strings.TrimSuffix(method, "_Task"), nil)
	task.Info.Name = method
	entity, ok := on.(mo.Entity)
	if !ok { // a manager is none
		entity = here.datacenter
	}
	task.Info.Entity, task.Info.EntityName = &entity.Entity().Self, entity.Entity().Name
	go func() {
		change(task,
			types.PropertyChange{Name: "info.startTime", Val: time.Now()},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateRunning})
		injected := pick(method, "task", "slow")
		time.Sleep(injected.delay())
		var result types.AnyType
		var failed fault
		if injected != nil && injected.Mode == "task" {
			failed = injected.fault()
		} else {
			result, failed = attempt(method, work)
		}
		for _, each := range ends {
			each()
		}
		finish(task, result, failed)
	}()
	return task.Self
}

// attempt does the work; a mistake of ours is the task's fault, not the end of everybody's machines.
func attempt(method string, work work) (result types.AnyType, failed fault) {
	defer func() {
		if mistake := recover(); mistake != nil {
			log.Printf("%s: %v\n%s", method, mistake, debug.Stack())
			failed = &types.SystemError{Reason: fmt.Sprint(mistake)}
		}
	}()
	return work()
}

func finish(task *simulator.Task, result types.AnyType, failed fault) {
	state := types.TaskInfoStateSuccess
	var told interface{}
	if failed != nil {
		state = types.TaskInfoStateError
		told = types.LocalizedMethodFault{Fault: failed, LocalizedMessage: message(failed)}
		log.Printf("%s: %s", task.Info.Name, message(failed))
	}
	change(task,
		types.PropertyChange{Name: "info.completeTime", Val: time.Now()},
		types.PropertyChange{Name: "info.result", Val: result},
		types.PropertyChange{Name: "info.error", Val: told},
		types.PropertyChange{Name: "info.state", Val: state})
}

// refused is the fault of a configuration that cannot be had.
func refused(reason string) fault { return &types.GenericVmConfigFault{Reason: reason} }

// message is what a fault says to people.
func message(failed fault) string {
	name := reflect.TypeOf(failed).Elem().Name()
	switch each := failed.(type) {
	case *types.GenericVmConfigFault:
		return each.Reason
	case *types.SystemError:
		return each.Reason
	case *types.InvalidArgument:
		return "A specified parameter was not correct: " + each.InvalidProperty
	case types.BaseFileFault:
		return name + ": " + each.GetFileFault().File
	}
	return name
}

// post lets all know of events, in a user's name; what nobody asked for has an empty one.
func post(user string, events ...types.BaseEvent) {
	manager := simulator.Map.EventManager()
	simulator.Map.WithLock(manager, func() {
		for _, event := range events {
			manager.PostEvent(whoever(user), &types.PostEvent{EventToPost: event})
		}
	})
}

// userOf is who makes a call.
func userOf(ctx *simulator.Context) string {
	if ctx == nil || ctx.Session == nil {
		return ""
	}
	return ctx.Session.UserName
}
