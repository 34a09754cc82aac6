//! What is decided and acknowledged is published by a disk that fails: each call of the publisher
//! fails once. Requests do not notice, reads give the new content at once, and the plain files
//! follow, at the latest after a restart.

use crate::fault::{Kind, Moment, Plan, Span};
use crate::operations::{Operation, each};
use crate::world::World;

/// More calls than the publisher makes for one request.
const MOST: usize = 40;

async fn drive(operation: &Operation, kind: Kind, moment: Moment) {
    let name = operation.name;
    for nth in 0..MOST {
        let mut world = World::ready(operation).await;
        world.publisher.arm(nth, Plan { kind, moment, span: Span::Once });
        let answer = world.ask(&operation.ask).await;
        assert!((200..300).contains(&answer.status), "{name}: {answer:?}");
        world.check(operation, "before it is published").await;
        world.settle().await;
        let struck = world.publisher.disarm();
        let why = format!("{struck:?} ({nth}) {kind:?} {moment:?}");
        world.check(operation, &why).await;
        if !matches!(struck, Some("sync" | "commit" | "disk_ops_done")) {
            world.verify().await;
        }
        // A sync that failed proves nothing from then on, so nothing is forgotten that is decided:
        // the next start does all of it again.
        world.kill().await;
        world.check(operation, &format!("{why}, after a restart")).await;
        world.verify().await;
        assert_eq!(world.strays().await, Vec::<String>::new(), "{name} {why}");
        if struck.is_none() {
            return;
        }
    }
    panic!("{name} never goes through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_fails_at_every_call_and_nobody_notices() {
    each(|operation| async move {
        drive(&operation, Kind::Internal, Moment::Before).await;
        drive(&operation, Kind::Full, Moment::After).await;
    })
    .await;
}
