"""Cannot even be imported."""

from __future__ import annotations

raise RuntimeError("this plugin is broken on purpose")
