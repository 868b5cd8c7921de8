package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// process is a machine's QEMU. It dies with us.
type process struct {
	command *exec.Cmd
	orders  io.WriteCloser
	asking  sync.Mutex
	answers chan reply
	said    bytes.Buffer
	ended   chan struct{}
	byGuest atomic.Bool // its guest has powered it off
	reboot  func()
}

type reply struct {
	Return json.RawMessage
	Error  *struct{ Desc string }
	Event  string
	Data   struct{ Guest bool }
}

// The kernel ends a process with the thread that started it: one that never ends starts all.
var starting = make(chan func())

func init() {
	go func() {
		runtime.LockOSThread()
		for start := range starting {
			start()
		}
	}()
}

// launch starts QEMU with a command line, paused. `reboot` is called when its guest resets it.
func launch(words []string, reboot func()) (*process, fault) {
	p := &process{
		command: exec.Command("qemu-system-x86_64", words...), answers: make(chan reply, 16),
		ended: make(chan struct{}), reboot: reboot,
	}
	p.command.Stderr = &p.said
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.orders, _ = p.command.StdinPipe()
	told, err := p.command.StdoutPipe()
	if err != nil {
		return nil, &types.SystemError{Reason: err.Error()}
	}
	done := make(chan error)
	starting <- func() { done <- p.command.Start() }
	if err := <-done; err != nil {
		return nil, &types.SystemError{Reason: err.Error()}
	}
	go p.listen(told)
	if _, wrong := p.ask("qmp_capabilities", nil); wrong != nil {
		<-p.ended
		log.Printf("QEMU: %s", p.said.String())
		return nil, lockOr("", p.said.String())
	}
	return p, nil
}

// listen hears what it says until it has ended.
func (p *process) listen(told io.Reader) {
	lines := bufio.NewScanner(told)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var each reply
		if json.Unmarshal(lines.Bytes(), &each) != nil {
			continue
		}
		switch {
		case each.Event == "SHUTDOWN" && each.Data.Guest:
			p.byGuest.Store(true)
		case each.Event == "RESET" && each.Data.Guest:
			go p.reboot()
		case each.Return != nil || each.Error != nil:
			p.answers <- each
		}
	}
	_ = p.command.Wait()
	close(p.ended)
}

// ask gives it an order and returns its answer.
func (p *process) ask(order string, arguments interface{}) (json.RawMessage, fault) {
	p.asking.Lock()
	defer p.asking.Unlock()
	message := map[string]interface{}{"execute": order}
	if arguments != nil {
		message["arguments"] = arguments
	}
	data, _ := json.Marshal(message)
	_, _ = p.orders.Write(append(data, '\n'))
	select {
	case answer := <-p.answers:
		if answer.Error != nil {
			log.Printf("QEMU refuses %s: %s", order, answer.Error.Desc)
			return nil, refused(answer.Error.Desc)
		}
		return answer.Return, nil
	case <-p.ended:
		return nil, refused("QEMU has ended: " + strings.TrimSpace(p.said.String()))
	}
}

// end pulls its plug, and returns when it is gone.
func (p *process) end() {
	go p.ask("quit", nil) // what it has in hand of its disks is written
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

// save writes its memory and the state of its devices into a file, while it runs; at last it stands still, for
// `standing` to do what must be done then. It does not go on by itself.
func (p *process) save(file string, standing func() fault) fault {
	capability := map[string]interface{}{"capability": "pause-before-switchover", "state": true}
	for _, each := range []struct {
		order     string
		arguments map[string]interface{}
	}{
		{"migrate-set-capabilities", map[string]interface{}{"capabilities": []interface{}{capability}}},
		{"migrate-set-parameters", map[string]interface{}{"max-bandwidth": int64(1) << 40}},
		{"migrate", map[string]interface{}{"uri": "exec:cat >" + quoted(file)}},
	} {
		if _, wrong := p.ask(each.order, each.arguments); wrong != nil {
			return wrong
		}
	}
	if wrong := p.await("pre-switchover"); wrong != nil {
		return wrong
	}
	if wrong := standing(); wrong != nil {
		_, _ = p.ask("migrate_cancel", nil)
		return wrong
	}
	if _, wrong := p.ask("migrate-continue", map[string]string{"state": "pre-switchover"}); wrong != nil {
		return wrong
	}
	return p.await("completed")
}

// load takes up what `save` has written.
func (p *process) load(file string) fault {
	if _, wrong := p.ask("migrate-incoming", map[string]string{"uri": "exec:cat " + quoted(file)}); wrong != nil {
		return wrong
	}
	return p.await("completed")
}

// await returns when saving or loading has come so far.
func (p *process) await(wanted string) fault {
	for {
		answer, wrong := p.ask("query-migrate", nil)
		if wrong != nil {
			return wrong
		}
		var told struct {
			Status string
			Desc   string `json:"error-desc"`
		}
		_ = json.Unmarshal(answer, &told)
		switch told.Status {
		case wanted:
			return nil
		case "failed", "cancelled", "completed":
			return &types.InvalidSnapshotFormat{}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func quoted(file string) string { return "'" + strings.ReplaceAll(file, "'", `'\''`) + "'" }

// changeMedia puts other discs into its drives, or none.
func (p *process) changeMedia(changes []types.BaseVirtualDeviceConfigSpec) fault {
	for _, each := range changes {
		drive := each.GetVirtualDeviceConfigSpec().Device.(*types.VirtualCdrom)
		id := fmt.Sprintf("device%d", drive.Key)
		file := discOf(drive)
		if file == "" || drive.Connectable != nil && !drive.Connectable.Connected {
			if _, wrong := p.ask("eject", map[string]interface{}{"id": id, "force": true}); wrong != nil {
				return wrong
			}
			continue
		}
		arguments := map[string]interface{}{"id": id, "filename": file, "format": "raw", "read-only-mode": "read-only", "force": true}
		if _, wrong := p.ask("blockdev-change-medium", arguments); wrong != nil {
			return wrong
		}
	}
	return nil
}
