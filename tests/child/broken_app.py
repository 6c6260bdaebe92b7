"""An app whose import fails."""

raise RuntimeError("the disk of this app is full")
