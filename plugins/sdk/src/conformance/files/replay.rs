//! What is applied again after a crash: any part of the log, from anywhere to its end, in one call.

use std::collections::BTreeMap;

use super::{Rig, Tree, publish, remove, rename, touch};
use crate::storage::{DiskOp, Durability, Kind, Tag};

super::cases![
    a_repeated_move_leaves_the_new_file_alone,
    a_repeated_move_to_and_fro_gives_back_what_came_to_its_target,
    a_repeated_move_to_and_fro_leaves_no_folder_behind,
    a_repeated_move_to_and_fro_gives_back_the_file_at_its_parent,
    a_repeated_removal_leaves_the_new_folder_alone,
    a_repeated_move_is_not_done_again_when_the_file_has_come_back,
    a_half_applied_log_is_completed,
    any_log_is_repeated_from_anywhere,
];

/// Applies the log, then every tail of it again, and compares the tree each time.
async fn replay(rig: Rig<'_>, log: &[DiskOp], expected: &[(&str, &str)]) {
    rig.apply_all(log).await;
    rig.check(expected).await;
    for start in 0..log.len() {
        rig.apply_all(&log[start..]).await;
        rig.check(expected).await;
    }
}

async fn a_repeated_move_leaves_the_new_file_alone(rig: Rig<'_>) {
    let tag = rig.file("a", "old").await;
    let new = rig.put("new").await;
    let log = [rename("a", "b", &tag), publish(&new, "a", None)];
    replay(rig, &log, &[("a", "new"), ("b", "old")]).await;
}

async fn a_repeated_move_to_and_fro_gives_back_what_came_to_its_target(rig: Rig<'_>) {
    let (a, c) = (rig.file("a", "a").await, rig.dir("c").await);
    rig.file("c/m", "m").await;
    let new = rig.put("new").await;
    let log = [
        rename("a", "b", &a),
        rename("b", "a", &a),
        publish(&new, "b", None),
        rename("b", "d", &new.tag),
        rename("c", "b", &c),
    ];
    replay(rig, &log, &[("a", "a"), ("b", "/"), ("b/m", "m"), ("d", "new")]).await;
}

async fn a_repeated_move_to_and_fro_leaves_no_folder_behind(rig: Rig<'_>) {
    let (a, d, e) = (rig.file("a", "a").await, rig.dir("d").await, rig.dir("e").await);
    let log = [
        rename("a", "d/a", &a),
        rename("d/a", "e/a", &a),
        rename("e/a", "a", &a),
        remove("d", &d),
        rename("e", "f", &e),
    ];
    replay(rig, &log, &[("a", "a"), ("f", "/")]).await;
}

async fn a_repeated_move_to_and_fro_gives_back_the_file_at_its_parent(rig: Rig<'_>) {
    let (a, d) = (rig.file("a", "a").await, rig.dir("d").await);
    let new = rig.put("new").await;
    let log =
        [rename("a", "d/a", &a), rename("d/a", "a", &a), remove("d", &d), publish(&new, "d", None)];
    replay(rig, &log, &[("a", "a"), ("d", "new")]).await;
}

async fn a_repeated_removal_leaves_the_new_folder_alone(rig: Rig<'_>) {
    let (old, new) = (rig.dir("d").await, rig.folder().await);
    let member = rig.put("m").await;
    let log = [remove("d", &old), publish(&new, "d", None), publish(&member, "d/m", None)];
    replay(rig, &log, &[("d", "/"), ("d/m", "m")]).await;
}

async fn a_repeated_move_is_not_done_again_when_the_file_has_come_back(rig: Rig<'_>) {
    let (c, b) = (rig.file("c", "x").await, rig.dir("b").await);
    rig.dir("b/c").await;
    let other = rig.put("other").await;
    let log = [
        rename("c", "b/c/x", &c),
        rename("b", "a", &b),
        rename("a/c/x", "c", &c),
        publish(&other, "b", None),
    ];
    replay(rig, &log, &[("a", "/"), ("a/c", "/"), ("b", "other"), ("c", "x")]).await;
}

async fn a_half_applied_log_is_completed(rig: Rig<'_>) {
    let (a, new, folder) = (rig.file("a", "a").await, rig.put("new").await, rig.folder().await);
    let log = [
        publish(&folder, "d", None),
        rename("a", "d/a", &a),
        publish(&new, "a", None),
        touch("d/a", &a, 1_000),
        rename("d", "e", &folder.tag),
        remove("e/a", &a),
    ];
    for applied in 0..log.len() {
        rig.apply_all(&log[..=applied]).await;
    }
    rig.check(&[("a", "new"), ("e", "/")]).await;
}

/// Random numbers that are the same each time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

