//! Answers of a storage of files, and the operations that it is given.

use crate::abi::ask::{Failure, failure, succeeded};
use crate::abi::convert::{Malformed, read_struct, size_of};
use crate::abi::host::storage::{error, text};
use crate::abi::{
    CODE_INTERNAL, CODE_NOT_FOUND, CODE_OK, CODE_READ_ONLY, FILE_HINT_MEMBER, FILE_HINT_UNWATCHED,
    FILE_IMPOSSIBLE, FILE_KIND_FILE, FILE_KIND_FOLDER, FILE_KIND_NONE, FILE_LINK, FILE_NOT_NFC,
    FILE_NOT_UTF8, FILE_OP_MOVE, FILE_OP_PUBLISH, FILE_OP_REMOVE, FILE_OP_TOUCH, FILE_UNREADABLE,
    FileApplied, FileEntries, FileEntry, FileHint, FileHints, FileListing, FileOp, FileResults,
    FileSpace, FileStageKey, FileStageKeys, FileStaged, FileUnusable, Outcome, Str,
};
use crate::storage::{
    Applied, DiskOp, Entry, Kind, Seen, StagePath, Staged, StorageError, Survey, Tag, Unusable,
    WhyUnusable,
};

/// An operation as it is borrowed.
pub(super) fn c_op(op: &DiskOp) -> FileOp {
    let none = FileOp {
        size: size_of::<FileOp>(),
        kind: 0,
        path: Str::NONE,
        to: Str::NONE,
        stage: Str::NONE,
        tag: Str::NONE,
        mtime: 0,
    };
    let tagged = |tag: &Tag| Str::of_bytes(tag.0.as_bytes());
    match op {
        DiskOp::Publish { stage, path, replaces } => FileOp {
            kind: FILE_OP_PUBLISH,
            path: Str::of(path),
            stage: Str::of(&stage.0),
            tag: replaces.as_ref().map_or(Str::NONE, tagged),
            ..none
        },
        DiskOp::Move { from, to, tag } => FileOp {
            kind: FILE_OP_MOVE,
            path: Str::of(from),
            to: Str::of(to),
            tag: tagged(tag),
            ..none
        },
        DiskOp::Remove { path, tag } => {
            FileOp { kind: FILE_OP_REMOVE, path: Str::of(path), tag: tagged(tag), ..none }
        }
        DiskOp::Touch { path, tag, mtime } => FileOp {
            kind: FILE_OP_TOUCH,
            path: Str::of(path),
            tag: tagged(tag),
            mtime: *mtime,
            ..none
        },
    }
}

// Everything below reads what is alive while its outcome is read, and what the table says.

pub(super) fn staged(outcome: &Outcome) -> Result<Staged, Failure> {
    succeeded(outcome)?;
    // SAFETY: see above.
    unsafe {
        let staged = read_struct::<FileStaged>(outcome.value)?;
        let at = StagePath(staged.at.owned()?);
        if at.0.is_empty() {
            return Err(Malformed::Missing.into());
        }
        Ok(Staged { at, size: staged.bytes, tag: Tag(staged.tag.owned()?) })
    }
}

/// The new place of a stage file, if it has one.
pub(super) fn place(outcome: &Outcome) -> Result<Option<StagePath>, Failure> {
    succeeded(outcome)?;
    if outcome.value.is_null() {
        return Ok(None);
    }
    Ok(Some(StagePath(text(outcome)?)))
}

pub(super) fn stage_keys(outcome: &Outcome) -> Result<Vec<(StagePath, u64)>, Failure> {
    succeeded(outcome)?;
    // SAFETY: see above.
    unsafe {
        let keys = read_struct::<FileStageKeys>(outcome.value)?.keys.read::<FileStageKey>()?;
        let key = |key: &FileStageKey| Ok((StagePath(key.key.owned()?), key.age_seconds));
        keys.iter().map(key).collect()
    }
}

/// # Safety
/// Its texts are alive.
unsafe fn entry_of(entry: &FileEntry) -> Result<Option<Entry>, Malformed> {
    let kind = match entry.kind {
        FILE_KIND_NONE => return Ok(None),
        FILE_KIND_FILE => Kind::File,
        FILE_KIND_FOLDER => Kind::Folder,
        _ => return Err(Malformed::Kind),
    };
    // SAFETY: as the caller promises.
    let tag = Tag(unsafe { entry.tag.owned() }?);
    Ok(Some(Entry { kind, size: entry.bytes, mtime: entry.mtime, tag }))
}

pub(super) fn entry(outcome: &Outcome) -> Result<Option<Entry>, Failure> {
    match outcome.code {
        CODE_NOT_FOUND => Ok(None),
        CODE_OK => {
            // SAFETY: see above.
            unsafe { Ok(entry_of(&read_struct::<FileEntry>(outcome.value)?)?) }
        }
        _ => Err(failure(outcome)),
    }
}

