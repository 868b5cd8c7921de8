// A vSphere API for tests: govmomi's simulator, with machines of its own, each a QEMU process while it is powered on.
// What it honours is told in ../__init__.py. It says on its standard output which port it got, and ends with whoever
// started it.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/vpx"
)

var (
	user     = flag.String("user", "administrator@vsphere.local", "who may log in")
	password = os.Getenv("VCSIM_PASSWORD")
)

func main() {
	listen := flag.String("listen", "127.0.0.2:0", "address and port; 0: any")
	certificate := flag.String("certificate", "", "file in PEM")
	key := flag.String("key", "", "file in PEM")
	folder := flag.String("datastore", "", "the folder that is the datastore")
	capacity := flag.Int64("capacity", 1<<40, "of the datastore, in bytes")
	memory := flag.Int64("memory", 64<<30, "of the host, in bytes")
	cpus := flag.Int("cpus", 8, "of the host")
	lifetime := flag.Duration("lifetime", time.Hour, "after which it ends by itself")
	flag.Parse()

	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	model := &simulator.Model{
		ServiceContent: vpx.ServiceContent, RootFolder: vpx.RootFolder, Datacenter: 1, Cluster: 1, ClusterHost: 1,
	}
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	here = furnish(*folder, *capacity, *memory, *cpus)
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	model.Service.Listen = &url.URL{Host: *listen, User: url.UserPassword(*user, password)}
	server := model.Service.NewServer()
	server.Config.Handler = front{api: server.Config.Handler}
	fmt.Println(server.URL.Port())
	time.Sleep(*lifetime)
}
