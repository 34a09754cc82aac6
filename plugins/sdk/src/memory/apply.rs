//! Decided changes, in memory.

use std::collections::{HashMap, HashSet};

use super::tree::{Node, State, Way, ident};
use super::{check, split};
use crate::storage::{Applied, DiskOp, StagePath, StorageError, Tag};

/// One batch, with the rules of [`DiskOp`].
pub(super) fn apply(state: &mut State, ops: Vec<DiskOp>) -> Vec<Result<Applied, StorageError>> {
    let mut batch =
        Batch { state, displaced: HashMap::new(), made: HashSet::new(), touched: HashMap::new() };
    let mut results = Vec::with_capacity(ops.len());
    let last = DiskOp::last_done(&ops, |op| match op {
        DiskOp::Publish { stage, .. } => Some(batch.state.stage.find(&stage.0).is_none()),
        DiskOp::Move { to, tag, .. } => batch.is(to, tag).then_some(true),
        _ => None,
    });
    for index in 0..ops.len() {
        let result = match ops[index].clone() {
            DiskOp::Move { .. } if DiskOp::moved_back(&ops, index, last) => Ok(Applied::default()),
            DiskOp::Publish { stage, path, replaces } => batch.publish(&stage, &path, replaces),
            DiskOp::Move { from, to, tag } => batch.rename(&from, &to, &tag),
            DiskOp::Remove { path, tag } => batch.remove(&path, &tag),
            DiskOp::Touch { path, tag, mtime } => batch.touch(&path, &tag, mtime),
        };
        let failed = result.is_err();
        results.push(result);
        if failed {
            break;
        }
    }
    results
}

struct Batch<'a> {
    state: &'a mut State,
    /// What was kept aside: live path → name there and tag.
    displaced: HashMap<String, (String, Tag)>,
    /// Folders that were made on the way to something.
    made: HashSet<Tag>,
    touched: HashMap<Tag, Tag>,
}

impl Batch<'_> {
    fn publish(
        &mut self,
        stage: &StagePath,
        path: &str,
        replaces: Option<Tag>,
    ) -> Result<Applied, StorageError> {
        entry_path(path)?;
        entry_path(&stage.0)?;
        let Some(staged) = self.state.stage.take(&stage.0) else {
            self.restore(path, None);
            return Ok(Applied::default());
        };
        let known = match self.state.live.find(path) {
            Some(Node::File(live)) => replaces.is_some_and(|tag| self.current(tag) == live.tag()),
            _ => false,
        };
        let kept = if known { None } else { self.keep(path) };
        self.place(path, staged);
        Ok(Applied { kept, tag: None })
    }

    fn rename(&mut self, from: &str, to: &str, tag: &Tag) -> Result<Applied, StorageError> {
        entry_path(from)?;
        entry_path(to)?;
        if !self.is(from, tag) {
            self.drop_made(from);
            self.restore(to, Some(tag));
            return Ok(Applied::default());
        }
        if from == to {
            return Ok(Applied::default());
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(StorageError::Internal(format!("{from} cannot go below itself, to {to}")));
        }
        let Some(node) = self.state.live.take(from) else { return Ok(Applied::default()) };
        self.drop_made(to);
        let kept = self.keep(to);
        self.place(to, node);
        Ok(Applied { kept, tag: None })
    }

    fn remove(&mut self, path: &str, tag: &Tag) -> Result<Applied, StorageError> {
        entry_path(path)?;
        if !self.is(path, tag) {
            self.drop_made(path);
            return Ok(Applied::default());
        }
        if self.state.live.find(path).map(Node::tag) == Some(self.current(tag.clone())) {
            self.state.live.take(path);
            return Ok(Applied::default());
        }
        Ok(Applied { kept: self.keep(path), tag: None })
    }

    fn touch(&mut self, path: &str, tag: &Tag, mtime: i64) -> Result<Applied, StorageError> {
        entry_path(path)?;
        let tag = self.current(tag.clone());
        let Some(Node::File(file)) = self.state.live.find_mut(path) else {
            return Ok(Applied::default());
        };
        let repeated = file.mtime == mtime && file.tag_before() == Some(tag.clone());
        if file.tag() != tag && !repeated {
            return Ok(Applied::default());
        }
        if !repeated {
            file.mtime = mtime;
            file.version += 1;
        }
        let touched = file.tag();
        self.touched.insert(tag, touched.clone());
        Ok(Applied { tag: Some(touched), kept: None })
    }

    /// Whether the entry at `path` is the one of `tag`, written to or not.
    fn is(&self, path: &str, tag: &Tag) -> bool {
        self.state.live.find(path).is_some_and(|node| ident(&node.tag()) == ident(tag))
    }

    /// The tag after the touches of this batch. Versions only rise, so this ends.
    fn current(&self, mut tag: Tag) -> Tag {
        while let Some(newer) = self.touched.get(&tag) {
            tag = newer.clone();
        }
        tag
    }

    fn place(&mut self, path: &str, node: Node) {
        let (parent, name) = split(path);
        let (folder, way) = self.state.make_folders(parent);
        folder.insert(name, node);
        for step in way {
            match step {
                Way::Made(tag) => drop(self.made.insert(tag)),
                Way::Kept { path, name, tag } => drop(self.displaced.insert(path, (name, tag))),
            }
        }
    }

    fn keep(&mut self, path: &str) -> Option<String> {
        let node = self.state.live.take(path)?;
        let name = self.state.new_kept_name(split(path).1);
        self.displaced.insert(path.to_owned(), (name.clone(), node.tag()));
        self.state.kept.push((name.clone(), node));
        Some(name)
    }

    /// Brings back what was kept aside from `path`, or what `tag` means, if `path` is free.
    fn restore(&mut self, path: &str, tag: Option<&Tag>) {
        let from = match tag {
            None => Some(path.to_owned()),
            Some(tag) => {
                let mut all = self.displaced.iter();
                all.find(|(_, (_, kept))| ident(kept) == ident(tag)).map(|(path, _)| path.clone())
            }
        };
        let Some(from) = from.filter(|from| self.displaced.contains_key(from)) else { return };
        self.drop_made(path);
        if self.state.live.find(path).is_some() {
            return;
        }
        let Some((name, _)) = self.displaced.remove(&from) else { return };
        let mut kept = self.state.kept.iter();
        if let Some(index) = kept.position(|(kept, _)| *kept == name) {
            let (_, node) = self.state.kept.remove(index);
            self.place(path, node);
        }
    }

    /// Removes an empty folder that was only made on the way to something.
    fn drop_made(&mut self, path: &str) {
        if let Some(Node::Folder(folder)) = self.state.live.find(path)
            && folder.is_empty()
            && self.made.contains(&folder.tag())
        {
            self.state.live.take(path);
        }
    }
}

fn entry_path(path: &str) -> Result<(), StorageError> {
    check(path)?;
    match path {
        "" => Err(StorageError::Internal("the root itself".into())),
        _ => Ok(()),
    }
}
