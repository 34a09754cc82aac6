//! Visiting folders: what is there decides, events and listings only say where to look.
//!
//! An event names a folder by its watch, and the folder may have another path by now. So a member is
//! opened relative to its parent, and the parent's path counts only if it leads to the inode that
//! the watch is of; otherwise the rename is still to be heard of, and the visit is repeated.

use std::collections::HashSet;

use rustix::fd::OwnedFd;
use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::{Errno, Result};

use super::engine::Engine;
use super::table::{Id, Node, ROOT};
use crate::fs::{FOLDER, PLACE, is_absent, open_folder};
use crate::tag::Meta;

/// How often a visit is repeated because the parent is not where it should be.
const MOST_TRIES: u32 = 20;

/// What opening a folder led to.
enum Opened {
    Folder(OwnedFd),
    /// The parent is there and has no such folder.
    Absent,
    /// The parent is not where it should be.
    ParentMoved,
    /// It is there and cannot be opened.
    Refused,
}

impl Engine {
    /// Puts a folder into the queue of visits.
    pub(super) fn enqueue(&mut self, id: Id) {
        if let Some(node) = self.table.node_mut(id)
            && !node.queued
        {
            node.queued = true;
            self.queue.push(id);
        }
    }

    /// Visits a folder a little later.
    pub(super) fn again(&mut self, id: Id, tries: u32) {
        if let Some(node) = self.table.node_mut(id) {
            node.queued = true;
            self.again.push_back((self.now + self.limits.again, id, tries));
        }
    }

    /// Looks at the place of a folder: watches what is there, finds out that it has moved here or is
    /// gone. Reads it if it has not been read in this round.
    pub(super) fn visit(&mut self, id: Id, tries: u32) {
        let Some(node) = self.table.node_mut(id) else { return };
        node.queued = false;
        if node.away() != 0 {
            return;
        }
        match self.open(id) {
            Opened::Folder(folder) => self.found(id, folder),
            Opened::Absent => self.absent(id),
            Opened::Refused => self.refuse(id),
            Opened::ParentMoved => self.postpone(id, tries),
        }
    }

