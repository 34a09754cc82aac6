//! From a URL's path to the place it means.

use percent_encoding::percent_decode_str;

use super::DavError;
use crate::ids::Uid;
use crate::path::{DavPath, encode_href};

/// A place below `/remote.php/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the asking user's files.
    Files {
        /// Encoded href of the root, without trailing slash: listings repeat the prefix asked with.
        base: String,
        /// Path below it.
        path: DavPath,
    },
    /// In the asking user's uploads.
    Uploads {
        /// Encoded href of the user's uploads, without trailing slash.
        base: String,
        /// Transfer, and chunk in it.
        rest: DavPath,
    },
    /// A collection above, or the user's principal.
    Virtual(Virtual),
    /// Nothing here, or nothing for this user.
    Unknown,
}

/// Collections that only hold others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Virtual {
    /// `/remote.php/dav`.
    Root,
    /// `/remote.php/dav/files`, `uploads`, `principals`, `principals/users`: its segments.
    Above(Vec<&'static str>),
    /// `/remote.php/dav/principals/users/<user>`.
    Principal,
}

impl Place {
    /// Reads a request's path for the user `uid`. Repeated slashes count as one.
    ///
    /// # Errors
    /// [`DavError::Path`] if a segment is not a good name.
    pub(super) fn parse(path: &str, uid: &Uid) -> Result<Self, DavError> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let mut next = segments.next();
        if next == Some("index.php") {
            next = segments.next();
        }
        if next != Some("remote.php") {
            return Ok(Self::Unknown);
        }
        let rest = |segments: &mut dyn Iterator<Item = &str>| {
            DavPath::parse(&segments.collect::<Vec<_>>().join("/"))
        };
        let area = match segments.next() {
            Some("webdav") => {
                let base = "/remote.php/webdav".to_owned();
                return Ok(Self::Files { base, path: rest(&mut segments)? });
            }
            Some("dav") => segments.next(),
            _ => return Ok(Self::Unknown),
        };
        let Some(area) = area else { return Ok(Self::Virtual(Virtual::Root)) };
        match area {
            "files" | "uploads" => {
                let above = if area == "files" { "files" } else { "uploads" };
                let Some(user) = segments.next() else {
                    return Ok(Self::Virtual(Virtual::Above(vec![above])));
                };
                let Some(user) = own(user, uid) else { return Ok(Self::Unknown) };
                let base = format!("/remote.php/dav/{above}/{}", encode_href(&user));
                let rest = rest(&mut segments)?;
                Ok(match area {
                    "files" => Self::Files { base, path: rest },
                    _ => Self::Uploads { base, rest },
                })
            }
            "principals" => Ok(principals(&mut segments, uid)),
            _ => Ok(Self::Unknown),
        }
    }
}

fn principals(segments: &mut dyn Iterator<Item = &str>, uid: &Uid) -> Place {
    match (segments.next(), segments.next(), segments.next()) {
        (None, _, _) => Place::Virtual(Virtual::Above(vec!["principals"])),
        (Some("users"), None, _) => Place::Virtual(Virtual::Above(vec!["principals", "users"])),
        (Some("users"), Some(user), None) if own(user, uid).is_some() => {
            Place::Virtual(Virtual::Principal)
        }
        _ => Place::Unknown,
    }
}

/// The user segment as it was written, if it names the asking user, in any case.
fn own(segment: &str, uid: &Uid) -> Option<String> {
    let user = percent_decode_str(segment).decode_utf8().ok()?;
    user.eq_ignore_ascii_case(uid.as_str()).then(|| user.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_the_url() {
        let alice = Uid::parse("alice").expect("a good user id");
        let files = |base: &str, path: &str| Place::Files {
            base: base.to_owned(),
            path: DavPath::from_decoded(path).expect("a good path"),
        };
        for (url, expected) in [
            ("/remote.php/dav/files/alice/a%20b/", files("/remote.php/dav/files/alice", "a b")),
            ("/remote.php/dav/files/alice", files("/remote.php/dav/files/alice", "")),
            ("/remote.php/dav//files/Alice//x", files("/remote.php/dav/files/Alice", "x")),
            ("/remote.php/webdav/x", files("/remote.php/webdav", "x")),
            ("/index.php/remote.php/webdav/", files("/remote.php/webdav", "")),
            ("/remote.php/dav/files/bob/x", Place::Unknown),
            ("/remote.php/dav/files//", Place::Virtual(Virtual::Above(vec!["files"]))),
            ("/remote.php/dav", Place::Virtual(Virtual::Root)),
            ("/remote.php/dav/principals/users/alice/", Place::Virtual(Virtual::Principal)),
            ("/remote.php/dav/principals/users/bob/", Place::Unknown),
            ("/remote.php/dav/calendars/alice", Place::Unknown),
            ("/remote.php", Place::Unknown),
        ] {
            assert_eq!(Place::parse(url, &alice).ok(), Some(expected), "{url}");
        }
        assert!(Place::parse("/remote.php/dav/files/alice/%2e%2e/b", &alice).is_err());
    }
}
