//! A call never comes back, and the process is killed. What was not acknowledged is whole or absent
//! after the start, `fsck` finds nothing, and what is asked for again is done.

use crate::fault::{Kind, Moment, Plan, Span};
use crate::operations::{Operation, each};
use crate::world::World;

/// More calls than any request makes.
const MOST: usize = 400;

/// Whether everything is so already that must be so once it is done.
async fn is_done(world: &World, operation: &Operation) -> bool {
    for (ask, status, part) in &operation.after {
        let answer = world.ask(ask).await;
        let there = |part: &Vec<u8>| answer.body.windows(part.len()).any(|it| it == *part);
        if answer.status != *status || !part.as_ref().is_none_or(there) {
            return false;
        }
    }
    true
}

async fn kill_at_every_call(operation: &Operation, moment: Moment) {
    let name = operation.name;
    let plan = Plan { kind: Kind::Stop, moment, span: Span::FromThen };
    for nth in 0..MOST {
        let mut world = World::ready(operation).await;
        let before = world.state().await;
        world.requests.arm(nth, plan);
        let answer = world.ask_until_stopped(&operation.ask).await;
        let Some(call) = world.requests.struck() else {
            let answer = answer.unwrap();
            assert!((200..300).contains(&answer.status), "{name}: {answer:?}");
            return;
        };
        let why = format!("killed at {call} ({nth}) {moment:?}: {answer:?}");
        world.kill().await;
        world.verify().await;
        assert_eq!(world.strays().await, Vec::<String>::new(), "{name} {why}");
        let acknowledged = answer.is_some_and(|answer| (200..300).contains(&answer.status));
        let now = world.state().await;
        if acknowledged || now != before {
            world.check(operation, &why).await;
            continue;
        }
        if !is_done(&world, operation).await {
            let again = world.ask(&operation.ask).await;
            assert!((200..300).contains(&again.status), "{name} {why}, again: {again:?}");
        }
        world.check(operation, &why).await;
        world.settle().await;
        world.verify().await;
    }
    panic!("{name} never goes through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_call_an_operation_is_whole_or_absent() {
    each(|operation| async move {
        for moment in [Moment::Before, Moment::After] {
            kill_at_every_call(&operation, moment).await;
        }
    })
    .await;
}
