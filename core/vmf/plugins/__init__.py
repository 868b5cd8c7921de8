"""Finding plugins, and calling them: the one typed façade over pluggy.

Each entry point is loaded by itself: a broken plugin is listed with its error and harms no other. Nothing outside
this room calls a hook.
"""

from vmf.plugins.failures import PluginFailed
from vmf.plugins.hypervisor import Hypervisor
from vmf.plugins.registry import HYPERVISORS, OTHERS, Listed, Plugins

__all__ = ["HYPERVISORS", "OTHERS", "Hypervisor", "Listed", "PluginFailed", "Plugins"]
