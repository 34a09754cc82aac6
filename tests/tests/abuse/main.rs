//! What attackers send, sent to the built server as the bytes they are (`threats.md` §0 to §6, §8).
//!
//! One file a subject. `docs/security.md` has the table from each promise to its test; what a table
//! in the core's own tests shows already is not repeated here.

mod access;
mod audit;
mod destination;
mod flows;
mod house;
mod limits;
mod logins;
mod logs;
mod operation;
mod paths;
mod ranges;
mod sessions;
mod xml;
