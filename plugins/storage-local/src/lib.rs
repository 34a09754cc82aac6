//! storage-local
