"""What the libvirt-based hypervisor plugins share."""
