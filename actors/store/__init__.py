"""The Store: the only boundary to SQL, with the payload guard. `protocol` is what it promises."""
