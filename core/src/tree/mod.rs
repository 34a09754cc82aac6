//! The tree: rules of nodes, etags, sizes, conditions and locks.
