"""The Store: the only boundary to SQL, and the payload guard at it. `protocol` is what it promises."""
