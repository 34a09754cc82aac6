//! The nodes of a storage in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::{check, split};
use crate::storage::{Entry, StagePath, Staged, StorageError, Tag};

/// Everything a storage in memory holds.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The live tree.
    pub(super) live: Folder,
    /// The stage; its members are the keys.
    pub(super) stage: Folder,
    /// When a key was last written to.
    pub(super) changed: HashMap<String, Instant>,
    /// What was kept aside, by name.
    pub(super) kept: Vec<(String, Node)>,
    /// The error of every write, if they are to fail.
    pub(super) failing: Option<StorageError>,
    last_id: u64,
}

/// A file or a folder.
#[derive(Debug)]
pub(super) enum Node {
    File(File),
    Folder(Folder),
}

/// A file; `version` rises with every write, like the times of a real one.
#[derive(Debug, Clone)]
pub(super) struct File {
    id: u64,
    pub(super) version: u64,
    pub(super) content: Arc<Vec<u8>>,
    pub(super) mtime: i64,
}

/// A folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    id: u64,
    members: BTreeMap<String, Node>,
}

impl File {
    pub(super) fn tag(&self) -> Tag {
        Tag(format!("{}:{}", self.id, self.version))
    }

    /// The tag before the last write.
    pub(super) fn tag_before(&self) -> Option<Tag> {
        Some(Tag(format!("{}:{}", self.id, self.version.checked_sub(1)?)))
    }
}

impl Folder {
    pub(super) fn tag(&self) -> Tag {
        Tag(format!("d{}", self.id))
    }

    pub(super) fn entry(&self) -> Entry {
        Entry { kind: crate::storage::Kind::Folder, size: 0, mtime: 0, tag: self.tag() }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&String, &Node)> {
        self.members.iter()
    }

    pub(super) fn insert(&mut self, name: &str, node: Node) {
        self.members.insert(name.to_owned(), node);
    }

    pub(super) fn find(&self, path: &str) -> Option<&Node> {
        match path.split_once('/') {
            None => self.members.get(path),
            Some((name, rest)) => match self.members.get(name)? {
                Node::Folder(folder) => folder.find(rest),
                Node::File(_) => None,
            },
        }
    }

    pub(super) fn find_mut(&mut self, path: &str) -> Option<&mut Node> {
        match path.split_once('/') {
            None => self.members.get_mut(path),
            Some((name, rest)) => match self.members.get_mut(name)? {
                Node::Folder(folder) => folder.find_mut(rest),
                Node::File(_) => None,
            },
        }
    }

    pub(super) fn take(&mut self, path: &str) -> Option<Node> {
        match path.rsplit_once('/') {
            None => self.members.remove(path),
            Some((parent, name)) => match self.find_mut(parent)? {
                Node::Folder(folder) => folder.members.remove(name),
                Node::File(_) => None,
            },
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Node {
    pub(super) fn tag(&self) -> Tag {
        match self {
            Self::File(file) => file.tag(),
            Self::Folder(folder) => folder.tag(),
        }
    }

    pub(super) fn entry(&self) -> Entry {
        match self {
            Self::Folder(folder) => folder.entry(),
            Self::File(file) => Entry {
                kind: super::kind(self),
                size: file.content.len() as u64,
                mtime: file.mtime,
                tag: file.tag(),
            },
        }
    }
}

/// Which node a tag means, whatever was written into it.
pub(super) fn ident(tag: &Tag) -> &str {
    tag.0.split(':').next().unwrap_or_default()
}

pub(super) fn not_found(path: &str) -> StorageError {
    StorageError::NotFound(path.to_owned())
}

impl State {
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn new_file(&mut self, content: Vec<u8>, mtime: i64) -> File {
        File { id: self.next_id(), version: 0, content: Arc::new(content), mtime }
    }

    pub(super) fn new_folder(&mut self) -> Folder {
        Folder { id: self.next_id(), members: BTreeMap::new() }
    }

    /// A name for what is kept aside, which has no other.
    pub(super) fn new_kept_name(&mut self, name: &str) -> String {
        format!("{}-{name}", self.next_id())
    }

    /// Puts a new node under a new key, or at `to` below one.
    pub(super) fn stage_new(
        &mut self,
        node: Node,
        to: Option<StagePath>,
    ) -> Result<Staged, StorageError> {
        let (at, tag, size) = match to {
            Some(at) => (at, node.tag(), node.entry().size),
            None => (StagePath(format!("s{}", self.next_id())), node.tag(), node.entry().size),
        };
        check(&at.0)?;
        let (parent, name) = split(&at.0);
        let folder = match self.stage.find_mut(parent) {
            _ if parent.is_empty() => &mut self.stage,
            Some(Node::Folder(folder)) => folder,
            _ => return Err(not_found(&at.0)),
        };
        if folder.find(name).is_some() {
            return Err(StorageError::Internal(format!("{} is there already", at.0)));
        }
        folder.insert(name, node);
        self.changed.insert(at.key().to_owned(), Instant::now());
        Ok(Staged { at, size, tag })
    }

    pub(super) fn staged_file(&self, at: &StagePath) -> Result<&File, StorageError> {
        check(&at.0)?;
        match self.stage.find(&at.0) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(not_found(&at.0)),
        }
    }

    pub(super) fn live_file(&self, path: &str, tag: &Tag) -> Result<&File, StorageError> {
        check(path)?;
        match self.live.find(path) {
            Some(Node::File(file)) if file.tag() == *tag => Ok(file),
            Some(_) => Err(StorageError::Changed(path.to_owned())),
            None => Err(not_found(path)),
        }
    }

    /// The live folder at `path`, made if need be, and what that took.
    pub(super) fn make_folders(&mut self, path: &str) -> (&mut Folder, Vec<Way>) {
        let Self { live, kept, last_id, .. } = self;
        let (mut folder, mut way, mut end) = (live, Vec::new(), 0);
        for name in path.split('/').filter(|name| !name.is_empty()) {
            end += name.len();
            if let Some(Node::File(file)) = folder.members.get(name) {
                *last_id += 1;
                let (kept_name, tag) = (format!("{last_id}-{name}"), file.tag());
                way.push(Way::Kept { path: path[..end].to_owned(), name: kept_name.clone(), tag });
                kept.extend(folder.members.remove(name).map(|node| (kept_name, node)));
            }
            let node = folder.members.entry(name.to_owned()).or_insert_with(|| {
                *last_id += 1;
                let new = Folder { id: *last_id, members: BTreeMap::new() };
                way.push(Way::Made(new.tag()));
                Node::Folder(new)
            });
            match node {
                Node::Folder(next) => folder = next,
                Node::File(_) => unreachable!("a file was taken out of the way above"),
            }
            end += 1;
        }
        (folder, way)
    }
}

/// What happened on the way to a folder.
#[derive(Debug)]
pub(super) enum Way {
    /// A missing folder was made.
    Made(Tag),
    /// A file that was there instead of a folder was kept aside.
    Kept { path: String, name: String, tag: Tag },
}
