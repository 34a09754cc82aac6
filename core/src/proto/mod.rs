//! Codecs between bytes and types: WebDAV XML, OCS, header fields. No I/O, no clock.
//!
//! Each file holds one field or one format: the type, `parse`, and where we also send it, `write`
//! or `Display`. What is refused here is a 400; nothing here panics on any input.

pub mod authorization;
pub mod checksum;
pub mod chunk_name;
pub mod conditions;
pub mod cookie;
pub mod dates;
pub mod dav;
pub mod depth;
pub mod destination;
pub mod disposition;
pub mod error;
pub mod form;
pub mod forwarded;
pub mod host;
pub mod lock_token;
pub mod media_type;
pub mod merge_patch;
pub mod mtime;
pub mod ocs;
mod ocs_json;
mod ocs_xml;
pub mod overwrite;
pub mod range;
pub mod timeout;
pub mod user_agent;

#[cfg(test)]
mod fuzz;
