package main

import (
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	storeName = "store1"
	storeUUID = "5f0c1e2a-3b4d5e6f-7a8b-005056c00001"
	volumes   = "/vmfs/volumes/"
)

// Datastore is a VMFS by its looks, and a folder of this computer.
type Datastore struct {
	simulator.Datastore
	folder   string
	capacity int64
}

func newDatastore(s site, folder string, capacity int64) *Datastore {
	system := simulator.Map.Get(*s.host.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem)
	request := &types.CreateLocalDatastore{Name: storeName, Path: folder}
	answer := system.CreateLocalDatastore(whoever(""), request)
	if answer.Fault() != nil {
		log.Fatal(answer.Fault().String)
	}
	ref := answer.(*methods.CreateLocalDatastoreBody).Res.Returnval
	store := &Datastore{Datastore: *simulator.Map.Get(ref).(*simulator.Datastore), folder: folder, capacity: capacity}
	info := types.DatastoreInfo{Name: storeName, Url: "ds://" + volumes + storeUUID + "/", MaxFileSize: 1 << 46}
	vmfs := &types.HostVmfsVolume{Uuid: storeUUID, Version: "6.82", MajorVersion: 6, BlockSizeMb: 1}
	vmfs.Name, vmfs.Type, vmfs.Capacity = storeName, "VMFS", capacity
	store.Info = &types.VmfsDatastoreInfo{DatastoreInfo: info, Vmfs: vmfs}
	store.Summary.Url, store.Summary.Type, store.Summary.Capacity = info.Url, "VMFS", capacity
	browser := &HostDatastoreBrowser{}
	browser.Self = Ref{Type: "HostDatastoreBrowser", Value: "datastoreBrowser-" + storeName}
	browser.Datastore = []Ref{store.Self}
	store.Browser = simulator.Map.Put(browser).Reference()
	store.measure()
	simulator.Map.Put(store)
	return store
}

// RefreshDatastore renews what the summary says of free space: as with a real one, it stays as it is meanwhile.
func (d *Datastore) RefreshDatastore(*types.RefreshDatastore) soap.HasFault {
	d.measure()
	return &methods.RefreshDatastoreBody{Res: new(types.RefreshDatastoreResponse)}
}

// RefreshDatastoreStorageInfo does the same.
func (d *Datastore) RefreshDatastoreStorageInfo(*types.RefreshDatastoreStorageInfo) soap.HasFault {
	d.measure()
	return &methods.RefreshDatastoreStorageInfoBody{Res: new(types.RefreshDatastoreStorageInfoResponse)}
}

func (d *Datastore) measure() {
	d.Summary.FreeSpace = d.free()
	d.Info.GetDatastoreInfo().FreeSpace = d.Summary.FreeSpace
}

// free is how many bytes are left.
func (d *Datastore) free() int64 {
	left := d.capacity
	_ = filepath.WalkDir(d.folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if about, err := entry.Info(); err == nil {
			left -= about.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	})
	if left < 0 {
		return 0
	}
	return left
}

// room is a fault if so many bytes more are too many.
func (d *Datastore) room(bytes int64) fault {
	if bytes > d.free() {
		return &types.NoDiskSpace{FileFault: types.FileFault{File: "[" + storeName + "]"}, Datastore: storeName}
	}
	return nil
}

// file is where a path such as "[store1] folder/file" is on this computer.
func (d *Datastore) file(name string) (string, fault) {
	var parsed object.DatastorePath
	if !parsed.FromString(name) || parsed.Datastore != storeName || climbs(parsed.Path) {
		invalid := types.InvalidDatastore{Name: parsed.Datastore}
		return "", &types.InvalidDatastorePath{InvalidDatastore: invalid, DatastorePath: name}
	}
	return path.Join(d.folder, parsed.Path), nil
}

func climbs(name string) bool {
	for _, part := range strings.Split(name, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}

// name is the datastore's path of a file of this computer.
func (d *Datastore) name(file string) string {
	relative, err := filepath.Rel(d.folder, file)
	if err != nil || relative == "." {
		return "[" + storeName + "]"
	}
	return "[" + storeName + "] " + relative
}

// absolute is how a .vmx in a folder tells of a file: by name if it is beside it, else by its path on the host.
func (d *Datastore) absolute(folder, file string) string {
	if path.Dir(file) == folder {
		return path.Base(file)
	}
	relative, _ := filepath.Rel(d.folder, file)
	return volumes + storeUUID + "/" + relative
}

// told is the file that a .vmx in a folder tells of.
func (d *Datastore) told(folder, name string) string {
	for _, each := range []string{storeName, storeUUID} {
		if inside := strings.TrimPrefix(name, volumes+each+"/"); inside != name && !climbs(inside) {
			return path.Join(d.folder, inside)
		}
	}
	return path.Join(folder, path.Base(name))
}

// fileFault tells of a file what the system says.
func fileFault(file string, err error) fault {
	about := types.FileFault{File: here.store.name(file)}
	switch {
	case os.IsNotExist(err):
		return &types.FileNotFound{FileFault: about}
	case os.IsExist(err):
		return &types.FileAlreadyExists{FileFault: about}
	}
	log.Printf("%s: %s", file, err)
	return &types.CannotAccessFile{FileFault: about}
}
