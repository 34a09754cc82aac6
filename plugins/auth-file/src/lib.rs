//! auth-file