/// Reads as many entries as were asked about.
pub(super) fn entries(
    asked: usize,
) -> impl FnOnce(&Outcome) -> Result<Vec<Option<Entry>>, Failure> + Send + 'static {
    move |outcome| {
        succeeded(outcome)?;
        // SAFETY: see above.
        let entries = unsafe {
            let entries = read_struct::<FileEntries>(outcome.value)?.entries.read::<FileEntry>()?;
            let entries = entries.iter().map(|entry| entry_of(entry));
            entries.collect::<Result<Vec<_>, Malformed>>()?
        };
        match entries.len() == asked {
            true => Ok(entries),
            false => Err(counted(asked, entries.len())),
        }
    }
}

fn counted(asked: usize, got: usize) -> Failure {
    Failure::new(CODE_INTERNAL, format!("asked about {asked}, it answers about {got}"))
}

pub(super) fn listing(outcome: &Outcome) -> Result<Survey, Failure> {
    succeeded(outcome)?;
    // SAFETY: see above.
    unsafe {
        let listing = read_struct::<FileListing>(outcome.value)?;
        let member = |entry: &FileEntry| {
            let found = entry_of(entry)?.ok_or(Malformed::Kind)?;
            Ok((entry.name.owned()?, found))
        };
        let unusable = |unusable: &FileUnusable| {
            let why = match unusable.why {
                FILE_NOT_UTF8 => WhyUnusable::NotUtf8,
                FILE_NOT_NFC => WhyUnusable::NotNfc,
                FILE_IMPOSSIBLE => WhyUnusable::Impossible,
                FILE_LINK => WhyUnusable::Link,
                FILE_UNREADABLE => WhyUnusable::Unreadable,
                _ => WhyUnusable::Special,
            };
            Ok(Unusable { name: unusable.name.owned()?, why })
        };
        let members = listing.members.read::<FileEntry>()?;
        let rest = listing.unusable.read::<FileUnusable>()?;
        Ok(Survey {
            members: members.iter().map(member).collect::<Result<_, Malformed>>()?,
            unusable: rest.iter().map(unusable).collect::<Result<_, Malformed>>()?,
        })
    }
}

pub(super) fn may_change(outcome: &Outcome) -> Result<bool, Failure> {
    match outcome.code {
        CODE_OK => Ok(true),
        CODE_READ_ONLY => Ok(false),
        _ => Err(failure(outcome)),
    }
}

/// Reads the results of `asked` operations: all, or up to the first that failed.
pub(super) fn applied(
    asked: usize,
) -> impl FnOnce(&Outcome) -> Result<Vec<Result<Applied, StorageError>>, Failure> + Send + 'static {
    move |outcome| {
        succeeded(outcome)?;
        // SAFETY: see above.
        let results = unsafe {
            let list = read_struct::<FileResults>(outcome.value)?.results;
            let results = list.read::<FileApplied>()?;
            let results = results.iter().map(|result| applied_of(result));
            results.collect::<Result<Vec<_>, Malformed>>()?
        };
        let failed = results.iter().position(Result::is_err);
        let expected = failed.map_or(asked, |index| index + 1);
        match results.len() == expected && expected <= asked {
            true => Ok(results),
            false => Err(counted(asked, results.len())),
        }
    }
}

/// # Safety
/// Its texts are alive.
unsafe fn applied_of(applied: &FileApplied) -> Result<Result<Applied, StorageError>, Malformed> {
    // SAFETY: as the caller promises.
    unsafe {
        if applied.code != CODE_OK {
            return Ok(Err(error(Failure::new(applied.code, applied.message.text()?))));
        }
        let tag = applied.tag.option_owned()?.map(Tag);
        Ok(Ok(Applied { tag, kept: applied.kept.option_owned()? }))
    }
}

/// What a watch has seen, and how it stands.
pub(super) struct Hints {
    pub(super) seen: Vec<Seen>,
    pub(super) ended: bool,
    pub(super) counts: (u64, u64),
    pub(super) lost: u64,
}

pub(super) fn hints(outcome: &Outcome) -> Result<Hints, Failure> {
    succeeded(outcome)?;
    // SAFETY: see above.
    unsafe {
        let hints = read_struct::<FileHints>(outcome.value)?;
        let seen = |hint: &FileHint| {
            let path = hint.path.owned()?;
            Ok(match hint.kind {
                FILE_HINT_MEMBER => Seen::Member { folder: path, name: hint.name.owned()? },
                kind => Seen::Folder { path, watched: kind != FILE_HINT_UNWATCHED },
            })
        };
        let list = hints.hints.read::<FileHint>()?;
        Ok(Hints {
            seen: list.iter().map(seen).collect::<Result<_, Malformed>>()?,
            ended: hints.ended != 0,
            counts: (hints.watched, hints.refused),
            lost: hints.lost,
        })
    }
}

pub(super) fn space(outcome: &Outcome) -> Result<Option<u64>, Failure> {
    succeeded(outcome)?;
    // SAFETY: see above.
    let space = unsafe { read_struct::<FileSpace>(outcome.value) }?;
    Ok((space.known != 0).then_some(space.bytes))
}
