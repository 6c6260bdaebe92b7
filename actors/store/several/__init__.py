"""Several namespaces as one Store, for a node that serves them all.

    Distributor, Acker, ... ──▶ SeveralStore ─┬─▶ Store of namespace a ◀── NamespaceView ◀── its
                                              └─▶ Store of namespace b ◀── ...     maintenance

The actors of the work know of one node, one lease and one claim; here several are made of each.
"""

from actors.store.several.store import SeveralStore
from actors.store.several.view import NamespaceView

__all__ = ["NamespaceView", "SeveralStore"]
