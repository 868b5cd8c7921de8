"""vmf runs virtual machines as batch jobs on any hypervisor."""

__version__ = "0.1.0"
