"""The KVM and QEMU hypervisor plugin."""
