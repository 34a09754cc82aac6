//! A watch of a quiet tree costs nothing, and a dropped one ends. Alone in its process, so that its
//! thread is the only one of that name.
#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::fs;
use std::time::{Duration, Instant};

use moonsail_sdk::storage::FileStorage;
use moonsail_storage_local::{LocalConfig, LocalStorage};

/// How often the thread of the watch went to sleep, as the kernel counts; `None` if there is none.
fn sleeps() -> Option<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let mut tasks = tasks.filter_map(|task| Some(task.ok()?.path()));
    let task =
        tasks.find(|task| fs::read_to_string(task.join("comm")).is_ok_and(|n| n == "watch\n"))?;
    let status = fs::read_to_string(task.join("status")).ok()?;
    status.lines().find(|line| line.starts_with("voluntary_ctxt")).map(String::from)
}

#[tokio::test]
async fn a_quiet_tree_costs_nothing_and_a_dropped_watch_ends() {
    let root = tempfile::tempdir().unwrap();
    let area = |name| root.path().join(name);
    let config = LocalConfig { files: area("files"), stage: area("stage"), kept: area("kept") };
    fs::create_dir_all(config.files.join("a/b")).unwrap();
    let storage = LocalStorage::open(config).unwrap();
    let mut watch = storage.watch().await.unwrap().unwrap();
    while watch.counts() != (3, 0) {
        tokio::time::timeout(Duration::from_secs(60), watch.next()).await.unwrap().unwrap();
    }
    // Somebody waits, and nothing happens. It may still be on its way to sleep at first.
    let waiting = tokio::spawn(async move {
        let seen = watch.next().await;
        (watch, seen)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = sleeps();
    assert!(before.is_some(), "there is a thread");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sleeps(), before, "it slept through");
    fs::write(area("files").join("f"), "x").unwrap();
    let (watch, seen) =
        tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    assert!(seen.is_some_and(|seen| !seen.is_empty()), "and woke up");
    drop(watch);
    let start = Instant::now();
    while sleeps().is_some() {
        assert!(start.elapsed() < Duration::from_secs(60), "the thread goes on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
