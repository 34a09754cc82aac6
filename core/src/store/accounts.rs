//! Rows of people and of how they log in: users, groups, app passwords, sessions, login flows.

use super::StoreError;
use crate::ids::Uid;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id, in the case in which it was made; unique without regard to case.
    pub uid: Uid,
    /// `builtin:users`, or the provider that knows the password (`plugin:ldap`).
    pub provider: String,
    /// The provider's immutable id of the account; the uid for built-in users.
    pub subject: String,
    /// Shown name.
    pub display_name: String,
    /// Mail address.
    pub email: Option<String>,
    /// Argon2id hash in PHC form; `None` if the password is elsewhere.
    pub password: Option<String>,
    /// Bytes; `None` for unlimited.
    pub quota: Option<u64>,
    /// The administrator's word: disabled accounts cannot do anything.
    pub enabled: bool,
    /// Member of the administrators.
    pub admin: bool,
    /// Language code, `en`.
    pub language: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds of the last login by password.
    pub last_login: Option<i64>,
    /// The provider's word: it has disabled the account or has it no more.
    pub refused: bool,
}

impl User {
    /// Whether the account may be used at all.
    pub fn may_enter(&self) -> bool {
        self.enabled && !self.refused
    }
}

/// An app password. The token itself is never stored, only its keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Row id.
    pub id: i64,
    /// Whose.
    pub uid: Uid,
    /// The login name with which it was made (clients send it as the Basic user).
    pub login: String,
    /// Keyed hash, hex.
    pub hash: String,
    /// Name that the user sees ("Pixel 8").
    pub name: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds, written lazily.
    pub last_used: Option<i64>,
    /// Unix seconds after which it is void.
    pub expires: Option<i64>,
    /// Reads only.
    pub read_only: bool,
    /// Path of the one folder it may touch.
    pub folder: Option<String>,
    /// The device is to be wiped: the token is refused, and `wipe/check` says so.
    pub wipe: bool,
    /// A one-time token (`getapppassword-onetime`): good for one exchange only.
    pub one_time: bool,
}

/// A browser session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Keyed hash of the cookie, hex.
    pub hash: String,
    /// Whose.
    pub uid: Uid,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds.
    pub last_seen: i64,
}

/// A login flow v2 between its start and its single answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFlow {
    /// Keyed hash of the poll token, hex.
    pub poll_hash: String,
    /// Keyed hash of the login token, hex.
    pub login_hash: String,
    /// Name of the client, from its User-Agent.
    pub client: String,
    /// Unix seconds.
    pub created: i64,
    /// Set when somebody has granted: user id and login name.
    pub granted: Option<(Uid, String)>,
    /// Base URL as the granting request saw it.
    pub server: String,
    /// Whether the login page was opened (a second opening is refused).
    pub opened: bool,
}

/// Reading accounts. User ids and mail addresses are found and ordered without regard to ASCII case,
/// groups exactly and in byte order. `text` is looked for without regard to any case.
pub trait AccountsRead {
    /// A user by id.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn user(&mut self, uid: &str) -> Result<Option<User>, StoreError>;
    /// A user by mail address, if exactly one has it.
    fn user_by_email(&mut self, email: &str) -> Result<Option<User>, StoreError>;
    /// A user by provider and subject.
    fn user_by_subject(
        &mut self,
        provider: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError>;
    /// Users whose id, name or mail contains `text`, by id.
    fn users(&mut self, text: &str, limit: usize, offset: usize) -> Result<Vec<User>, StoreError>;
    /// Groups of a user, by name.
    fn groups_of(&mut self, uid: &Uid) -> Result<Vec<String>, StoreError>;
    /// Groups whose name contains `text`, by name.
    fn groups(
        &mut self,
        text: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<String>, StoreError>;
    /// Members of a group, by id; `None` if there is no such group.
    fn group_members(&mut self, group: &str) -> Result<Option<Vec<Uid>>, StoreError>;
    /// An app password by its hash.
    fn token(&mut self, hash: &str) -> Result<Option<Token>, StoreError>;
    /// App passwords of a user, by row id.
    fn tokens_of(&mut self, uid: &Uid) -> Result<Vec<Token>, StoreError>;
    /// A session by its hash.
    fn session(&mut self, hash: &str) -> Result<Option<Session>, StoreError>;
    /// A login flow by the hash of its poll token.
    fn flow_by_poll(&mut self, hash: &str) -> Result<Option<LoginFlow>, StoreError>;
    /// A login flow by the hash of its login token.
    fn flow_by_login(&mut self, hash: &str) -> Result<Option<LoginFlow>, StoreError>;
}

/// Writing accounts.
pub trait AccountsWrite {
    /// Inserts a user; `false` if the id (in any case) was ever taken. A subject that another user of
    /// the provider has is an error.
    ///
    /// # Errors
    /// [`StoreError`], as all methods here.
    fn insert_user(&mut self, user: &User) -> Result<bool, StoreError>;
    /// Writes all columns but the uid itself, which stays as it was made. A missing user is an error,
    /// and so is a subject that another one has.
    fn update_user(&mut self, user: &User) -> Result<(), StoreError>;
    /// Removes a user with tokens, sessions and memberships. The id stays taken for ever.
    fn remove_user(&mut self, uid: &Uid) -> Result<(), StoreError>;
    /// Makes a group; `false` if it exists.
    fn insert_group(&mut self, group: &str) -> Result<bool, StoreError>;
    /// Removes a group; `false` if there is none.
    fn remove_group(&mut self, group: &str) -> Result<bool, StoreError>;
    /// Adds or removes a member. To add one to a missing group is an error.
    fn set_member(&mut self, group: &str, uid: &Uid, member: bool) -> Result<(), StoreError>;
    /// Inserts an app password (`token.id` is ignored) and gives its id. A hash that another one has
    /// is an error, here and in an update.
    fn insert_token(&mut self, token: &Token) -> Result<i64, StoreError>;
    /// Writes all columns by id. A missing one is an error.
    fn update_token(&mut self, token: &Token) -> Result<(), StoreError>;
    /// Notes when tokens were last used (hash, Unix seconds). The latest use stays, and unknown hashes
    /// are skipped.
    fn touch_tokens(&mut self, used: &[(String, i64)]) -> Result<(), StoreError>;
    /// Removes an app password; `false` if there is none.
    fn remove_token(&mut self, id: i64) -> Result<bool, StoreError>;
    /// Inserts or updates a session.
    fn put_session(&mut self, session: &Session) -> Result<(), StoreError>;
    /// Removes a session.
    fn remove_session(&mut self, hash: &str) -> Result<(), StoreError>;
    /// Removes all sessions of a user (password changed, disabled), and the login flows that the user
    /// has granted and whose apps have not asked yet.
    fn remove_sessions_of(&mut self, uid: &Uid) -> Result<(), StoreError>;
    /// Inserts or updates a login flow by its poll hash. A login hash that another one has is an
    /// error.
    fn put_flow(&mut self, flow: &LoginFlow) -> Result<(), StoreError>;
    /// Removes a login flow by its poll hash.
    fn remove_flow(&mut self, poll_hash: &str) -> Result<(), StoreError>;
    /// Removes login flows made before `flows`, and sessions not seen since `sessions` or made
    /// before `oldest` (Unix seconds).
    fn remove_stale_logins(
        &mut self,
        flows: i64,
        sessions: i64,
        oldest: i64,
    ) -> Result<(), StoreError>;
}
