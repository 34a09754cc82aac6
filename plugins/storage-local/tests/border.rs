//! The same storage as a plugin: everything over the border that a shared library has.
#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use moonsail_sdk::abi::host::{PluginFiles, TestHost};
use moonsail_sdk::conformance::files::files_suite;
use moonsail_sdk::storage::{DiskOp, Durability, FileStorage, Seen, WhyUnusable};
use moonsail_storage_local::LocalPlugin;

fn plugin(root: &Path) -> (PluginFiles, TestHost) {
    let area = |name| root.join(name);
    let config = serde_json::json!({
        "files": area("files"), "stage": area("stage"), "kept": area("kept"),
        "runtime": { "workers": 2 },
    });
    let host = TestHost::create::<LocalPlugin>(&config.to_string()).unwrap();
    (host.files().unwrap(), host)
}

#[tokio::test]
async fn a_plugin_on_a_disk_passes_the_suite() {
    files_suite(|| {
        let root = tempfile::tempdir().unwrap();
        let (files, host) = plugin(root.path());
        (files, (host, root))
    })
    .await;
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_refused_by_its_key() {
    let root = tempfile::tempdir().unwrap();
    for (config, expected) in [
        ("{}".to_owned(), "missing field `files`"),
        (
            r#"{"files": "a", "stage": "b", "kept": "c", "stages": 1}"#.to_owned(),
            "stages: unknown field `stages`, expected one of `files`, `stage`, `kept`",
        ),
        (
            serde_json::json!({
                "files": root.path(), "stage": root.path().join("s"), "kept": root.path(),
            })
            .to_string(),
            "storage unavailable:",
        ),
    ] {
        let refused = TestHost::create::<LocalPlugin>(&config).err().unwrap().to_string();
        assert!(refused.starts_with(expected), "{config}: {refused}");
    }
}

#[tokio::test]
async fn what_others_do_to_the_tree_is_seen_over_the_border() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("files/a/b")).unwrap();
    let (files, _host) = plugin(root.path());
    let mut watch = files.watch().await.unwrap().unwrap();
    let patience = Duration::from_secs(60);
    while watch.counts() != (3, 0) {
        tokio::time::timeout(patience, watch.next()).await.unwrap().unwrap();
    }
    // A listener that leaves before and after the change.
    let gone = tokio::time::timeout(Duration::from_millis(30), watch.next()).await;
    assert!(gone.is_err(), "nothing happened: {gone:?}");
    fs::write(root.path().join("files/a/new"), "x").unwrap();
    std::os::unix::fs::symlink("new", root.path().join("files/a/link")).unwrap();
    let expected = Seen::Member { folder: "a".into(), name: "new".into() };
    let mut seen = Vec::new();
    while !seen.contains(&expected) {
        seen.extend(tokio::time::timeout(patience, watch.next()).await.unwrap().unwrap());
    }
    let survey = files.survey("a").await.unwrap();
    assert_eq!(survey.members.len(), 2);
    assert_eq!(survey.unusable.len(), 1);
    assert_eq!(
        (survey.unusable[0].name.as_str(), survey.unusable[0].why),
        ("link", WhyUnusable::Link)
    );
    assert!(files.may_change("a").await.unwrap());
    assert!(files.free_space().await.unwrap().is_some());
}

/// A file of the live tree, opened through the plugin.
async fn gibibyte(files: &PluginFiles) -> Box<dyn moonsail_sdk::storage::ReadFile> {
    let mut stage = files.begin_stage(Some(1 << 30)).await.unwrap();
    let piece = bytes::Bytes::from(vec![7; 1 << 20]);
    for number in 0..1024 {
        stage.write_at(number << 20, piece.clone()).await.unwrap();
    }
    let staged = stage.finish(1 << 30, None, Durability::Relaxed).await.unwrap();
    let publish = DiskOp::Publish { stage: staged.at, path: "big".into(), replaces: None };
    files.apply(vec![publish]).await.remove(0).unwrap();
    files.open("big", &staged.tag).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; run it with --ignored --nocapture, best with --release"]
async fn throughput_of_a_gibibyte_in_pieces_of_256_kib() {
    let root = tempfile::tempdir().unwrap();
    let (files, _host) = plugin(root.path());
    let config = moonsail_storage_local::LocalConfig {
        files: root.path().join("files"),
        stage: root.path().join("stage"),
        kept: root.path().join("kept"),
    };
    let over = gibibyte(&files).await;
    let linked = moonsail_storage_local::LocalStorage::open(config).unwrap();
    let tag = linked.stat("big").await.unwrap().unwrap().tag;
    let direct = linked.open("big", &tag).await.unwrap();
    for round in 0..3 {
        for (name, file) in [("linked in", &direct), ("over the border", &over)] {
            let (begun, mut bytes) = (Instant::now(), 0);
            while bytes < 1 << 30 {
                bytes += file.read_at(bytes, 256 << 10).await.unwrap().len() as u64;
            }
            let seconds = begun.elapsed().as_secs_f64();
            println!("{round}: {name}: {:.0} MiB/s", 1024.0 / seconds);
        }
    }
}
