//! Values of a storage of files: arguments that the host gives, and answers to it.

use crate::abi::convert::{Malformed, size_of};
use crate::abi::guest::handles::{parts, refused};
use crate::abi::token::Token;
use crate::abi::{
    CODE_NOT_FOUND, CODE_OK, FILE_HINT_FOLDER, FILE_HINT_MEMBER, FILE_HINT_UNWATCHED,
    FILE_IMPOSSIBLE, FILE_KIND_FILE, FILE_KIND_FOLDER, FILE_KIND_NONE, FILE_LINK, FILE_NO_TIME,
    FILE_NOT_NFC, FILE_NOT_UTF8, FILE_OP_MOVE, FILE_OP_PUBLISH, FILE_OP_REMOVE, FILE_OP_TOUCH,
    FILE_RELAXED, FILE_SPECIAL, FILE_UNREADABLE, FileApplied, FileEntries, FileEntry, FileHint,
    FileHints, FileListing, FileOp, FileResults, FileSpace, FileStageKey, FileStageKeys,
    FileStaged, FileUnusable, List, Str,
};
use crate::storage::{
    Applied, DiskOp, Durability, Entry, Kind, Seen, StagePath, Staged, StorageError, Survey, Tag,
    Unusable, WhyUnusable,
};

pub(super) fn mtime(mtime: i64) -> Option<i64> {
    (mtime != FILE_NO_TIME).then_some(mtime)
}

/// What is not known is taken for the stronger promise.
pub(super) fn durability(durability: u32) -> Durability {
    if durability == FILE_RELAXED { Durability::Relaxed } else { Durability::Full }
}

/// # Safety
/// A list of [`FileOp`]s whose texts live.
pub(super) unsafe fn disk_ops(ops: List) -> Result<Vec<DiskOp>, Malformed> {
    // SAFETY: as the caller promises.
    unsafe { ops.read::<FileOp>()?.iter().map(|op| disk_op(op)).collect() }
}

/// # Safety
/// Its texts live.
unsafe fn disk_op(op: &FileOp) -> Result<DiskOp, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        let (path, tag) = (op.path.owned()?, op.tag.option_owned()?.map(Tag));
        Ok(match op.kind {
            FILE_OP_PUBLISH => {
                DiskOp::Publish { stage: StagePath(op.stage.owned()?), path, replaces: tag }
            }
            FILE_OP_MOVE => {
                DiskOp::Move { from: path, to: op.to.owned()?, tag: tag.unwrap_or_default() }
            }
            FILE_OP_REMOVE => DiskOp::Remove { path, tag: tag.unwrap_or_default() },
            FILE_OP_TOUCH => DiskOp::Touch { path, tag: tag.unwrap_or_default(), mtime: op.mtime },
            _ => return Err(Malformed::Kind),
        })
    }
}

pub(super) fn staged(result: Result<Staged, StorageError>, token: Token) {
    match result {
        Ok(staged) => token.ok(&FileStaged {
            size: size_of::<FileStaged>(),
            reserved: 0,
            bytes: staged.size,
            at: Str::of(&staged.at.0),
            tag: Str::of(&staged.tag.0),
        }),
        Err(error) => refused(&error, token),
    }
}

pub(super) fn stage_keys(result: Result<Vec<(StagePath, u64)>, StorageError>, token: Token) {
    let found = match result {
        Ok(found) => found,
        Err(error) => return refused(&error, token),
    };
    let key = |(key, age): &(StagePath, u64)| FileStageKey {
        size: size_of::<FileStageKey>(),
        reserved: 0,
        age_seconds: *age,
        key: Str::of(&key.0),
    };
    let keys: Vec<_> = found.iter().map(key).collect();
    let size = size_of::<FileStageKeys>();
    token.ok(&FileStageKeys { size, reserved: 0, keys: List::of(&keys) });
}

fn c_entry(entry: Option<&Entry>, name: Str) -> FileEntry {
    let kind = match entry.map(|entry| entry.kind) {
        None => FILE_KIND_NONE,
        Some(Kind::File) => FILE_KIND_FILE,
        Some(Kind::Folder) => FILE_KIND_FOLDER,
    };
    FileEntry {
        size: size_of::<FileEntry>(),
        kind,
        bytes: entry.map_or(0, |entry| entry.size),
        mtime: entry.map_or(0, |entry| entry.mtime),
        tag: entry.map_or(Str::NONE, |entry| Str::of(&entry.tag.0)),
        name,
    }
}

