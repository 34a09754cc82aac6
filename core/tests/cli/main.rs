//! The command line as an administrator uses it: the built binary, beside a running server and
//! without one.

mod bed;
mod commands;
mod fsck;
mod signals;
mod socket;
