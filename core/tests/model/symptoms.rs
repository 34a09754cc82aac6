//! What once went wrong, each by its symptom.

use std::time::Duration;

use moonsail::content::{ChunkExpected, Expected};
use moonsail::path::DavPath;
use moonsail::tree::{Conditions, PropChange, Put};
use moonsail::wire::Body;

use crate::world::{Backend, Live, World, actor, alice};

fn path(text: &str) -> DavPath {
    DavPath::from_decoded(text).unwrap()
}

async fn put(live: &Live, at: &str, bytes: &'static str) {
    let wanted = Expected { mtime: Some(1_000), ..Expected::default() };
    let received = live.content.receive(&mut Body::from_bytes(bytes), &wanted).await.unwrap();
    let put = Put {
        path: path(at),
        staged: received.staged,
        checksums: received.checksums,
        mtime: received.mtime,
        created: None,
        conditions: Conditions::default(),
        upload: None,
    };
    live.tree.put(actor(None), &alice(), put).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_set_to_and_fro_does_not_stop_the_publisher() {
    let world = World::new(Backend::Local).await;
    let live = world.live();
    let me = alice();
    put(live, "a", "bytes").await;
    for mtime in [2_000, 1_000, 2_000, 1_000] {
        let changes = vec![PropChange::Mtime(mtime)];
        let patched =
            live.tree.patch_props(actor(None), &me, path("a"), changes, 100, Conditions::default());
        patched.await.unwrap();
        live.publisher.settle(true).await;
    }
    put(live, "a", "other").await;
    let settled = tokio::time::timeout(Duration::from_secs(10), live.publisher.settle(true)).await;
    assert!(settled.is_ok(), "the publisher hangs");
    assert_eq!(world.disk().await["alice/a"], Some((b"other".to_vec(), 1_000)));
}

#[tokio::test]
async fn chunks_out_of_order_without_offsets_make_a_file() {
    let world = World::new(Backend::Memory).await;
    let content = &world.live().content;
    content.begin_transfer(&alice(), "t", None).await.unwrap();
    for (name, bytes) in [("2", "two"), ("3", "three"), ("1", "one")] {
        let expected = ChunkExpected::default();
        let mut body = Body::from_bytes(bytes);
        content.put_chunk(&alice(), "t", name, &mut body, &expected).await.unwrap();
    }
    let assembled = content.assemble(&alice(), "t", &Expected::default()).await.unwrap();
    let file = world.live().storage.open_staged(&assembled.received.staged.at).await.unwrap();
    assert_eq!(file.read_at(0, 100).await.unwrap(), "onetwothree");
}