pub(super) fn entry(result: Result<Option<Entry>, StorageError>, token: Token) {
    match result {
        Ok(Some(entry)) => token.ok(&c_entry(Some(&entry), Str::NONE)),
        Ok(None) => token.code(CODE_NOT_FOUND, ""),
        Err(error) => refused(&error, token),
    }
}

pub(super) fn entries(result: Result<Vec<Option<Entry>>, StorageError>, token: Token) {
    let found = match result {
        Ok(found) => found,
        Err(error) => return refused(&error, token),
    };
    let entries: Vec<_> = found.iter().map(|entry| c_entry(entry.as_ref(), Str::NONE)).collect();
    let size = size_of::<FileEntries>();
    token.ok(&FileEntries { size, reserved: 0, entries: List::of(&entries) });
}

pub(super) fn listing(result: Result<Survey, StorageError>, token: Token) {
    let Survey { members, unusable } = match result {
        Ok(found) => found,
        Err(error) => return refused(&error, token),
    };
    let members: Vec<_> =
        members.iter().map(|(name, entry)| c_entry(Some(entry), Str::of(name))).collect();
    let unusable: Vec<_> = unusable.iter().map(c_unusable).collect();
    token.ok(&FileListing {
        size: size_of::<FileListing>(),
        reserved: 0,
        members: List::of(&members),
        unusable: List::of(&unusable),
    });
}

fn c_unusable(unusable: &Unusable) -> FileUnusable {
    let why = match unusable.why {
        WhyUnusable::NotUtf8 => FILE_NOT_UTF8,
        WhyUnusable::NotNfc => FILE_NOT_NFC,
        WhyUnusable::Impossible => FILE_IMPOSSIBLE,
        WhyUnusable::Link => FILE_LINK,
        WhyUnusable::Special => FILE_SPECIAL,
        WhyUnusable::Unreadable => FILE_UNREADABLE,
    };
    FileUnusable { size: size_of::<FileUnusable>(), why, name: Str::of(&unusable.name) }
}

pub(super) fn applied(results: Vec<Result<Applied, StorageError>>, token: Token) {
    let one = |result: &Result<Applied, StorageError>| {
        let option = |text: Option<&String>| Str::option(text.map(String::as_str));
        let (code, message, tag, kept) = match result {
            Ok(Applied { tag, kept }) => {
                (CODE_OK, "", option(tag.as_ref().map(|tag| &tag.0)), option(kept.as_ref()))
            }
            Err(error) => {
                let (code, message) = parts(error);
                (code, message, Str::NONE, Str::NONE)
            }
        };
        FileApplied { size: size_of::<FileApplied>(), code, message: Str::of(message), tag, kept }
    };
    let results: Vec<_> = results.iter().map(one).collect();
    let size = size_of::<FileResults>();
    token.ok(&FileResults { size, reserved: 0, results: List::of(&results) });
}

pub(super) fn hints(
    (seen, (watched, refused), lost): (Option<Vec<Seen>>, (u64, u64), u64),
    token: Token,
) {
    let hint = |seen: &Seen| {
        let (kind, path, name) = match seen {
            Seen::Member { folder, name } => (FILE_HINT_MEMBER, folder, Str::of(name)),
            Seen::Folder { path, watched: true } => (FILE_HINT_FOLDER, path, Str::NONE),
            Seen::Folder { path, watched: false } => (FILE_HINT_UNWATCHED, path, Str::NONE),
        };
        FileHint { size: size_of::<FileHint>(), kind, path: Str::of(path), name }
    };
    let hints: Vec<_> = seen.iter().flatten().map(hint).collect();
    token.ok(&FileHints {
        size: size_of::<FileHints>(),
        ended: u32::from(seen.is_none()),
        watched,
        refused,
        lost,
        hints: List::of(&hints),
    });
}

pub(super) fn space(result: Result<Option<u64>, StorageError>, token: Token) {
    match result {
        Ok(space) => token.ok(&FileSpace {
            size: size_of::<FileSpace>(),
            known: u32::from(space.is_some()),
            bytes: space.unwrap_or(0),
        }),
        Err(error) => refused(&error, token),
    }
}
