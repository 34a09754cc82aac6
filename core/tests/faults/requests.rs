//! Each call of each request fails once, in each way. An answer of 2xx did it; any other changed
//! nothing, left nothing behind that the next start does not remove, and the next try goes through.

use crate::fault::{Kind, Moment, Plan, Span};
use crate::operations::{Operation, named};
use crate::world::{Answer, World};

/// More calls than any request makes.
const MOST: usize = 400;

const FIRST_VISIT: &str = "first visit";

const PLANS: [Plan; 7] = [
    plan(Kind::Full, Moment::Before, Span::Once),
    plan(Kind::Full, Moment::Before, Span::FromThen),
    plan(Kind::Unavailable, Moment::Before, Span::Once),
    plan(Kind::Internal, Moment::Before, Span::Once),
    plan(Kind::Internal, Moment::After, Span::Once),
    plan(Kind::Internal, Moment::After, Span::FromThen),
    plan(Kind::Panic, Moment::Before, Span::Once),
];

pub(crate) const fn plan(kind: Kind, moment: Moment, span: Span) -> Plan {
    Plan { kind, moment, span }
}

/// Whether a status says what happened, as `threats` §0 and §1 ask.
pub(crate) fn says_so(answer: &Answer, kind: Kind) -> bool {
    match answer.status {
        500 => matches!(kind, Kind::Internal | Kind::Panic),
        503 => answer.headers.contains_key("retry-after"),
        507 => kind == Kind::Full,
        _ => false,
    }
}

async fn drive(operation: &Operation, plan: Plan) {
    let name = operation.name;
    let mut world = World::ready(operation).await;
    let mut before = world.state().await;
    for nth in 0..MOST {
        world.requests.arm(nth, plan);
        let answer = world.ask(&operation.ask).await;
        let struck = world.requests.disarm();
        let why = format!("{struck:?} ({nth}) {plan:?}");
        if (200..300).contains(&answer.status) {
            // What failed was not needed, or nothing did.
            world.settle().await;
            world.check(operation, &why).await;
            world.sweep().await;
            world.verify().await;
            if struck.is_none() {
                world.kill().await;
                world.check(operation, "after a restart").await;
                world.verify().await;
                return;
            }
            world = World::ready(operation).await;
            before = world.state().await;
            continue;
        }
        let call = struck.unwrap_or_else(|| panic!("{name}: {answer:?}"));
        assert!(says_so(&answer, plan.kind), "{name} {why}: {answer:?}");
        if (call == "commit" && plan.moment == Moment::After)
            || (call == "discard" && plan.kind == Kind::Panic)
        {
            // An error from a commit is no promise that it did not happen, nor is a bug behind it.
            world.settle().await;
            world.check(operation, &why).await;
            world.sweep().await;
            world.verify().await;
            world = World::ready(operation).await;
            before = world.state().await;
            continue;
        }
        let after = world.state().await;
        if name == FIRST_VISIT && after != before {
            // The home stands, empty, and the request that made it failed later.
            before = after;
        } else {
            assert_eq!(after, before, "{name} {why}: {answer:?}");
        }
        let tidies = matches!(plan.kind, Kind::Full | Kind::Unavailable)
            && plan.span == Span::Once
            && call != "discard";
        if tidies {
            assert_eq!(world.strays().await, Vec::<String>::new(), "{name} {why}");
        }
        world.sweep().await;
    }
    panic!("{name} never goes through");
}

async fn every_way(name: &str) {
    let operation = named(name);
    for plan in PLANS {
        drive(&operation, plan).await;
    }
}

macro_rules! operations {
    ($($test:ident: $name:literal,)*) => {
        $(#[tokio::test]
        async fn $test() {
            every_way($name).await;
        })*

        #[test]
        fn no_operation_is_forgotten() {
            let names: Vec<_> = crate::operations::all().iter().map(|one| one.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

operations! {
    put_in_every_way: "put",
    put_large_in_every_way: "put large",
    overwrite_in_every_way: "overwrite",
    overwrite_large_in_every_way: "overwrite large",
    put_with_parents_in_every_way: "put with parents",
    move_in_every_way: "move",
    move_onto_in_every_way: "move onto",
    move_folder_in_every_way: "move folder",
    copy_in_every_way: "copy",
    copy_onto_in_every_way: "copy onto",
    copy_folder_in_every_way: "copy folder",
    delete_in_every_way: "delete",
    delete_folder_in_every_way: "delete folder",
    mkcol_in_every_way: "mkcol",
    mkcol_with_properties_in_every_way: "mkcol with properties",
    proppatch_in_every_way: "proppatch",
    lock_in_every_way: "lock",
    begin_a_transfer_in_every_way: "begin a transfer",
    first_chunk_in_every_way: "first chunk",
    next_chunk_in_every_way: "next chunk",
    chunk_again_in_every_way: "chunk again",
    close_in_every_way: "close",
    close_out_of_order_in_every_way: "close out of order",
    give_up_a_transfer_in_every_way: "give up a transfer",
    first_visit_in_every_way: "first visit",
}
