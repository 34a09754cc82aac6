//! The disk as a visitor: what others copy, edit, rename and delete in the data folder.
//!
//! A request walks in through the door; a change on the disk is only noticed. So this room begins
//! with hints ([`queue`]), waits until writing has stopped, looks at the disk and at the rows
//! ([`compare`], [`look`]), reads new files, and gives the tree what differs ([`settle`]). The tree believes it as
//! far as nothing was decided meanwhile; the rest is looked at again.
//!
//! Hints come from the storage's watch ([`round`], the [`keeper`] at work). Where it cannot watch, folders are looked at
//! from time to time and before they are listed; `moonsail scan` looks at everything ([`scan`]).

mod compare;
mod counts;
mod keeper;
mod look;
mod moves;
mod queue;
mod round;
mod scan;
mod settle;

pub use counts::{Counts, OutsideMetrics};
pub use keeper::{Keeper, KeeperSettings};
pub use scan::{Scan, ScanNote};
