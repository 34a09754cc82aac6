//! The pipeline: from a connection's request to a room and back.
