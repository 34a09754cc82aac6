//! What a failure of the store means to the core.

use moonsail_sdk::storage::StorageError;
use object_store::Error;

/// Codes by which stores say that there is no space.
const FULL: [&str; 4] =
    ["InsufficientStorage", "QuotaExceeded", "StorageFull", "507 Insufficient Storage"];

/// Turns an error of a request about `key`. Only the answer that there is no such object is "not
/// found"; whatever leaves that open is "unavailable".
pub(crate) fn meaning(error: &Error, key: &str) -> StorageError {
    let text = with_causes(error);
    if FULL.iter().any(|code| text.contains(code)) {
        return StorageError::Full;
    }
    match error {
        Error::NotFound { .. } if text.contains("NoSuchBucket") => {
            StorageError::Unavailable(format!("the bucket is missing: {text}"))
        }
        Error::NotFound { .. } => StorageError::NotFound(key.to_owned()),
        Error::InvalidPath { .. } | Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            StorageError::Internal(text)
        }
        _ => StorageError::Unavailable(text),
    }
}

/// Whether the store has refused the range: the object ends before it.
pub(crate) fn is_beyond_the_end(error: &Error) -> bool {
    let text = with_causes(error);
    text.contains("416") || text.contains("InvalidRange")
}

/// Whether the object is too large to be copied by one request.
pub(crate) fn is_too_large_to_copy(error: &Error) -> bool {
    let text = with_causes(error);
    text.contains("EntityTooLarge") || text.contains("larger than the maximum allowable size")
}

/// The causes too: the outermost text alone rarely tells.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> Error {
        Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    fn missing(text: &str) -> Error {
        Error::NotFound { path: "k".into(), source: text.to_owned().into() }
    }

    #[test]
    fn failures_mean_what_the_trait_says() {
        for (error, expected) in [
            (missing("404: <Code>NoSuchKey</Code>"), "not found: k"),
            (missing("404: <Code>NoSuchUpload</Code>"), "not found: k"),
            (missing("404: <Code>NoSuchBucket</Code>"), "storage unavailable"),
            (generic("connection refused"), "storage unavailable"),
            (generic("403: <Code>AccessDenied</Code>"), "storage unavailable"),
            (generic("500: <Code>XMinioStorageFull</Code>"), "storage is full"),
            (Error::NotImplemented { operation: "x".into(), implementer: "y".into() }, "failed"),
        ] {
            let meaning = meaning(&error, "k").to_string();
            assert!(meaning.contains(expected), "{error}: {meaning}");
        }
    }
}
