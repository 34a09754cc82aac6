//! A server under the oracle: what is known of it, and everything compared with that.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::Server;

use crate::law::Law;
use crate::linear::{self, Event};
use crate::model::{Answer, State};
use crate::observe::{Client, USER, disk, files, names};
use crate::worker::{SHARED, Stage, Worker};

/// Workers at the same time.
const WORKERS: usize = 4;

/// A server and what is known of it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) token: String,
    pub(crate) law: Law,
    /// The areas as they were seen last.
    pub(crate) seen: BTreeMap<String, State>,
    pub(crate) workers: Vec<Worker>,
    /// Its disk failed: errors in the log are no wonder.
    pub(crate) faulty: bool,
    /// Its disk is full: what was published cannot be recorded, and fsck tells of it.
    pub(crate) full: bool,
}

impl World {
    /// Makes the user and the areas.
    pub(crate) fn start(server: Server) -> Result<Self> {
        server.add_user(USER, "the long password of alice")?;
        let token = server.token(USER)?;
        let workers: Vec<Worker> = (0..WORKERS).map(Worker::new).collect();
        let areas = workers.iter().map(Worker::area).chain([SHARED.to_owned()]);
        let mut client = Client::open(&server, &token)?;
        let mut seen = BTreeMap::new();
        for area in areas {
            let made = client.send(&client.request("MKCOL", &files(&area)))?;
            ensure!(made.status == 201, "MKCOL {area}: {}", made.status);
            seen.insert(area, State::default());
        }
        let mut law = Law::default();
        let (tree, folders) = client.read()?;
        law.look(&tree, &folders).map_err(anyhow::Error::msg)?;
        Ok(Self { server, token, law, seen, workers, faulty: false, full: false })
    }