/// What the tree should be, and the log that led there.
#[derive(Default)]
struct Model {
    entries: BTreeMap<String, (Tag, Option<String>)>,
    log: Vec<DiskOp>,
    written: u32,
}

impl Model {
    /// A path with a folder above it; few names, so that paths come again and again.
    fn path(&self, dice: &mut Dice) -> String {
        let name = ["a", "b", "c"][dice.below(3)];
        let folders: Vec<_> =
            self.entries.iter().filter(|(_, (_, content))| content.is_none()).collect();
        match dice.below(folders.len() + 1) {
            0 => name.to_owned(),
            index => format!("{}/{name}", folders[index - 1].0),
        }
    }

    fn any(&self, dice: &mut Dice) -> Option<(String, Tag)> {
        let index = dice.below(self.entries.len().max(1));
        self.entries.iter().nth(index).map(|(path, (tag, _))| (path.clone(), tag.clone()))
    }

    /// Takes an entry out with all below; paths relative to it.
    fn take(&mut self, path: &str) -> Vec<(String, (Tag, Option<String>))> {
        let below = format!("{path}/");
        let within = |other: &String| other == path || other.starts_with(&below);
        let paths: Vec<_> = self.entries.keys().filter(|other| within(other)).cloned().collect();
        let taken = paths.into_iter().map(|other| {
            let entry = self.entries.remove(&other).expect("a key");
            (other[path.len()..].to_owned(), entry)
        });
        taken.collect()
    }

    async fn publish_file(&mut self, rig: Rig<'_>, path: String) {
        self.written += 1;
        let content = format!("content {}", self.written);
        let staged = rig.put(&content).await;
        let replaces = match self.entries.get(&path) {
            Some((_, None)) => return,
            Some((tag, Some(_))) => Some(tag.clone()),
            None => None,
        };
        self.log.push(publish(&staged, &path, replaces.as_ref()));
        self.entries.insert(path, (staged.tag, Some(content)));
    }

    async fn publish_folder(&mut self, rig: Rig<'_>, path: String) {
        if self.entries.contains_key(&path) {
            return;
        }
        let (folder, member) = (rig.folder().await, rig.put("member").await);
        let to = Some(folder.at.join("m"));
        let copy = rig.storage.stage_copy_staged(&member.at, to, Durability::Relaxed).await;
        let copy = copy.expect("stage_copy_staged");
        self.log.push(publish(&folder, &path, None));
        self.entries.insert(format!("{path}/m"), (copy.tag, Some("member".to_owned())));
        self.entries.insert(path, (folder.tag, None));
    }

    /// Decides on one more change, if the dice show a possible one.
    async fn decide(&mut self, rig: Rig<'_>, dice: &mut Dice) {
        match dice.below(10) {
            0 | 1 => self.publish_file(rig, self.path(dice)).await,
            2 => self.publish_folder(rig, self.path(dice)).await,
            3 => {
                if let Some((path, tag)) = self.any(dice) {
                    self.take(&path);
                    self.log.push(remove(&path, &tag));
                }
            }
            _ => {
                let Some((from, tag)) = self.any(dice) else { return };
                let to = self.path(dice);
                let below = to.starts_with(&format!("{from}/"));
                if below || self.entries.contains_key(&to) {
                    return;
                }
                for (rest, entry) in self.take(&from) {
                    self.entries.insert(format!("{to}{rest}"), entry);
                }
                self.log.push(rename(&from, &to, &tag));
            }
        }
    }

    async fn check(&self, rig: Rig<'_>, note: &str) {
        let expected: Tree = self
            .entries
            .iter()
            .map(|(path, (_, content))| (path.clone(), content.clone()))
            .collect();
        assert_eq!(rig.tree().await, expected, "{note}");
        for (path, (tag, content)) in &self.entries {
            let found = rig.storage.stat(path).await.expect("stat").expect("is there");
            let kind = if content.is_some() { Kind::File } else { Kind::Folder };
            assert_eq!((found.kind, &found.tag), (kind, tag), "{note}: {path}");
        }
    }
}

async fn any_log_is_repeated_from_anywhere(rig: Rig<'_>) {
    for seed in 1..=12 {
        let mut dice = Dice(seed * 0x9e37_79b9);
        let mut model = Model::default();
        for round in 0..30 {
            // What was applied before the crash, of which any tail may be repeated, and what was
            // only decided.
            let start = dice.below(model.log.len() + 1);
            for _ in 0..=dice.below(5) {
                model.decide(rig, &mut dice).await;
            }
            let note = format!("seed {seed}, round {round}, {:#?}", &model.log[start..]);
            rig.apply_all(&model.log[start..]).await;
            model.check(rig, &note).await;
        }
        for (path, (tag, _)) in model.entries.clone() {
            rig.apply(remove(&path, &tag)).await;
        }
    }
}
