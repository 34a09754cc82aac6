//! The index in SQLite. (under construction)
