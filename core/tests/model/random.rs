//! How histories are made up.

use proptest::prelude::*;

use crate::ops::{Op, When};

fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c", "é 1"]);
    prop::collection::vec(name, 1..=3).prop_map(|names| names.join("/"))
}

fn mtime() -> impl Strategy<Value = i64> {
    // Few, so that times are set to and fro.
    prop::sample::select(vec![1, 1_000_000_000, 1_700_000_000, 4_294_967_295])
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        6 => Just(When::Always),
        1 => Just(When::Matches),
        1 => Just(When::MatchesOther),
        1 => Just(When::Absent),
    ]
}

/// Most requests submit the tokens they could know of.
fn tokens() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.6)
}

pub(crate) fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![2 => Just(0usize), 12 => 1..2000usize, 1 => Just(300_000usize)];
    let transfer = 0..2u8;
    prop_oneof![
        10 => (path(), size, prop::option::of(mtime()), when(), tokens(), prop::bool::weighted(0.1))
            .prop_map(|(path, size, mtime, when, tokens, tight)| {
                Op::Put { path, size, mtime, when, tokens, tight }
            }),
        6 => (path(), tokens()).prop_map(|(path, tokens)| Op::Mkcol { path, tokens }),
        3 => (path(), tokens()).prop_map(|(path, tokens)| Op::Remove { path, tokens }),
        6 => (path(), path(), any::<bool>(), prop::option::weighted(0.2, mtime()), tokens())
            .prop_map(|(from, to, overwrite, mtime, tokens)| {
                Op::Move { from, to, overwrite, mtime, tokens }
            }),
        4 => (path(), path(), any::<bool>(), prop::bool::weighted(0.8), tokens(), prop::bool::weighted(0.1))
            .prop_map(|(from, to, overwrite, deep, tokens, tight)| {
                Op::Copy { from, to, overwrite, deep, tokens, tight }
            }),
        2 => (path(), any::<bool>(), tokens())
            .prop_map(|(path, on, tokens)| Op::Favorite { path, on, tokens }),
        3 => (path(), mtime(), tokens())
            .prop_map(|(path, mtime, tokens)| Op::Mtime { path, mtime, tokens }),
        1 => (path(), mtime(), mtime())
            .prop_map(|(path, first, second)| Op::Mtimes { path, first, second }),
        2 => (path(), 0..3u8, any::<bool>(), tokens())
            .prop_map(|(path, name, set, tokens)| Op::Dead { path, name, set, tokens }),
        1 => (path(), any::<bool>()).prop_map(|(path, deep)| Op::Lock { path, deep }),
        1 => any::<usize>().prop_map(|nth| Op::Refresh { nth }),
        1 => any::<usize>().prop_map(|nth| Op::Unlock { nth }),
        2 => transfer.clone().prop_map(|transfer| Op::Begin { transfer }),
        8 => (transfer.clone(), 1..5u8, prop::bool::weighted(0.03), prop::bool::weighted(0.3))
            .prop_map(|(transfer, number, big, offset)| Op::Chunk { transfer, number, big, offset }),
        1 => (transfer.clone(), 1..5u8)
            .prop_map(|(transfer, number)| Op::CutChunk { transfer, number }),
        1 => (transfer.clone(), 1..5u8)
            .prop_map(|(transfer, number)| Op::RemoveChunk { transfer, number }),
        3 => (transfer.clone(), path(), when(), tokens())
            .prop_map(|(transfer, path, when, tokens)| Op::Close { transfer, path, when, tokens }),
        1 => transfer.prop_map(|transfer| Op::Abort { transfer }),
        2 => Just(Op::Settle),
        1 => Just(Op::Stall),
        1 => Just(Op::Restart),
        2 => Just(Op::Kill),
        1 => prop::sample::select(vec![1, 100, 1801]).prop_map(|seconds| Op::Wait { seconds }),
    ]
}
