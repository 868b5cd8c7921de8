package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// injection is what goes wrong with the next calls of a method; modes are told in ../running.py.
type injection struct {
	Method  string  `json:"method"`
	Mode    string  `json:"mode"`
	Fault   string  `json:"fault"`
	Status  int     `json:"status"`
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	Count   int     `json:"count"`
}

var (
	injections []*injection
	injecting  sync.Mutex
	called     = regexp.MustCompile(`Body[^>]*>\s*<(?:\w+:)?(\w+)`)
)

// pick takes the injection of one of the modes that is next for a method; nil if there is none.
func pick(method string, modes ...string) *injection {
	injecting.Lock()
	defer injecting.Unlock()
	for i, each := range injections {
		if each.Method != method || !contains(modes, each.Mode) {
			continue
		}
		if each.Count--; each.Count == 0 {
			injections = append(injections[:i:i], injections[i+1:]...)
		}
		return each
	}
	return nil
}

func contains(words []string, word string) bool {
	for _, each := range words {
		if each == word {
			return true
		}
	}
	return false
}

func (i *injection) delay() time.Duration {
	if i == nil {
		return 0
	}
	return time.Duration(i.Seconds * float64(time.Second))
}

// fault is one of the type that is asked for, with what such a fault must have.
func (i *injection) fault() fault {
	switch i.Fault {
	case "InvalidPowerState":
		return &types.InvalidPowerState{RequestedState: on, ExistingState: off}
	case "TaskInProgress":
		return &types.TaskInProgress{Task: Ref{Type: "Task", Value: "task-0"}}
	}
	kind, known := types.TypeFunc()(i.Fault)
	if !known {
		return &types.SystemError{Reason: "no such fault: " + i.Fault}
	}
	made := reflect.New(kind)
	if object := made.Elem().FieldByName("Object"); object.IsValid() {
		object.Set(reflect.ValueOf(here.datacenter.Self))
	}
	return made.Interface().(fault)
}

// front is what answers: the tests' own wishes, files of the datastore, and the API.
type front struct{ api http.Handler }

func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/test":
		wish(w, r)
	case strings.HasPrefix(r.URL.Path, "/folder"):
		injected(w, r, r.Method, http.HandlerFunc(access))
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		method := ""
		if found := called.FindSubmatch(body); found != nil {
			method = string(found[1])
		}
		injected(w, r, method, unpanicking{f.api, method})
	default:
		f.api.ServeHTTP(w, r)
	}
}

// injected answers a call of a method, or does to it what was asked for.
func injected(w http.ResponseWriter, r *http.Request, method string, next http.Handler) {
	wrong := pick(method, "soap", "http", "drop", "lose", "delay")
	if wrong == nil {
		next.ServeHTTP(w, r)
		return
	}
	time.Sleep(wrong.delay())
	switch wrong.Mode {
	case "soap":
		soapFault(w, wrong.Fault)
	case "http":
		http.Error(w, "injected", wrong.Status)
	case "drop":
		if r.Method == http.MethodPut {
			r.Body = io.NopCloser(io.LimitReader(r.Body, wrong.Bytes))
			next.ServeHTTP(httptest.NewRecorder(), r)
		} else {
			next.ServeHTTP(&limited{ResponseWriter: w, left: wrong.Bytes}, r)
		}
		hangUp(w, r.Method != http.MethodPut && wrong.Bytes > 0)
	case "lose":
		next.ServeHTTP(httptest.NewRecorder(), r)
		hangUp(w, false)
	default:
		next.ServeHTTP(w, r)
	}
}

// limited sends no more than so many bytes of an answer's body.
type limited struct {
	http.ResponseWriter
	left int64
}

func (l *limited) Write(data []byte) (int, error) {
	if int64(len(data)) > l.left {
		data = data[:l.left]
	}
	l.left -= int64(len(data))
	if len(data) == 0 {
		return 0, io.ErrShortWrite
	}
	return l.ResponseWriter.Write(data)
}

// hangUp closes the connection, after what was written so far has been sent if that is wanted.
func hangUp(w http.ResponseWriter, sent bool) {
	if sent {
		w.(http.Flusher).Flush()
	}
	panic(http.ErrAbortHandler)
}

const envelope = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body>%s</soapenv:Body></soapenv:Envelope>`

func soapFault(w http.ResponseWriter, name string) {
	const told = `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>%[1]s</faultstring><detail>
<%[1]sFault xmlns="urn:vim25" xsi:type="%[1]s"></%[1]sFault></detail></soapenv:Fault>`
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, envelope, fmt.Sprintf(told, name))
}

// unpanicking makes a SOAP fault of the simulator's own mistakes.
type unpanicking struct {
	api    http.Handler
	method string
}

func (u unpanicking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		mistake := recover()
		switch {
		case mistake == nil:
		case u.method == "Fetch": // what is not set, a real one leaves out of the answer
			fmt.Fprintf(w, envelope, `<FetchResponse xmlns="urn:vim25"></FetchResponse>`)
		default:
			log.Printf("%s: %v\n%s", u.method, mistake, debug.Stack())
			soapFault(w, "SystemError")
		}
	}()
	u.api.ServeHTTP(w, r)
}

// wish does what a test asks for: POST adds an injection, DELETE takes all away, PATCH ends all sessions.
func wish(w http.ResponseWriter, r *http.Request) {
	if !authentic(r) {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	switch r.Method {
	case http.MethodPost:
		wanted := new(injection)
		if err := json.NewDecoder(r.Body).Decode(wanted); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		injecting.Lock()
		injections = append(injections, wanted)
		injecting.Unlock()
	case http.MethodDelete:
		injecting.Lock()
		injections = nil
		injecting.Unlock()
	case http.MethodPatch:
		expire()
	}
}

// expire ends all sessions, as their time does.
func expire() {
	ctx := whoever("")
	self := simulator.Map.SessionManager().Self
	sessions := ctx.Session.Get(self).(*simulator.SessionManager)
	for _, each := range sessions.SessionList {
		sessions.TerminateSession(ctx, &types.TerminateSession{This: self, SessionId: []string{each.Key}})
	}
}
