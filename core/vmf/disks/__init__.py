"""Images of disks, as users and guests bring them: looked at by readers of our own before any program of QEMU's is."""
