package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// access is a datastore's files by HTTPS: /folder/PATH?dcPath=DATACENTER&dsName=DATASTORE.
func access(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if !authentic(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="VMware HTTP server"`)
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	datacenter := strings.TrimPrefix(query.Get("dcPath"), "/")
	file, wrong := here.store.file("[" + query.Get("dsName") + "] " + strings.TrimPrefix(r.URL.Path, "/folder"))
	if datacenter != here.datacenter.Name || wrong != nil {
		http.NotFound(w, r)
		return
	}
	switch {
	case r.Method == http.MethodPut && lockedByMachine(file), r.Method == http.MethodGet && dataLocked(file):
		http.Error(w, "locked", http.StatusInternalServerError)
	case r.Method == http.MethodPut:
		receive(w, r, file)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		send(w, r, file)
	default:
		http.Error(w, "", http.StatusMethodNotAllowed)
	}
}

// authentic tells if a request brings a session's cookie, or the name and password.
func authentic(r *http.Request) bool {
	if name, secret, given := r.BasicAuth(); given {
		return name == *user && secret == password
	}
	cookie, err := r.Cookie(soap.SessionCookieName)
	if err != nil {
		return false
	}
	request := &types.SessionIsActive{SessionID: strings.Trim(cookie.Value, `"`), UserName: *user}
	answer := simulator.Map.SessionManager().SessionIsActive(whoever(""), request)
	return answer.(*methods.SessionIsActiveBody).Res.Returnval
}

// receive writes what is sent into a file; what came before the connection broke stays there.
func receive(w http.ResponseWriter, r *http.Request, file string) {
	if wrong := here.store.room(r.ContentLength); wrong != nil {
		http.Error(w, message(wrong), http.StatusInsufficientStorage)
		return
	}
	if _, err := os.Stat(path.Dir(file)); err != nil {
		http.NotFound(w, r)
		return
	}
	status := http.StatusCreated
	if _, err := os.Stat(file); err == nil {
		status = http.StatusOK
	}
	target, err := os.Create(file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer target.Close()
	if _, err := io.Copy(target, r.Body); err != nil {
		log.Printf("PUT %s: %s", file, err)
		return
	}
	w.WriteHeader(status)
}

// send serves a file, or as much of it as is asked for.
func send(w http.ResponseWriter, r *http.Request, file string) {
	source, err := os.Open(file)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer source.Close()
	about, err := source.Stat()
	if err != nil || about.IsDir() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", about.ModTime(), source)
}
