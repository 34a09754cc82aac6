//! The whole tree: bytes are a history of requests, kills and restarts, which must follow the model
//! of `core/tests/model` at every step and be plain files at its end.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use tokio::runtime::Runtime;

use crate::history::History;
use crate::ops::{Op, When};
use crate::world::Backend;

/// Longest history.
const MOST: usize = 40;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
});

pub(super) fn target(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    // Most histories run in memory, which is some times faster.
    let backend = match bytes.ratio(1, 16) {
        Ok(true) => Backend::Local,
        _ => Backend::Memory,
    };
    let mut ops = Vec::new();
    while !bytes.is_empty() && ops.len() < MOST {
        match op(&mut bytes) {
            Ok(op) => ops.push(op),
            Err(_) => break,
        }
    }
    RUNTIME.block_on(async {
        let mut history = History::begin(backend).await;
        for op in ops {
            history.step(op).await;
        }
        history.end().await;
    });
}

fn op(bytes: &mut Unstructured<'_>) -> Result<Op> {
    Ok(match bytes.int_in_range(0..=22u8)? {
        0 | 1 => Op::Put {
            path: path(bytes)?,
            size: *bytes.choose(&[0, 1, 100, 2000, 300_000])?,
            mtime: maybe(bytes, mtime)?,
            when: when(bytes)?,
            tokens: bytes.arbitrary()?,
            tight: bytes.ratio(1, 8)?,
        },
        2 | 3 => Op::Mkcol { path: path(bytes)?, tokens: bytes.arbitrary()? },
        4 => Op::Remove { path: path(bytes)?, tokens: bytes.arbitrary()? },
        5 | 6 => Op::Move {
            from: path(bytes)?,
            to: path(bytes)?,
            overwrite: bytes.arbitrary()?,
            mtime: maybe(bytes, mtime)?,
            tokens: bytes.arbitrary()?,
        },
        7 => Op::Copy {
            from: path(bytes)?,
            to: path(bytes)?,
            overwrite: bytes.arbitrary()?,
            deep: bytes.arbitrary()?,
            tokens: bytes.arbitrary()?,
            tight: bytes.ratio(1, 8)?,
        },
        8 => Op::Favorite { path: path(bytes)?, on: bytes.arbitrary()?, tokens: true },
        9 => Op::Mtime { path: path(bytes)?, mtime: mtime(bytes)?, tokens: true },
        10 => Op::Mtimes { path: path(bytes)?, first: mtime(bytes)?, second: mtime(bytes)? },
        11 => Op::Dead {
            path: path(bytes)?,
            name: bytes.int_in_range(0..=2)?,
            set: bytes.arbitrary()?,
            tokens: bytes.arbitrary()?,
        },
        12 => Op::Lock { path: path(bytes)?, deep: bytes.arbitrary()? },
        13 => Op::Refresh { nth: bytes.int_in_range(0..=3)? },
        14 => Op::Unlock { nth: bytes.int_in_range(0..=3)? },
        15 => Op::Begin { transfer: transfer(bytes)? },
        16 | 17 => Op::Chunk {
            transfer: transfer(bytes)?,
            number: bytes.int_in_range(1..=4)?,
            big: bytes.ratio(1, 16)?,
            offset: bytes.ratio(1, 4)?,
        },
        18 => match bytes.arbitrary()? {
            true => Op::CutChunk { transfer: transfer(bytes)?, number: bytes.int_in_range(1..=4)? },
            false => {
                Op::RemoveChunk { transfer: transfer(bytes)?, number: bytes.int_in_range(1..=4)? }
            }
        },
        19 => Op::Close {
            transfer: transfer(bytes)?,
            path: path(bytes)?,
            when: when(bytes)?,
            tokens: bytes.arbitrary()?,
        },
        20 => Op::Abort { transfer: transfer(bytes)? },
        21 => bytes.choose(&[Op::Settle, Op::Stall, Op::Restart, Op::Kill])?.clone(),
        _ => Op::Wait { seconds: *bytes.choose(&[1, 100, 1801])? },
    })
}

fn transfer(bytes: &mut Unstructured<'_>) -> Result<u8> {
    bytes.int_in_range(0..=1)
}

fn path(bytes: &mut Unstructured<'_>) -> Result<String> {
    let mut names = Vec::new();
    for _ in 0..bytes.int_in_range(1..=3)? {
        names.push(*bytes.choose(&["a", "b", "c", "é 1"])?);
    }
    Ok(names.join("/"))
}

fn mtime(bytes: &mut Unstructured<'_>) -> Result<i64> {
    Ok(*bytes.choose(&[1, 1_000_000_000, 1_700_000_000, 4_294_967_295])?)
}

fn when(bytes: &mut Unstructured<'_>) -> Result<When> {
    let rest = [When::Matches, When::MatchesOther, When::Absent];
    if bytes.ratio(2, 3)? { Ok(When::Always) } else { Ok(*bytes.choose(&rest)?) }
}

fn maybe<'a, T>(
    bytes: &mut Unstructured<'a>,
    make: impl FnOnce(&mut Unstructured<'a>) -> Result<T>,
) -> Result<Option<T>> {
    if bytes.ratio(1, 4)? { make(bytes).map(Some) } else { Ok(None) }
}
