//! Tests of the whole room, over the index.