    fn open(&mut self, id: Id) -> Opened {
        let files = &self.areas.files;
        let Some(node) = self.table.node(id) else { return Opened::Absent };
        let found = if id == ROOT {
            open_folder(files, "", FOLDER)
        } else {
            let Some(path) = self.table.path(node.parent) else { return Opened::ParentMoved };
            let parent = self.table.node(node.parent).map(|parent| parent.print);
            let place = open_folder(files, &path, PLACE);
            match place.and_then(|dir| Ok((Meta::of(&dir)?.print(), dir))) {
                Ok((found, dir)) if Some(found) == parent => {
                    openat(dir, &*node.name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
                }
                Ok(_) => return Opened::ParentMoved,
                Err(errno) if is_absent(errno) => return Opened::ParentMoved,
                // No file descriptors left, perhaps.
                Err(errno) => Err(errno),
            }
        };
        match found {
            Ok(folder) => Opened::Folder(folder),
            Err(errno) if is_absent(errno) => Opened::Absent,
            Err(_) => Opened::Refused,
        }
    }

    /// The parent's path leads elsewhere: looks for both again when the rename was heard of. While
    /// the parent is away that takes its time, and ends with its return or removal.
    fn postpone(&mut self, id: Id, tries: u32) {
        let Some(parent) = self.table.node(id).map(|node| node.parent) else { return };
        if self.table.path(parent).is_none() {
            return self.again(id, tries);
        }
        if tries >= MOST_TRIES {
            // The file system does not tell who is who. It is tried again later, like any other
            // that cannot be watched, and removed if it is not there by then.
            return self.refuse(id);
        }
        if self.table.node(parent).is_some_and(|node| !node.queued) {
            self.again(parent, 0);
        }
        self.again(id, tries + 1);
    }

    /// Nothing is in the folder's place.
    fn absent(&mut self, id: Id) {
        match self.table.node(id) {
            // It may turn up elsewhere.
            Some(node) if node.is_watched() => self.take_away(id),
            _ => self.remove(id),
        }
    }

    fn take_away(&mut self, id: Id) {
        let event = self.table.take_away(id);
        self.away.push_back((self.now + self.limits.away, id, event));
    }

    /// Forgets a folder and all below it.
    pub(super) fn remove(&mut self, id: Id) {
        if id == ROOT {
            return;
        }
        self.table.remove(id, |gone, wd| {
            self.pending.forget(gone);
            if wd != 0 {
                self.ends.push(wd);
            }
        });
    }

    /// A folder cannot even be opened, for now.
    fn refuse(&mut self, id: Id) {
        let round = self.round;
        let Some(node) = self.table.node_mut(id) else { return };
        let known = node.is_refused() && node.round == round;
        node.round = round;
        if !known {
            self.note_refused(id);
            self.pending.all(id);
        }
    }

    fn note_refused(&mut self, id: Id) {
        if self.table.node(id).is_some_and(|node| !node.is_refused()) {
            self.table.set_refused(id, true);
            self.refused.push_back(id);
        }
    }

    /// A folder is in the place of `id`: that of `id` or another.
    fn found(&mut self, id: Id, folder: OwnedFd) {
        let Ok(meta) = Meta::of(&folder) else { return self.refuse(id) };
        let had = self.table.counts().0;
        let (id, watched) = match self.add_watch(id, &folder) {
            Ok(wd) => match self.identify(id, wd) {
                Some(id) => (id, true),
                None => return,
            },
            // A watch that it has already is never refused, so it is another folder.
            Err(_) => (self.replace_watched(id), false),
        };
        let (round, is_new) = (self.round, self.table.counts().0 > had);
        let Some(node) = self.table.node_mut(id) else { return };
        let known = !is_new && node.round == round && node.print == meta.print();
        (node.round, node.print) = (round, meta.print());
        // Whether it is refused is known as well.
        if known && watched != node.is_refused() {
            return;
        }
        if watched {
            self.table.set_refused(id, false);
        } else {
            self.note_refused(id);
        }
        self.pending.all(id);
        self.read(id, folder);
    }

    /// Adds a watch to the folder in the place of `id`, within the limit of this storage. Where the
    /// parent has none, nobody would tell that the folder is renamed, so it gets none either.
    fn add_watch(&mut self, id: Id, folder: &OwnedFd) -> Result<i32> {
        if !self.may_be_watched(id) {
            return Err(Errno::NOSPC);
        }
        let added = self.kernel.add(folder);
        let added = added.and_then(|wd| {
            let is_new = self.table.watched_by(wd).is_none();
            if is_new && self.table.counts().0 >= self.limits.watches {
                self.kernel.remove(wd);
                return Err(Errno::NOSPC);
            }
            Ok(wd)
        });
        self.full |= matches!(added, Err(Errno::NOSPC | Errno::NOMEM));
        added
    }

    /// Whether the folder above is watched.
    pub(super) fn may_be_watched(&self, id: Id) -> bool {
        let parent = self.table.node(id).and_then(|node| self.table.node(node.parent));
        id == ROOT || parent.is_some_and(Node::is_watched)
    }

    /// The node of the folder with this watch, in the place of `id`; `None` if it must not be there.
    fn identify(&mut self, id: Id, wd: i32) -> Option<Id> {
        match self.table.watched_by(wd) {
            Some(known) if known == id => Some(id),
            Some(known) => {
                let node = self.table.node(id)?;
                let (parent, name) = (node.parent, node.name.clone());
                if id == ROOT || self.table.is_within(parent, known) {
                    // A folder inside itself: mounted there a second time.
                    self.remove(id);
                    return None;
                }
                self.absent(id);
                self.table.put(known, parent, name);
                self.tell_again(known);
                Some(known)
            }
            None => {
                let id = self.replace_watched(id);
                self.table.set_watch(id, wd);
                Some(id)
            }
        }
    }

    /// If the folder of `id` is watched, another has taken its place: a new node for that.
    fn replace_watched(&mut self, id: Id) -> Id {
        match self.table.node(id) {
            Some(node) if node.is_watched() && id != ROOT => {
                let (parent, name) = (node.parent, node.name.clone());
                self.take_away(id);
                self.table.insert(parent, name)
            }
            _ => id,
        }
    }

    /// Lets the folders in a folder be visited, those that are new and in a new round all; and those
    /// that should be there and are not.
    fn read(&mut self, id: Id, folder: OwnedFd) {
        let mut missing: HashSet<Id> = self.table.members(id).collect();
        let Ok(entries) = Dir::new(folder) else { return };
        for entry in entries {
            let Ok(entry) = entry else { return };
            if !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
                continue;
            }
            let Ok(name) = entry.file_name().to_str() else { continue };
            if matches!(name, "." | "..")
                || (id == ROOT && self.areas.hides_own && name == crate::areas::OWN)
            {
                continue;
            }
            let member = match self.table.member(id, name) {
                Some(member) => {
                    missing.remove(&member);
                    member
                }
                None => self.table.insert(id, name.into()),
            };
            if self.table.node(member).is_some_and(|node| node.round != self.round) {
                self.enqueue(member);
            }
        }
        missing.into_iter().for_each(|member| self.enqueue(member));
    }
}
