package main

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// PropertyCollector is the simulator's, but that it can be destroyed when it has several filters.
type PropertyCollector struct{ simulator.PropertyCollector }

// CreatePropertyCollector makes another one.
func (c *PropertyCollector) CreatePropertyCollector(ctx *simulator.Context, r *types.CreatePropertyCollector) soap.HasFault {
	made := ctx.Session.Put(&PropertyCollector{}).Reference()
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{Returnval: made}}
}

// DestroyPropertyCollector ends it, and whoever waits for what it hears.
func (c *PropertyCollector) DestroyPropertyCollector(ctx *simulator.Context, r *types.DestroyPropertyCollector) soap.HasFault {
	c.CancelWaitForUpdates(&types.CancelWaitForUpdates{This: r.This})
	for _, each := range append([]Ref(nil), c.Filter...) {
		filter := ctx.Session.Get(each).(*simulator.PropertyFilter)
		filter.DestroyPropertyFilter(ctx, &types.DestroyPropertyFilter{This: each})
	}
	ctx.Session.Remove(r.This)
	ctx.Map.RemoveHandler(&c.PropertyCollector)
	return &methods.DestroyPropertyCollectorBody{Res: new(types.DestroyPropertyCollectorResponse)}
}