    /// Lets all workers work, in a cycle of a seed, until `end` has ended the server; it raises the flag before. Gives
    /// what they were told.
    pub(crate) fn work(
        &mut self,
        run: (u64, u64),
        end: &mut dyn FnMut(&mut Server, &AtomicBool) -> Result<()>,
    ) -> Result<Vec<(String, Event)>> {
        let stage = Stage::new(std::mem::take(&mut self.law), run, self.faulty);
        let (server, token) = (&mut self.server, &self.token);
        let mut clients = Vec::new();
        for _ in 0..self.workers.len() {
            clients.push(Client::open(server, token)?);
        }
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let stage = &stage;
            let running: Vec<_> = self
                .workers
                .iter_mut()
                .zip(clients)
                .map(|(worker, client)| scope.spawn(move || worker.work(client, stage)))
                .collect();
            let mut results = vec![end(server, &stage.killed)];
            stage.killed.store(true, Ordering::SeqCst);
            for worker in running {
                let panicked = |_| Err(anyhow::anyhow!("a worker panicked"));
                results.push(worker.join().unwrap_or_else(panicked));
            }
            results
        });
        self.law = stage.law.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.into_iter().collect::<Result<()>>()?;
        Ok(stage.events.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Compares what is there with what was told.
    pub(crate) fn verify(
        &mut self,
        client: &mut Client,
        mut events: Vec<(String, Event)>,
    ) -> Result<()> {
        let mut entries = 0;
        for worker in &mut self.workers {
            let Some(transfer) = &mut worker.transfer else { continue };
            let is_there = transfer.look(client)?;
            if transfer.closing {
                closed(&mut events, worker.number, is_there);
            }
            transfer.closing = false;
            entries += transfer.entries();
            worker.transfer.take_if(|transfer| !is_there && transfer.is_complete());
        }
        self.compare(client, &events, entries)?;
        for worker in &mut self.workers {
            worker.own = self.seen[&worker.area()].clone();
            worker.shared = self.seen[SHARED].clone();
            // Somebody takes over each lock of the shared area.
            let locks = worker
                .shared
                .0
                .iter()
                .filter_map(|(path, node)| Some((path.clone(), node.lock.clone()??)));
            let mine = |path: &str| path.len() % WORKERS == worker.number;
            worker.tokens = locks.filter(|(path, _)| mine(path)).collect();
        }
        Ok(())
    }

    /// The same, without looking after uploads, which may have so many entries in the stage.
    pub(crate) fn compare(
        &mut self,
        client: &mut Client,
        events: &[(String, Event)],
        entries: usize,
    ) -> Result<()> {
        let (tree, folders) = client.read()?;
        for (area, first) in &mut self.seen {
            let last = part(&tree, area);
            let mine: Vec<Event> = events
                .iter()
                .filter(|(at, _)| at == area)
                .map(|(_, event)| event.clone())
                .collect();
            searched(first, &mine, &last, &self.law).with_context(|| area.clone())?;
            *first = last;
        }
        self.law.look(&tree, &folders).map_err(anyhow::Error::msg)?;
        let mut should = BTreeMap::new();
        for (path, node) in &tree.0 {
            should.insert(path.clone(), node.file.as_ref().map(|file| file.hash));
        }
        let is = disk(&self.server.data().join("files").join(USER))?;
        ensure!(is == should, "the disk has {is:#?}, and the index {should:#?}");
        self.leftovers(entries)?;
        if !self.full {
            self.server.fsck()?;
        }
        Ok(())
    }

    /// No temporary files stay but those of uploads that go on, nothing was put aside, and the log
    /// tells of no errors.
    pub(crate) fn leftovers(&self, entries: usize) -> Result<()> {
        let begun = Instant::now();
        // Removed folders are deleted in the background.
        while names(&self.server, "stage")?.len() > entries
            && begun.elapsed() < Duration::from_secs(10)
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let stage = names(&self.server, "stage")?;
        ensure!(
            stage.len() <= entries,
            "{entries} entries are of uploads, in the stage are {stage:?}"
        );
        let kept = names(&self.server, "versions/kept")?;
        ensure!(kept.is_empty(), "nobody wrote from outside, and {kept:?} were kept aside");
        for word in ["ERROR", "panicked"].into_iter().skip(self.faulty.into()) {
            let lines = self.server.log_about(word);
            ensure!(lines.is_empty(), "the log says:\n{lines}");
        }
        Ok(())
    }

    /// Gives up the uploads that go on; then nothing may be left of them. `disk` is what the data
    /// lies on.
    pub(crate) fn finish<T>(mut self, disk: T) -> Result<()> {
        let mut client = Client::open(&self.server, &self.token)?;
        for worker in &mut self.workers {
            if let Some(transfer) = worker.transfer.take() {
                transfer.abort(&mut client)?;
            }
        }
        self.leftovers(0)?;
        self.server.finish_on(disk)
    }
}

/// A closing `MOVE` without an answer was carried out just if the upload is gone.
fn closed(events: &mut Vec<(String, Event)>, worker: usize, is_there: bool) {
    let last = events.iter().rposition(|(_, event)| event.worker == worker);
    let Some(last) = last.filter(|last| events[*last].1.answer == Answer::None) else { return };
    match is_there {
        true => drop(events.remove(last)),
        false => events[last].1.answer = Answer::Proven,
    }
}

/// The part of a tree below a folder.
pub(crate) fn part(tree: &State, top: &str) -> State {
    let inside = tree.0.iter().filter_map(|(path, node)| {
        let below = path.strip_prefix(top)?.strip_prefix('/')?;
        Some((below.to_owned(), node.clone()))
    });
    State(inside.collect())
}

/// The search goes one call deep for each operation, so it gets a large stack.
fn searched(first: &State, events: &[Event], last: &State, law: &Law) -> Result<()> {
    std::thread::scope(|scope| {
        let search = || linear::check(first, events, last, &|id| law.is_new(id));
        let thread =
            std::thread::Builder::new().stack_size(512 << 20).spawn_scoped(scope, search)?;
        let result = thread.join().map_err(|_| anyhow::anyhow!("the search panicked"))?;
        result.map_err(anyhow::Error::msg)
    })
}
