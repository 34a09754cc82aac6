//! What a storage sees of changes that others make: hints, and folders as they are.
//!
//! The core compares what it is told of with its index, so a hint too many costs a look, and one too
//! few is a change that nobody learns of.

use super::Entry;
use crate::BoxFuture;

/// A folder of the live tree, looked at as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Its files and folders by name, in any order.
    pub members: Vec<(String, Entry)>,
    /// What else is in it, which is never served.
    pub unusable: Vec<Unusable>,
}

/// Something in a live folder that no client can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unusable {
    /// Its name, made printable: bytes that are not UTF-8 and control characters as `\xNN`.
    pub name: String,
    /// Why.
    pub why: WhyUnusable,
}

/// Why something in a live folder cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyUnusable {
    /// Its name is not UTF-8.
    NotUtf8,
    /// Its name is not in Unicode's form NFC. The core says this of members.
    NotNfc,
    /// Its name has characters, or a length, that no client may send. The core says this of members.
    Impossible,
    /// It is a symbolic link, which is never followed.
    Link,
    /// It is a device, a socket or a pipe.
    Special,
    /// The server may not read it, or the disk cannot. The core says this.
    Unreadable,
}

/// A hint that something in the live tree may have changed; who gets it looks for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The member `name` of `folder` came, went or changed, by whomever. Told again for each change,
    /// so that a reader can wait until they stop; many at once may be told as one.
    Member {
        /// Path of the folder.
        folder: String,
        /// Name of the member; neither its existence nor its kind is known.
        name: String,
    },
    /// Any member of the folder may have changed. Told for every folder when a watch begins and
    /// after hints were lost, and for a folder that came (then also for all below it).
    Folder {
        /// Path of the folder.
        path: String,
        /// Whether later changes in it will be told. If not (the system's limit of watches is used
        /// up), it has to be looked at from time to time, and so has what is below it and was not
        /// told of; told again with `true` once it can be.
        watched: bool,
    },
}

/// Hints about changes in the live tree. Dropping it ends the watch.
pub trait Watch: Send + 'static {
    /// Waits until something was seen, and gives all of it, oldest first. Each change is told at
    /// least once after it happened, or its folder is. `None` once nothing will be seen any more.
    ///
    /// Dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Option<Vec<Seen>>>;

    /// Folders that are watched now, and folders that could not be.
    fn counts(&self) -> (u64, u64);

    /// How often hints were lost, after which every folder is told; for the log.
    fn lost(&self) -> u64 {
        0
    }
}
