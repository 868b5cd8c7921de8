"""The VMware hypervisor plugin."""
