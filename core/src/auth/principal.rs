//! Who a request is from, and what it may do.

use super::PasswordMark;
use crate::ids::Uid;
use crate::path::DavPath;
use crate::store::accounts::User;

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// User id, in its stored case.
    pub uid: Uid,
    /// Shown name.
    pub display_name: String,
    /// Member of the administrators.
    pub admin: bool,
    /// Bytes; `None` for unlimited.
    pub quota: Option<u64>,
    /// How it was proved, with the limits that come with it.
    pub access: Access,
    /// The login as the client sent it (Basic), or the one its token was made with.
    pub login: String,
    /// Which password the account had when this was proved.
    pub(crate) mark: PasswordMark,
}

/// What was shown as proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// The account's password.
    Password,
    /// An app password.
    Token {
        /// Row id of the token.
        id: i64,
        /// Reads only.
        read_only: bool,
        /// The only folder it may touch, below the user's root.
        folder: Option<DavPath>,
    },
    /// A browser's session.
    Session {
        /// What its forms and scripts must send back (`requesttoken`).
        csrf: String,
        /// Unix seconds of the login.
        since: i64,
    },
}

impl Access {
    /// Whether anything may be changed at all.
    pub fn may_write(&self) -> bool {
        !matches!(self, Self::Token { read_only: true, .. })
    }

    /// The only folder that may be touched; `None` for everything of the user's.
    pub fn folder(&self) -> Option<&DavPath> {
        match self {
            Self::Token { folder, .. } => folder.as_ref(),
            Self::Password | Self::Session { .. } => None,
        }
    }

    /// Whether `path` (below the user's own root) may be touched.
    pub fn covers(&self, path: &DavPath) -> bool {
        self.folder().is_none_or(|folder| path.is_in(folder))
    }

    /// Whether this is an app password. One cannot make another, nor change the password.
    pub fn is_token(&self) -> bool {
        matches!(self, Self::Token { .. })
    }
}

impl Principal {
    /// `user` with this proof.
    pub(crate) fn new(user: &User, access: Access, login: impl Into<String>) -> Self {
        Self {
            uid: user.uid.clone(),
            display_name: user.display_name.clone(),
            admin: user.admin,
            quota: user.quota,
            access,
            login: login.into(),
            mark: PasswordMark::of(user),
        }
    }

    /// [`Access::may_write`].
    pub fn may_write(&self) -> bool {
        self.access.may_write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_limit_a_token() {
        let path = |text: &str| DavPath::from_decoded(text).expect("a good path");
        let token = |read_only, folder: Option<&str>| Access::Token {
            id: 1,
            read_only,
            folder: folder.map(path),
        };
        for (access, writes, covers_photos, covers_root) in [
            (Access::Password, true, true, true),
            (token(false, None), true, true, true),
            (token(true, None), false, true, true),
            (token(true, Some("Photos")), false, true, false),
            (token(false, Some("Photos/2024")), true, false, false),
        ] {
            assert_eq!(access.may_write(), writes, "{access:?}");
            assert_eq!(access.covers(&path("Photos")), covers_photos, "{access:?}");
            assert_eq!(access.covers(&DavPath::root()), covers_root, "{access:?}");
        }
    }
}
