//! Who leaves, at whatever moment, leaves nothing behind: no question without an answer, no buffer, no
//! file in the stage, no watch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use moonsail_sdk::abi::unanswered;
use moonsail_sdk::blobs::BlobStorage;
use moonsail_sdk::storage::{Durability, FileStorage, Seen};
use tokio::sync::Mutex;

use crate::odd::{Alive, Mood, Odd};

/// Questions are counted for the whole process: one of these tests at a time.
pub(crate) static ALONE: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

pub(crate) async fn answered() {
    for _ in 0..4000 {
        if unanswered() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} questions wait", unanswered());
}

/// Polls a future for a moment and drops it.
async fn leave<T>(call: impl Future<Output = T>) {
    let waited = tokio::time::timeout(Duration::from_millis(20), call).await;
    assert!(waited.is_err(), "it hangs");
}

#[tokio::test]
async fn calls_that_hang_are_cancelled_with_who_asked() {
    let _alone = ALONE.lock().await;
    let odd = Odd::new();
    odd.control.memory.write_outside("live", b"live");
    let tag = odd.files.stat("live").await.unwrap().unwrap().tag;
    let mut stage = odd.files.begin_stage(None).await.unwrap();
    let other = odd.files.begin_stage(None).await.unwrap();
    let file = odd.files.open("live", &tag).await.unwrap();
    let buffers = Arc::new(AtomicUsize::new(0));
    let buffer = || Bytes::from_owner(Alive::around(&buffers, Bytes::from_static(b"bytes")));
    odd.control.be(Mood::Hangs);
    leave(odd.files.put_small(buffer(), None, Durability::Full)).await;
    leave(odd.files.begin_stage(None)).await;
    leave(odd.files.open("live", &tag)).await;
    leave(odd.files.list("")).await;
    leave(odd.files.watch()).await;
    leave(stage.write_at(0, buffer())).await;
    leave(stage.read_at(0, 1)).await;
    leave(file.read_at(0, 1)).await;
    leave(other.finish(5, None, Durability::Full)).await;
    odd.control.be(Mood::Well);
    // The cancelled calls are over before the next one with the same handle begins.
    stage.write_at(0, buffer()).await.unwrap();
    let key = stage.at();
    answered().await;
    assert_eq!(odd.files.list_stage().await.unwrap().len(), 1, "the finish that was left is gone");
    stage.keep();
    drop(file);
    odd.control.quiet().await;
    assert_eq!(buffers.load(Ordering::SeqCst), 0, "buffers are released");
    let staged = odd.files.open_staged(&key).await.unwrap().read_at(0, 9).await.unwrap();
    assert_eq!(staged, "bytes", "what is kept is there");
}

#[tokio::test]
async fn handles_and_buffers_are_released() {
    let _alone = ALONE.lock().await;
    let odd = Odd::new();
    odd.control.memory.write_outside("live", &[7; 3000]);
    let tag = odd.files.stat("live").await.unwrap().unwrap().tag;
    for _ in 0..200 {
        let file = odd.files.open("live", &tag).await.unwrap();
        let mut stage = odd.files.begin_stage(Some(3000)).await.unwrap();
        let read = file.read_at(1000, 1000).await.unwrap();
        assert_eq!(read.len(), 1000);
        stage.write_at(0, read.clone()).await.unwrap();
        // A buffer outlives the file that it comes from.
        drop((file, stage));
        assert_eq!(read[999], 7);
    }
    odd.control.quiet().await;
    answered().await;
    assert_eq!(odd.files.list_stage().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_held_keeps_the_plugin_alive() {
    let _alone = ALONE.lock().await;
    let Odd { control, files, host } = Odd::new();
    control.memory.write_outside("live", b"live");
    let tag = files.stat("live").await.unwrap().unwrap().tag;
    let file = files.open("live", &tag).await.unwrap();
    let mut watch = files.watch().await.unwrap().unwrap();
    let destroyed = host.destroyed();
    drop((host, files));
    control.tell(Seen::Folder { path: "f".into(), watched: true });
    assert_eq!(watch.next().await.unwrap().len(), 1);
    let read = file.read_at(0, 9).await.unwrap();
    drop((file, watch));
    tokio::time::timeout(Duration::from_secs(10), destroyed).await.expect("destroyed");
    // Buffers live on: the library is never unloaded.
    assert_eq!(read, "live");
    drop(read);
    control.quiet().await;
    answered().await;
}

#[tokio::test]
async fn a_watch_tells_what_was_seen_and_loses_nothing_when_its_listener_leaves() {
    let _alone = ALONE.lock().await;
    let odd = Odd::new();
    let mut watch = odd.files.watch().await.unwrap().unwrap();
    assert_eq!((watch.counts(), watch.lost()), ((0, 0), 0));
    let member = |name: &str| Seen::Member { folder: "f/ä".into(), name: name.into() };
    let folder = |watched| Seen::Folder { path: String::new(), watched };
    for seen in [member("a"), folder(true), folder(false)] {
        leave(watch.next()).await;
        odd.control.tell(seen.clone());
        // It was told to somebody who had left; whoever comes next gets it.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(watch.next().await, Some(vec![seen]));
    }
    assert_eq!((watch.counts(), watch.lost()), ((3, 1), 2));
    leave(watch.next()).await;
    drop(watch);
    odd.control.quiet().await;
    answered().await;
}

#[tokio::test]
async fn a_watch_that_ends_has_ended() {
    let odd = Odd::new();
    let mut watch = odd.files.watch().await.unwrap().unwrap();
    odd.control.fail(moonsail_sdk::storage::StorageError::Full);
    assert_eq!(watch.next().await, None);
    odd.control.be(Mood::Well);
    odd.control.tell(Seen::Folder { path: String::new(), watched: true });
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn objects_are_left_as_well() {
    let _alone = ALONE.lock().await;
    let (store, host) = crate::blobs();
    store.put("a", Bytes::from(vec![1; 5000])).await.unwrap();
    for number in 0..50 {
        let mut writer = store.begin("w").await.unwrap();
        writer.write(Bytes::from_static(b"12345")).await.unwrap();
        let mut reader = store.open("a", 10, 100).await.unwrap();
        assert_eq!(reader.next(7).await.unwrap().len(), 7);
        match number % 3 {
            0 => drop(writer),
            1 => writer.abort().await.unwrap(),
            _ => drop(writer.commit()),
        }
        drop(reader);
    }
    answered().await;
    let destroyed = host.destroyed();
    drop((store, host));
    tokio::time::timeout(Duration::from_secs(10), destroyed).await.expect("destroyed");
}
