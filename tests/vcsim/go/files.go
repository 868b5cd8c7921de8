package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// FileManager moves a datastore's files.
type FileManager struct{ mo.FileManager }

// located is the file that a path means; a vCenter wants to know the datacenter, too.
func located(datacenter *Ref, name string) (string, fault) {
	if datacenter == nil || *datacenter != here.datacenter.Self {
		return "", &types.InvalidArgument{InvalidProperty: "datacenter"}
	}
	return here.store.file(name)
}

// MakeDirectory makes a folder.
func (f *FileManager) MakeDirectory(r *types.MakeDirectory) soap.HasFault {
	folder, wrong := located(r.Datacenter, r.Name)
	if wrong == nil {
		make := os.Mkdir
		if r.CreateParentDirectories != nil && *r.CreateParentDirectories {
			make = os.MkdirAll
		}
		if _, err := os.Stat(folder); err == nil {
			wrong = fileFault(folder, os.ErrExist)
		} else if err := make(folder, 0o755); err != nil {
			wrong = fileFault(folder, err)
		}
	}
	if wrong != nil {
		return &methods.MakeDirectoryBody{Fault_: soapFaultOf(wrong)}
	}
	return &methods.MakeDirectoryBody{Res: new(types.MakeDirectoryResponse)}
}

// DeleteDatastoreFileTask deletes a file, or a folder with all that is in it.
func (f *FileManager) DeleteDatastoreFileTask(r *types.DeleteDatastoreFile_Task) soap.HasFault {
	task := begin(f, "DeleteDatastoreFile_Task", func() (types.AnyType, fault) {
		file, wrong := located(r.Datacenter, r.Name)
		if wrong != nil {
			return nil, wrong
		}
		if _, err := os.Stat(file); err != nil {
			return nil, fileFault(file, err)
		}
		if lockedByMachine(file) {
			return nil, &types.FileLocked{FileFault: types.FileFault{File: r.Name}}
		}
		if err := os.RemoveAll(file); err != nil {
			return nil, fileFault(file, err)
		}
		return nil, nil
	})
	return &methods.DeleteDatastoreFile_TaskBody{Res: &types.DeleteDatastoreFile_TaskResponse{Returnval: task}}
}

// CopyDatastoreFileTask copies a file.
func (f *FileManager) CopyDatastoreFileTask(r *types.CopyDatastoreFile_Task) soap.HasFault {
	task := begin(f, "CopyDatastoreFile_Task", func() (types.AnyType, fault) {
		source, target, wrong := pair(r.SourceDatacenter, r.SourceName, r.DestinationDatacenter, r.DestinationName, r.Force)
		if wrong != nil {
			return nil, wrong
		}
		about, err := os.Stat(source)
		if err != nil {
			return nil, fileFault(source, err)
		}
		if wrong := here.store.room(about.Size()); wrong != nil {
			return nil, wrong
		}
		return nil, copyFile(source, target)
	})
	return &methods.CopyDatastoreFile_TaskBody{Res: &types.CopyDatastoreFile_TaskResponse{Returnval: task}}
}

// MoveDatastoreFileTask moves a file or a folder.
func (f *FileManager) MoveDatastoreFileTask(r *types.MoveDatastoreFile_Task) soap.HasFault {
	task := begin(f, "MoveDatastoreFile_Task", func() (types.AnyType, fault) {
		source, target, wrong := pair(r.SourceDatacenter, r.SourceName, r.DestinationDatacenter, r.DestinationName, r.Force)
		if wrong != nil {
			return nil, wrong
		}
		if err := os.Rename(source, target); err != nil {
			return nil, fileFault(source, err)
		}
		return nil, nil
	})
	return &methods.MoveDatastoreFile_TaskBody{Res: &types.MoveDatastoreFile_TaskResponse{Returnval: task}}
}

// pair is where something comes from and goes to. An unset datacenter of the target is the source's.
func pair(from *Ref, source string, to *Ref, target string, force *bool) (string, string, fault) {
	if to == nil {
		to = from
	}
	old, wrong := located(from, source)
	if wrong != nil {
		return "", "", wrong
	}
	if _, err := os.Stat(old); err != nil {
		return "", "", fileFault(old, err)
	}
	new, wrong := located(to, target)
	if wrong != nil {
		return "", "", wrong
	}
	if _, err := os.Stat(new); err == nil && (force == nil || !*force) {
		return "", "", fileFault(new, os.ErrExist)
	}
	return old, new, nil
}

func copyFile(source, target string) fault {
	if err := exec.Command("cp", "--sparse=always", "--reflink=auto", "--", source, target).Run(); err != nil {
		return fileFault(target, err)
	}
	return nil
}

// HostDatastoreBrowser lists a datastore's files.
type HostDatastoreBrowser struct{ mo.HostDatastoreBrowser }

// SearchDatastoreTask lists a folder's.
func (b *HostDatastoreBrowser) SearchDatastoreTask(r *types.SearchDatastore_Task) soap.HasFault {
	task := begin(here.store, "SearchDatastore_Task", func() (types.AnyType, fault) {
		folder, wrong := here.store.file(r.DatastorePath)
		if wrong != nil {
			return nil, wrong
		}
		return found(folder, r.SearchSpec)
	})
	return &methods.SearchDatastore_TaskBody{Res: &types.SearchDatastore_TaskResponse{Returnval: task}}
}

// SearchDatastoreSubFoldersTask lists a folder's, and those of all folders in it.
func (b *HostDatastoreBrowser) SearchDatastoreSubFoldersTask(r *types.SearchDatastoreSubFolders_Task) soap.HasFault {
	task := begin(here.store, "SearchDatastoreSubFolders_Task", func() (types.AnyType, fault) {
		top, wrong := here.store.file(r.DatastorePath)
		if wrong != nil {
			return nil, wrong
		}
		if _, err := os.Stat(top); err != nil {
			return nil, fileFault(top, err)
		}
		var all types.ArrayOfHostDatastoreBrowserSearchResults
		_ = filepath.Walk(top, func(folder string, about os.FileInfo, err error) error {
			if err == nil && about.IsDir() {
				each, _ := found(folder, r.SearchSpec)
				all.HostDatastoreBrowserSearchResults = append(all.HostDatastoreBrowserSearchResults, each)
			}
			return nil
		})
		return all, nil
	})
	return &methods.SearchDatastoreSubFolders_TaskBody{Res: &types.SearchDatastoreSubFolders_TaskResponse{Returnval: task}}
}

// found is what a folder has that a search looks for: by name, with what it wants to know.
func found(folder string, spec *types.HostDatastoreBrowserSearchSpec) (types.HostDatastoreBrowserSearchResults, fault) {
	results := types.HostDatastoreBrowserSearchResults{Datastore: &here.store.Self, FolderPath: here.store.name(folder)}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return results, fileFault(folder, err)
	}
	for _, entry := range entries {
		about, err := entry.Info()
		if err != nil || spec != nil && !matches(spec.MatchPattern, entry.Name()) {
			continue
		}
		info := types.FileInfo{Path: entry.Name()}
		if spec != nil && spec.Details != nil && spec.Details.FileSize {
			info.FileSize = about.Size()
		}
		if spec != nil && spec.Details != nil && spec.Details.Modification {
			modified := about.ModTime()
			info.Modification = &modified
		}
		var told types.BaseFileInfo = &info
		if entry.IsDir() {
			told = &types.FolderFileInfo{FileInfo: info}
		}
		results.File = append(results.File, told)
	}
	return results, nil
}

func matches(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if fits, _ := path.Match(pattern, name); fits {
			return true
		}
	}
	return len(patterns) == 0
}
