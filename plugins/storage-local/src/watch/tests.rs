//! The engine on a real folder, turn by turn: no thread, and a clock that the test moves.

mod changes;
mod limits;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moonsail_sdk::storage::Seen;

use super::engine::{Engine, Limits};
use crate::areas::Areas;
use crate::config::LocalConfig;

/// A live tree with a watch that only works while [`Rig::seen`] runs.
struct Rig {
    root: tempfile::TempDir,
    engine: Engine,
    now: Instant,
}

impl Rig {
    /// With these folders, all told.
    fn new(folders: &[&str]) -> Self {
        let mut rig = Self::with(Limits::default(), folders);
        rig.seen();
        rig
    }

    /// With these folders, none told.
    fn with(limits: Limits, folders: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let area = |name| root.path().join(name);
        let config = LocalConfig { files: area("files"), stage: area("stage"), kept: area("kept") };
        let areas = Arc::new(Areas::open(&config).unwrap());
        for folder in folders {
            fs::create_dir_all(config.files.join(folder)).unwrap();
        }
        let now = Instant::now();
        let limits = Limits { pause: Duration::ZERO, ..limits };
        Self { root, engine: Engine::new(areas, limits, now), now }
    }

    fn live(&self, path: &str) -> PathBuf {
        self.root.path().join("files").join(path)
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn mkdir(&self, path: &str) {
        fs::create_dir_all(self.live(path)).unwrap();
    }

    fn write(&self, path: &str) {
        fs::write(self.live(path), path).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.live(from), self.live(to)).unwrap();
    }

    /// Runs until nothing is to be done now, and gives all that was told.
    fn seen(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        loop {
            let turn = self.engine.turn(self.now, true);
            seen.extend(turn.seen);
            if turn.due.is_none_or(|due| due > self.now) {
                return seen;
            }
        }
    }

    /// The same after some time.
    fn seen_after(&mut self, time: Duration) -> Vec<Seen> {
        self.now += time;
        self.seen()
    }

    /// Checks what is told now, in any order: members are written `d/f`, folders `d/`, and folders
    /// that are not watched `d/!`.
    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        let seen = self.seen();
        let told: BTreeSet<_> = seen.iter().map(text).collect();
        assert_eq!(told, expected.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(told.len(), seen.len(), "nothing twice: {seen:?}");
    }

    /// Checks that a change at each of these folders is told, and how many are watched.
    #[track_caller]
    fn check_watched(&mut self, folders: &[&str]) {
        self.seen();
        for folder in folders {
            let probe = format!("{folder}/probe").trim_start_matches('/').to_owned();
            self.write(&probe);
            self.check(&[&probe]);
            fs::remove_file(self.live(&probe)).unwrap();
            self.seen();
        }
        assert_eq!(self.engine.counts().0, folders.len());
    }
}

fn text(seen: &Seen) -> String {
    match seen {
        Seen::Member { folder, name } if folder.is_empty() => name.clone(),
        Seen::Member { folder, name } => format!("{folder}/{name}"),
        Seen::Folder { path, watched: true } => format!("{path}/"),
        Seen::Folder { path, watched: false } => format!("{path}/!"),
    }
}

const SECOND: Duration = Duration::from_secs(1);
