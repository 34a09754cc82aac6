//! What a sync leaves in the store: all that is needed to go on with an unfinished file after a
//! restart.
//!
//! A note is an object of one line of JSON and, behind it, the bytes that are too few for a part of
//! their own. It is written once, under a version of its own; the place that the index has of the
//! file names the version, so the commit of the index decides which note counts.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::storage::StorageError;

/// What there is of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Noted {
    /// Written in order so far: parts of an upload, then the bytes behind the note.
    Run(Parts),
    /// Written in any order: pieces, with zeros between them.
    Quilt(Pieces),
}

/// Parts of an upload, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    /// The store's name of the upload; none was begun if there is no part yet.
    pub(super) upload: Option<String>,
    /// The store's mark and the length of each part.
    pub(super) parts: Vec<(String, u64)>,
}

impl Parts {
    /// Bytes in them.
    pub(super) fn len(&self) -> u64 {
        self.parts.iter().map(|(_, len)| len).sum()
    }
}

/// Pieces, and the length of the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pieces {
    /// Bytes of the whole.
    pub(super) size: u64,
    /// Sorted by `at`, and none lies over another.
    pub(super) pieces: Vec<Piece>,
}

/// Bytes of a file that lie in some object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Piece {
    /// Where in the file.
    pub(super) at: u64,
    /// How many.
    pub(super) len: u64,
    /// The object's key.
    pub(super) key: String,
    /// Where in the object.
    pub(super) from: u64,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// What there is.
    pub(super) noted: Noted,
    /// The version that this one came from. Once this one counts, that one does no more.
    pub(super) before: Option<String>,
    /// The bytes behind the last part.
    pub(super) tail: Bytes,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    noted: Noted,
    before: Option<String>,
    tail: u64,
}

impl Note {
    pub(super) fn write(self) -> Result<Bytes, StorageError> {
        let head = Head { noted: self.noted, before: self.before, tail: self.tail.len() as u64 };
        let line = serde_json::to_vec(&head);
        let line = line.map_err(|error| StorageError::Internal(error.to_string()))?;
        let mut note = BytesMut::with_capacity(line.len() + 1 + self.tail.len());
        note.put(&line[..]);
        note.put_u8(b'\n');
        note.put(self.tail);
        Ok(note.freeze())
    }

    pub(super) fn parse(note: &Bytes) -> Result<Self, StorageError> {
        let broken = |why: &str| StorageError::Internal(format!("a broken note: {why}"));
        let end = note.iter().position(|byte| *byte == b'\n').ok_or_else(|| broken("no line"))?;
        let head: Head =
            serde_json::from_slice(&note[..end]).map_err(|error| broken(&error.to_string()))?;
        let tail = note.slice(end + 1..);
        if tail.len() as u64 != head.tail {
            return Err(broken("it is cut"));
        }
        Ok(Self { noted: head.noted, before: head.before, tail })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let parts = Parts { upload: Some("u".into()), parts: vec![("\"m\n\"".into(), 8)] };
        let piece = Piece { at: 3, len: 5, key: "p/k".into(), from: 7 };
        let quilt = Pieces { size: 9, pieces: vec![piece] };
        for noted in [Noted::Run(Parts::default()), Noted::Run(parts), Noted::Quilt(quilt)] {
            for tail in [&b""[..], b"a\nb", b"{}\n"] {
                let (before, tail) = (Some("v".to_owned()), Bytes::from_static(tail));
                let note = Note { noted: noted.clone(), before, tail };
                let written = note.clone().write().unwrap();
                assert_eq!(Note::parse(&written), Ok(note));
                let cut = written.slice(..written.len() - 1);
                assert!(Note::parse(&cut).is_err(), "{cut:?}");
            }
        }
        for bad in [
            "",
            "\n",
            "{}\n",
            "{\"noted\":{\"run\":{\"upload\":null,\"parts\":[],\"x\":1}},\"before\":null,\"tail\":0}\n",
        ] {
            assert!(Note::parse(&Bytes::from(bad)).is_err(), "{bad}");
        }
    }
}
