"""The Xen hypervisor plugin."""
