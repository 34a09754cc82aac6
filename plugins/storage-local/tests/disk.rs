//! What only a storage on a real disk can show: links, devices, modes, edits from outside.
#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use bytes::Bytes;
use moonsail_sdk::storage::{
    Applied, DiskOp, Durability, FileStorage, StagePath, Staged, StorageError, Tag, Unusable,
    WhyUnusable,
};
use moonsail_storage_local::{LocalConfig, LocalStorage};

struct Disk {
    root: tempfile::TempDir,
    storage: LocalStorage,
}

impl Disk {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let storage = LocalStorage::open(config(root.path().into())).unwrap();
        Self { root, storage }
    }

    fn live(&self, path: &str) -> PathBuf {
        self.root.path().join("files").join(path)
    }

    fn kept(&self) -> Vec<String> {
        let mut contents: Vec<_> = fs::read_dir(self.root.path().join("kept"))
            .unwrap()
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap_or_default())
            .collect();
        contents.sort();
        contents
    }

    async fn put(&self, content: &'static str) -> Staged {
        let data = Bytes::from_static(content.as_bytes());
        self.storage.put_small(data, None, Durability::Full).await.unwrap()
    }

    async fn apply(&self, op: DiskOp) -> Applied {
        let mut results = self.storage.apply(vec![op]).await;
        assert_eq!(results.len(), 1);
        results.remove(0).unwrap()
    }

    async fn publish(&self, content: &'static str, path: &str) -> Tag {
        let staged = self.put(content).await;
        let (stage, path) = (staged.at, path.to_owned());
        self.apply(DiskOp::Publish { stage, path, replaces: None }).await;
        staged.tag
    }
}

fn config(root: PathBuf) -> LocalConfig {
    LocalConfig { files: root.join("files"), stage: root.join("stage"), kept: root.join("kept") }
}

#[tokio::test]
async fn files_are_0600_and_folders_0700() {
    let disk = Disk::new();
    disk.publish("x", "a/b.txt").await;
    let folder = disk.storage.stage_folder(None).await.unwrap();
    let (stage, path) = (folder.at, "made".to_owned());
    disk.apply(DiskOp::Publish { stage, path, replaces: None }).await;
    for (path, mode) in [("", 0o700), ("a", 0o700), ("a/b.txt", 0o600), ("made", 0o700)] {
        let found = fs::metadata(disk.live(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path}");
    }
}

#[tokio::test]
async fn links_are_neither_shown_nor_followed() {
    let disk = Disk::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    symlink(outside.path(), disk.live("out")).unwrap();
    symlink(outside.path().join("secret"), disk.live("file")).unwrap();
    for path in ["out", "file", "out/secret"] {
        assert_eq!(disk.storage.stat(path).await.unwrap(), None, "{path}");
    }
    assert_eq!(disk.storage.list("").await.unwrap(), vec![]);
    assert!(matches!(disk.storage.list("out").await, Err(StorageError::NotFound(_))));
    let tag = Tag("1:1:1:1".into());
    assert!(disk.storage.open("out/secret", &tag).await.is_err());
    assert!(disk.storage.open("file", &tag).await.is_err());
    // Writing through them puts them aside and leaves what they point to alone.
    disk.publish("mine", "file").await;
    disk.publish("mine", "out/secret").await;
    assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "s");
    assert_eq!(fs::read_to_string(disk.live("out/secret")).unwrap(), "mine");
    assert_eq!(disk.kept().len(), 2);
}

