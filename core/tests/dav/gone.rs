//! Clients that hang up: the handler is dropped wherever it stands.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use moonsail::wire::{Body, Request};

use crate::house::{End, House, body_of};

const FILES: &str = "/remote.php/dav/files/alice";
const UPLOADS: &str = "/remote.php/dav/uploads/alice";

struct Quiet;

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {}
}

/// Polls a request `polls` times, with time in between for what it waits for, and drops it.
/// Whether it was answered before.
async fn dropped_after(house: &House, request: Request, polls: usize) -> bool {
    let waker = Waker::from(Arc::new(Quiet));
    let mut handling = pin!(house.dav.handle(request));
    for _ in 0..polls {
        if handling.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    false
}

/// Drops a request at every place where it waits; gives how often that was.
async fn dropped_everywhere<F: Future<Output = ()>>(
    house: &House,
    request: impl Fn() -> Request,
    mut after: impl FnMut(bool) -> F,
) {
    for polls in 1..40 {
        let answered = dropped_after(house, request(), polls).await;
        // What goes on without the client comes to its end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        after(answered).await;
        if answered {
            return;
        }
    }
    panic!("never answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_in_the_stage_of_a_request_that_was_dropped() {
    let house = House::new().await;
    house.mkcol("tree").await;
    house.put("tree/f", vec![b'f'; 300_000]).await;
    house.put("tree/g", "g").await;
    let login = house.login("alice");
    let destination = format!("{FILES}/copy");
    let patch = [
        ("content-type", "application/x-sabredav-partialupdate"),
        ("x-update-range", "append"),
        ("content-length", "10"),
    ];
    let lock = r#"<d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope><d:locktype><d:write/></d:locktype></d:lockinfo>"#;
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], usize, &'a str);
    let cases: [Case<'_>; 7] = [
        ("PUT", "small", &[], 10, ""),
        ("PUT", "large", &[], 1_000_000, ""),
        ("PUT", "x/y/z", &[("x-nc-webdav-auto-mkcol", "1")], 10, ""),
        ("MKCOL", "new", &[], 0, ""),
        ("COPY", "tree", &[("destination", &destination)], 0, ""),
        ("PATCH", "tree/f", &patch, 10, ""),
        ("LOCK", "locked", &[], 0, lock),
    ];
    for (method, target, fields, size, text) in cases {
        let request = || {
            let body = match text {
                "" => Body::from_bytes(vec![b'b'; size]),
                text => Body::from_bytes(text.to_owned()),
            };
            house.request(&login, method, &format!("{FILES}/{target}"), fields, body)
        };
        dropped_everywhere(&house, request, async |_| {
            assert_eq!(house.strays().await, Vec::<String>::new(), "{method} {target}");
        })
        .await;
        let there = house.ask("HEAD", target, &[], "").await;
        assert_eq!(there.status, 200, "{method} {target}");
        if method == "PUT" {
            assert_eq!(house.bytes(target).await.len(), size, "{target}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_in_the_middle_of_a_chunk_leaves_the_chunks_before() {
    let house = House::new().await;
    let login = house.login("alice");
    assert_eq!(
        house.at("MKCOL", &format!("{UPLOADS}/t"), &[], Body::from_bytes("")).await.status,
        201
    );
    let first = format!("{UPLOADS}/t/1");
    assert_eq!(house.at("PUT", &first, &[], Body::from_bytes("one")).await.status, 201);
    for size in [0, 10, 2_000_000] {
        let request =
            house.request(&login, "PUT", &format!("{UPLOADS}/t/2"), &[], body_of(size, End::Never));
        assert!(!dropped_after(&house, request, 20).await);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        house.at("PUT", &format!("{UPLOADS}/t/2"), &[], Body::from_bytes("two")).await.status,
        201
    );
    let destination = format!("{FILES}/f");
    let close = [("destination", destination.as_str()), ("oc-total-length", "6")];
    let closed =
        house.at("MOVE", &format!("{UPLOADS}/t/.file"), &close, Body::from_bytes("")).await;
    assert_eq!(closed.status, 201, "{closed:?}");
    assert_eq!(house.bytes("f").await, "onetwo");
    assert_eq!(house.strays().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closing_move_that_was_dropped_is_done_or_can_be_repeated() {
    let house = House::new().await;
    let login = house.login("alice");
    let destination = format!("{FILES}/f");
    let close = [("destination", destination.as_str())];
    for polls in 1..30 {
        let folder = format!("{UPLOADS}/t{polls}");
        house.at("MKCOL", &folder, &[], Body::from_bytes("")).await;
        // The second is parked, so that the file must be put together.
        for (name, bytes) in [("2", "two"), ("1", "one")] {
            house.at("PUT", &format!("{folder}/{name}"), &[], Body::from_bytes(bytes)).await;
        }
        let target = format!("{folder}/.file");
        let request = || house.request(&login, "MOVE", &target, &close, Body::from_bytes(""));
        let answered = dropped_after(&house, request(), polls).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let again = house.at("MOVE", &target, &close, Body::from_bytes("")).await;
        assert!(matches!(again.status, 201 | 204 | 404), "{again:?}");
        assert_eq!(house.bytes("f").await, "onetwo");
        assert_eq!(house.strays().await, Vec::<String>::new());
        if answered {
            return;
        }
    }
    panic!("never answered");
}
