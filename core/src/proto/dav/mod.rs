//! WebDAV XML: request bodies to types, types to answer bodies (RFC 4918, RFC 5323, RFC 5689).
//!
//! Bodies come from strangers, so [`xml`] is strict about form and size; the request types are
//! strict about what the RFCs demand and lenient where the apps are sloppy. The answers copy the
//! recorded server byte for byte, prefixes included: the apps look them up literally.

mod chars;
mod error_body;
mod escape;
mod exception;
mod filter_files;
#[cfg(test)]
mod limits;
mod lock;
mod lockinfo;
mod mkcol;
mod multistatus;
pub mod names;
mod propfind;
mod proppatch;
mod search;
mod tag;
pub mod xml;

pub use error_body::{Condition, error_body};
pub use exception::exception_of;
pub use filter_files::{FilterFiles, FilterRule};
pub use lock::{
    ActiveLock, LockDepth, LockTimeout, PropBody, SUPPORTED_LOCK, UserLock, active_locks,
    lock_body, user_lock_body,
};
pub use lockinfo::{LockInfo, LockScope};
pub use mkcol::MkcolBody;
pub use multistatus::{Multistatus, PropstatGroup, Response};
pub use names::PropName;
pub use propfind::Propfind;
pub use proppatch::{PropOp, Proppatch};
pub use search::{Direction, Op, Order, Scope, SearchDepth, SearchRequest, Where};
pub use tag::Tag;
pub use xml::{Element, XmlError, XmlLimits};