#[tokio::test]
async fn a_survey_tells_what_cannot_be_shown() {
    let disk = Disk::new();
    fs::create_dir(disk.live("d")).unwrap();
    let live = |name: &[u8]| disk.live("d").join(std::ffi::OsStr::from_bytes(name));
    for name in [&b"file"[..], b"e\xcc\x81 in NFD", b"control\x07\n", b"caf\xe9"] {
        fs::write(live(name), "x").unwrap();
    }
    fs::create_dir(live(b"folder")).unwrap();
    fs::create_dir(live(b"\xff")).unwrap();
    symlink("/", live(b"link\n")).unwrap();
    symlink("nowhere", live(b"link-\xff")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(live(b"pipe")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(live(b"socket")).unwrap();
    let survey = disk.storage.survey("d").await.unwrap();
    let mut members: Vec<_> = survey.members.iter().map(|(name, _)| name.as_str()).collect();
    members.sort_unstable();
    assert_eq!(members, ["control\u{7}\n", "e\u{301} in NFD", "file", "folder"]);
    let unusable = |name: &str, why| Unusable { name: name.into(), why };
    let mut found = survey.unusable;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let expected = [
        unusable("\\xff", WhyUnusable::NotUtf8),
        unusable("caf\\xe9", WhyUnusable::NotUtf8),
        unusable("link-\\xff", WhyUnusable::NotUtf8),
        unusable("link\\x0a", WhyUnusable::Link),
        unusable("pipe", WhyUnusable::Special),
        unusable("socket", WhyUnusable::Special),
    ];
    assert_eq!(found, expected);
    for name in ["link\n", "pipe", "socket", "..", "a/b", ""] {
        let members = disk.storage.stat_members("d", vec![name.into()]).await;
        assert!(!matches!(members.as_deref(), Ok([Some(_)])), "{name:?}: {members:?}");
    }
}

#[tokio::test]
async fn a_file_is_the_same_after_an_edit_and_another_after_a_replacement() {
    let disk = Disk::new();
    let old = disk.publish("old", "a").await;
    let tag = async || disk.storage.stat("a").await.unwrap().unwrap().tag;
    fs::write(disk.live("a"), "edited in place").unwrap();
    let edited = tag().await;
    assert!(old != edited && disk.storage.is_same(&old, &edited));
    fs::write(disk.live("b"), "as editors save").unwrap();
    fs::rename(disk.live("b"), disk.live("a")).unwrap();
    assert!(!disk.storage.is_same(&edited, &tag().await));
}

#[tokio::test]
async fn pipes_and_sockets_are_neither_shown_nor_opened() {
    let disk = Disk::new();
    let pipe = disk.live("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(disk.live("socket")).unwrap();
    assert_eq!(disk.storage.list("").await.unwrap(), vec![]);
    for path in ["pipe", "socket"] {
        assert_eq!(disk.storage.stat(path).await.unwrap(), None, "{path}");
        assert!(disk.storage.open(path, &Tag("1:1:1:1".into())).await.is_err(), "{path}");
    }
    disk.publish("x", "pipe").await;
    assert_eq!(fs::read_to_string(pipe).unwrap(), "x");
}

#[tokio::test]
async fn an_edit_from_outside_is_kept_when_it_is_replaced_or_removed() {
    let disk = Disk::new();
    let old = disk.publish("old", "a").await;
    fs::write(disk.live("a"), "edited in place").unwrap();
    let staged = disk.put("new").await;
    let (stage, path, replaces) = (staged.at, "a".to_owned(), Some(old));
    let applied = disk.apply(DiskOp::Publish { stage, path, replaces }).await;
    assert!(applied.kept.unwrap().ends_with("-a"));
    assert_eq!(disk.kept(), ["edited in place"]);
    assert_eq!(fs::read_to_string(disk.live("a")).unwrap(), "new");
    fs::write(disk.live("a"), "edited again").unwrap();
    let applied = disk.apply(DiskOp::Remove { path: "a".into(), tag: staged.tag }).await;
    assert!(applied.kept.is_some());
    assert_eq!(disk.kept(), ["edited again", "edited in place"]);
    assert!(!disk.live("a").exists());
}

#[tokio::test]
async fn an_edit_from_outside_is_no_longer_what_the_tag_opens() {
    let disk = Disk::new();
    let tag = disk.publish("old", "a").await;
    let open = disk.storage.open("a", &tag).await.unwrap();
    assert_eq!(open.read_at(0, 9).await.unwrap(), "old");
    fs::write(disk.live("a"), "newer").unwrap();
    assert!(matches!(disk.storage.open("a", &tag).await, Err(StorageError::Changed(_))));
    let copy = disk.storage.stage_copy("a", &tag, None, Durability::Full).await;
    assert!(matches!(copy, Err(StorageError::Changed(_))));
    assert_eq!(disk.storage.list_stage().await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_moved_file_takes_the_edit_along() {
    let disk = Disk::new();
    let tag = disk.publish("old", "a").await;
    fs::write(disk.live("a"), "edited").unwrap();
    disk.apply(DiskOp::Move { from: "a".into(), to: "b".into(), tag }).await;
    assert_eq!(fs::read_to_string(disk.live("b")).unwrap(), "edited");
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let disk = Disk::new();
    fs::write(disk.live("").join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    fs::write(disk.live("good"), "x").unwrap();
    let names: Vec<_> = disk.storage.list("").await.unwrap().into_iter().map(|m| m.0).collect();
    assert_eq!(names, ["good"]);
}

#[tokio::test]
async fn removing_a_tree_follows_no_link_and_any_depth() {
    let disk = Disk::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "s").unwrap();
    let folder = disk.storage.stage_folder(None).await.unwrap();
    let (stage, tag) = (folder.at, folder.tag);
    disk.apply(DiskOp::Publish { stage, path: "t".into(), replaces: None }).await;
    symlink(outside.path(), disk.live("t/out")).unwrap();
    fs::create_dir_all(disk.live("t").join("d/".repeat(1500))).unwrap();
    disk.apply(DiskOp::Remove { path: "t".into(), tag }).await;
    assert!(!disk.live("t").exists());
    eventually_empty(&disk.root.path().join("stage")).await;
    assert!(outside.path().join("secret").exists());
}

#[tokio::test]
async fn a_kept_stage_file_goes_on_after_a_restart() {
    let disk = Disk::new();
    let mut file = disk.storage.begin_stage(Some(6)).await.unwrap();
    file.write_at(0, Bytes::from_static(b"abc")).await.unwrap();
    let at = file.at();
    file.keep();
    let storage = LocalStorage::open(config(disk.root.path().into())).unwrap();
    let mut file = storage.reopen_stage(&at).await.unwrap();
    file.write_at(3, Bytes::from_static(b"def")).await.unwrap();
    let staged = file.finish(6, None, Durability::Full).await.unwrap();
    let op = DiskOp::Publish { stage: staged.at, path: "a".into(), replaces: None };
    assert!(storage.apply(vec![op]).await[0].is_ok());
    assert_eq!(fs::read_to_string(disk.live("a")).unwrap(), "abcdef");
}

#[tokio::test]
async fn what_an_earlier_run_had_removed_is_deleted_at_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("stage/removed-1/a/b")).unwrap();
    fs::write(root.path().join("stage/removed-2"), "x").unwrap();
    let _storage = LocalStorage::open(config(root.path().into())).unwrap();
    eventually_empty(&root.path().join("stage")).await;
}

async fn eventually_empty(dir: &std::path::Path) {
    for _ in 0..500 {
        if fs::read_dir(dir).unwrap().next().is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{} is not empty", dir.display());
}

#[tokio::test]
async fn a_size_that_cannot_fit_is_full_before_any_byte() {
    let disk = Disk::new();
    let begun = disk.storage.begin_stage(Some(1 << 60)).await;
    assert!(matches!(begun.err(), Some(StorageError::Full)));
    eventually_empty(&disk.root.path().join("stage")).await;
}

#[tokio::test]
async fn preallocated_space_that_was_not_used_is_given_back() {
    use std::os::unix::fs::MetadataExt;
    let disk = Disk::new();
    let mut file = disk.storage.begin_stage(Some(8 << 20)).await.unwrap();
    file.write_at(0, Bytes::from_static(b"x")).await.unwrap();
    let staged = file.finish(1, Some(-5), Durability::Full).await.unwrap();
    let meta = fs::metadata(disk.root.path().join("stage").join(&staged.at.0)).unwrap();
    assert!(meta.blocks() * 512 <= 64 << 10, "{} blocks", meta.blocks());
    assert_eq!((meta.mtime(), meta.mtime_nsec()), (-5, 0));
}

#[test]
fn areas_that_cannot_work_are_refused_with_a_remedy() {
    let root = tempfile::tempdir().unwrap();
    let good = config(root.path().into());
    for (bad, words) in [
        (LocalConfig { stage: good.files.join("stage"), ..good.clone() }, "lies inside"),
        (LocalConfig { kept: good.stage.clone(), ..good.clone() }, "use two folders"),
        (LocalConfig { stage: "/proc/self".into(), ..good.clone() }, "another file system"),
        (LocalConfig { stage: "/dev/null/x".into(), ..good.clone() }, "/dev/null/x"),
    ] {
        match LocalStorage::open(bad) {
            Err(StorageError::Unavailable(text)) => assert!(text.contains(words), "{text}"),
            other => panic!("{words}: {other:?}"),
        }
    }
    LocalStorage::open(good).unwrap();
}

#[tokio::test]
async fn paths_that_leave_the_area_are_refused() {
    let disk = Disk::new();
    for path in ["..", "../x", "a/../../x", "/etc/passwd", "a//b", "a\0b", "./a"] {
        assert!(disk.storage.stat(path).await.is_err(), "stat {path:?}");
        assert!(disk.storage.list(path).await.is_err(), "list {path:?}");
        assert!(disk.storage.open_staged(&StagePath(path.into())).await.is_err(), "{path:?}");
        let staged = disk.put("x").await;
        let op = DiskOp::Publish { stage: staged.at, path: path.into(), replaces: None };
        assert!(disk.storage.apply(vec![op]).await[0].is_err(), "publish {path:?}");
    }
    assert!(!disk.root.path().join("x").exists());
}

#[tokio::test]
async fn a_shared_folder_hides_what_the_server_needs_in_it() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("none");
    assert!(matches!(LocalStorage::open_shared(&missing), Err(StorageError::Unavailable(_))));
    assert!(!missing.exists(), "a disk that is not mounted is not made up for");
    fs::write(root.path().join("a.txt"), "a").unwrap();
    let storage = LocalStorage::open_shared(root.path()).unwrap();
    let staged = storage.put_small(Bytes::from("b"), None, Durability::Full).await.unwrap();
    let op = DiskOp::Publish { stage: staged.at, path: "b.txt".into(), replaces: None };
    storage.apply(vec![op]).await.remove(0).unwrap();
    let mut names: Vec<_> =
        storage.list("").await.unwrap().into_iter().map(|(name, _)| name).collect();
    names.sort();
    assert_eq!(names, ["a.txt", "b.txt"]);
    assert!(root.path().join(".moonsail/stage").is_dir());
    assert_eq!(storage.stat(".moonsail").await.unwrap(), None);
    let asked = vec![".moonsail".to_owned(), "a.txt".to_owned()];
    let members = storage.stat_members("", asked).await.unwrap();
    assert!(members[0].is_none() && members[1].is_some());
    assert!(storage.survey("").await.unwrap().unusable.is_empty());
}

#[tokio::test]
async fn a_folder_that_is_only_read_stays_as_it_is() {
    let (root, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(root.path().join("sub")).unwrap();
    fs::write(root.path().join("sub/a.txt"), "abc").unwrap();
    let storage = LocalStorage::open_read_only(root.path(), scratch.path()).unwrap();
    let entry = storage.stat("sub/a.txt").await.unwrap().unwrap();
    let file = storage.open("sub/a.txt", &entry.tag).await.unwrap();
    assert_eq!(file.read_at(0, 10).await.unwrap(), "abc");
    assert!(storage.may_change("sub").await.unwrap(), "it can be shown");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}
