//! What may happen. `random.rs` makes histories of it up, and so does the fuzz target `tree` in
//! `tests/fuzz`.

/// One step of a history. Paths come from a small universe, so that they meet often.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Put {
        path: String,
        size: usize,
        mtime: Option<i64>,
        when: When,
        tokens: bool,
        tight: bool,
    },
    Mkcol {
        path: String,
        tokens: bool,
    },
    Remove {
        path: String,
        tokens: bool,
    },
    Move {
        from: String,
        to: String,
        overwrite: bool,
        mtime: Option<i64>,
        tokens: bool,
    },
    Copy {
        from: String,
        to: String,
        overwrite: bool,
        deep: bool,
        tokens: bool,
        tight: bool,
    },
    Favorite {
        path: String,
        on: bool,
        tokens: bool,
    },
    Mtime {
        path: String,
        mtime: i64,
        tokens: bool,
    },
    /// Two times in one request.
    Mtimes {
        path: String,
        first: i64,
        second: i64,
    },
    Dead {
        path: String,
        name: u8,
        set: bool,
        tokens: bool,
    },
    Lock {
        path: String,
        deep: bool,
    },
    Refresh {
        nth: usize,
    },
    Unlock {
        nth: usize,
    },
    Begin {
        transfer: u8,
    },
    Chunk {
        transfer: u8,
        number: u8,
        big: bool,
        offset: bool,
    },
    /// A chunk whose body ends early.
    CutChunk {
        transfer: u8,
        number: u8,
    },
    RemoveChunk {
        transfer: u8,
        number: u8,
    },
    Close {
        transfer: u8,
        path: String,
        when: When,
        tokens: bool,
    },
    Abort {
        transfer: u8,
    },
    Settle,
    /// From here on nothing reaches the disk, until the next restart.
    Stall,
    Restart,
    Kill,
    Wait {
        seconds: u64,
    },
}

/// What the request demands of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// `If-Match` with the right etag, or `*` where nothing is.
    Matches,
    /// `If-Match` with another etag.
    MatchesOther,
    /// `If-None-Match: *`.
    Absent,
}
