//! Users: the rules by which they are made, changed and removed, for the command line
//! and the provisioning API alike.
//!
//! Ids are unique without regard to case and never given twice. Whoever changes an account's
//! password or disables it ends its sessions; the last administrator stays one.

use std::time::Duration;

use moonsail_sdk::secret::Secret;

use super::chain::set_groups;
use super::password::PasswordError;
use super::{Auth, AuthError, BUILTIN, By, audit};
use crate::ids::Uid;
use crate::store::accounts::User;
use crate::store::{self, ReadTx, StoreError};

/// Longest display name, mail address and group name, in characters.
const MAX_TEXT_CHARS: usize = 255;
/// How many users are read at once when administrators are counted.
const PAGE: usize = 500;

/// Why an account was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountError {
    /// Not 1 to 64 of `A-Z a-z 0-9 _ . @ -`, or with a leading dot.
    #[error("a user id is 1 to 64 of A-Z a-z 0-9 _ . @ - and does not begin with a dot")]
    BadUid,
    /// Somebody has or had this id, in some case.
    #[error("the user id is taken, or was in the past")]
    UidTaken,
    /// Somebody has this id for a mail address, which would log in as two.
    #[error("the user id is the mail address of another account")]
    UidIsEmail,
    /// Somebody else has this mail address.
    #[error("the mail address belongs to another account")]
    EmailTaken,
    /// Shorter than the policy allows.
    #[error("a password has at least {min} characters")]
    WeakPassword {
        /// In characters.
        min: usize,
    },
    /// Longer than 4 KiB.
    #[error("the password is too long")]
    LongPassword,
    /// A name, address, language or group that cannot be: empty, too long, control characters.
    #[error("the {0} is not valid")]
    BadValue(&'static str),
    /// No such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// No such group.
    #[error("there is no such group")]
    NoSuchGroup,
    /// The group exists.
    #[error("the group exists already")]
    GroupTaken,
    /// The password is kept by the account's provider.
    #[error("the password of this account is kept by {0}")]
    PasswordElsewhere(String),
    /// It would leave nobody who can administer.
    #[error("this is the last administrator")]
    LastAdmin,
    /// Who asks is not let in any more: the login was shown before a change.
    #[error("the login is not valid any more")]
    LoginOver,
    /// Too many mail addresses of others.
    #[error("too many tries; please wait")]
    Throttled {
        /// When the next will be looked at.
        retry_after: Duration,
    },
    /// Too many logins at once, or hashing failed.
    #[error("the password cannot be hashed at the moment")]
    Busy,
    /// The index failed.
    #[error("accounts cannot be read or written")]
    Store(#[source] StoreError),
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AuthError> for AccountError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Unavailable { .. } => Self::Busy,
            _ => Self::LoginOver,
        }
    }
}

impl From<PasswordError> for AccountError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooLong => Self::LongPassword,
            PasswordError::Busy | PasswordError::Failed(_) => Self::Busy,
        }
    }
}

/// A built-in user to be made.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// User id.
    pub uid: String,
    /// Password; `None` for an account that cannot log in by password yet.
    pub password: Option<Secret>,
    /// Shown name; the id if `None`.
    pub display_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Bytes; `None` for unlimited.
    pub quota: Option<u64>,
    /// Member of the administrators.
    pub admin: bool,
    /// Groups, made if missing.
    pub groups: Vec<String>,
    /// Who makes it.
    pub by: By,
}

/// One change of an account.
#[derive(Debug, Clone)]
pub enum UserChange {
    /// Shown name.
    DisplayName(String),
    /// Mail address; `None` removes it.
    Email(Option<String>),
    /// Bytes; `None` for unlimited.
    Quota(Option<u64>),
    /// Language code.
    Language(String),
    /// Whether the account may do anything.
    Enabled(bool),
    /// Whether it is an administrator.
    Admin(bool),
}

impl Auth {
    /// Makes a built-in user.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn create_user(&self, new: NewUser) -> Result<User, AccountError> {
        let uid = Uid::parse(&new.uid).ok_or(AccountError::BadUid)?;
        let password = match &new.password {
            Some(password) => Some(self.new_hash(password).await?),
            None => None,
        };
        let display_name = new.display_name.unwrap_or_else(|| new.uid.clone());
        check_text("display name", &display_name)?;
        let email = new.email.filter(|email| !email.is_empty());
        check_email(email.as_deref())?;
        for group in &new.groups {
            check_text("group", group)?;
        }
        let user = User {
            subject: uid.to_string(),
            uid,
            provider: BUILTIN.to_owned(),
            display_name,
            email,
            password,
            quota: new.quota,
            enabled: true,
            admin: new.admin,
            language: "en".to_owned(),
            created: self.clock.seconds(),
            last_login: None,
            refused: false,
        };
        let (by, groups) = (new.by, new.groups);
        let asked = by.clone();
        let user = store::write(&self.store, move |tx| -> Result<User, AccountError> {
            asked.require_current(tx)?;
            require_free_email(tx, user.email.as_deref(), &user.uid)?;
            if tx.user_by_email(user.uid.as_str())?.is_some() {
                return Err(AccountError::UidIsEmail);
            }
            if !tx.insert_user(&user)? {
                return Err(AccountError::UidTaken);
            }
            set_groups(tx, &user.uid, &groups)?;
            Ok(user)
        })
        .await?;
        audit!(&by, "user made", uid = %user.uid, admin = user.admin);
        Ok(user)
    }

    /// A user by id, in any case.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn find_user(&self, uid: &str) -> Result<Option<User>, AccountError> {
        let uid = uid.to_owned();
        store::read(&self.store, move |tx| Ok(tx.user(&uid)?)).await
    }

    /// Users whose id, name or mail address contains `text`, by id.
    ///
    /// # Errors
    /// [`AccountError::Store`].
    pub async fn list_users(
        &self,
        text: &str,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<User>, AccountError> {
        let text = text.to_owned();
        store::read(&self.store, move |tx| Ok(tx.users(&text, limit, offset)?)).await
    }

    /// Sets the password of a built-in user and ends its sessions; app passwords stay.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn set_password(
        &self,
        by: &By,
        uid: &str,
        password: &Secret,
    ) -> Result<(), AccountError> {
        let hash = self.new_hash(password).await?;
        let (wanted, asked) = (uid.to_owned(), by.clone());
        let uid = store::write(&self.store, move |tx| -> Result<Uid, AccountError> {
            asked.require_current(tx)?;
            let mut user = require_user(tx, &wanted)?;
            if user.provider != BUILTIN {
                return Err(AccountError::PasswordElsewhere(user.provider));
            }
            user.password = Some(hash);
            tx.update_user(&user)?;
            tx.remove_sessions_of(&user.uid)?;
            Ok(user.uid)
        })
        .await?;
        self.forget(&uid);
        audit!(by, "password changed", %uid);
        Ok(())
    }

    /// Changes an account. Bites on the next request; disabling ends all sessions.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn change_user(
        &self,
        by: &By,
        uid: &str,
        change: UserChange,
    ) -> Result<(), AccountError> {
        check_change(&change)?;
        let (wanted, asked, what) = (uid.to_owned(), by.clone(), change.clone());
        let uid = store::write(&self.store, move |tx| -> Result<Uid, AccountError> {
            asked.require_current(tx)?;
            let mut user = require_user(tx, &wanted)?;
            let was_active_admin = user.admin && user.may_enter();
            match change {
                UserChange::DisplayName(name) => user.display_name = name,
                UserChange::Email(email) => {
                    user.email = email.filter(|email| !email.is_empty());
                    require_free_email(tx, user.email.as_deref(), &user.uid)?;
                }
                UserChange::Quota(quota) => user.quota = quota,
                UserChange::Language(language) => user.language = language,
                UserChange::Enabled(enabled) => user.enabled = enabled,
                UserChange::Admin(admin) => user.admin = admin,
            }
            if was_active_admin && !(user.admin && user.may_enter()) {
                require_other_admin(tx, &user.uid)?;
            }
            tx.update_user(&user)?;
            if !user.enabled {
                tx.remove_sessions_of(&user.uid)?;
            }
            Ok(user.uid)
        })
        .await?;
        self.forget(&uid);
        audit!(by, "user changed", %uid, change = ?what);
        Ok(())
    }

    /// Removes an account with its tokens, sessions and memberships. Its files are the tree's.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn delete_user(&self, by: &By, uid: &str) -> Result<Uid, AccountError> {
        let (wanted, asked) = (uid.to_owned(), by.clone());
        let uid = store::write(&self.store, move |tx| -> Result<Uid, AccountError> {
            asked.require_current(tx)?;
            let user = require_user(tx, &wanted)?;
            if user.admin && user.may_enter() {
                require_other_admin(tx, &user.uid)?;
            }
            tx.remove_user(&user.uid)?;
            Ok(user.uid)
        })
        .await?;
        self.forget(&uid);
        audit!(by, "user removed", %uid);
        Ok(uid)
    }

    async fn new_hash(&self, password: &Secret) -> Result<String, AccountError> {
        let min = self.settings.min_password_chars;
        if password.reveal().chars().count() < min {
            return Err(AccountError::WeakPassword { min });
        }
        Ok(self.settings.passwords.hash(password).await?)
    }
}

/// The account that a login names: by id, in any case, else by its mail address.
pub(crate) fn find_account(tx: &mut dyn ReadTx, login: &str) -> Result<Option<User>, StoreError> {
    match tx.user(login)? {
        Some(user) => Ok(Some(user)),
        None if login.contains('@') => tx.user_by_email(login),
        None => Ok(None),
    }
}

pub(crate) fn require_user(tx: &mut dyn ReadTx, uid: &str) -> Result<User, AccountError> {
    tx.user(uid)?.ok_or(AccountError::NoSuchUser)
}

/// A mail address logs in, so it names one account at most.
fn require_free_email(
    tx: &mut dyn ReadTx,
    email: Option<&str>,
    uid: &Uid,
) -> Result<(), AccountError> {
    let Some(email) = email else { return Ok(()) };
    match find_account(tx, email)? {
        Some(owner) if owner.uid != *uid => Err(AccountError::EmailTaken),
        _ => Ok(()),
    }
}

fn require_other_admin(tx: &mut dyn ReadTx, uid: &Uid) -> Result<(), AccountError> {
    let mut offset = 0;
    loop {
        let page = tx.users("", PAGE, offset)?;
        if page.iter().any(|user| user.admin && user.may_enter() && user.uid != *uid) {
            return Ok(());
        }
        if page.len() < PAGE {
            return Err(AccountError::LastAdmin);
        }
        offset += PAGE;
    }
}

fn check_change(change: &UserChange) -> Result<(), AccountError> {
    match change {
        UserChange::DisplayName(name) => check_text("display name", name),
        UserChange::Email(email) => check_email(email.as_deref().filter(|email| !email.is_empty())),
        UserChange::Language(language) => {
            let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
            match !language.is_empty() && language.len() <= 16 && language.bytes().all(letter) {
                true => Ok(()),
                false => Err(AccountError::BadValue("language")),
            }
        }
        UserChange::Quota(_) | UserChange::Enabled(_) | UserChange::Admin(_) => Ok(()),
    }
}

pub(crate) fn check_text(what: &'static str, text: &str) -> Result<(), AccountError> {
    let good = !text.trim().is_empty()
        && text.chars().count() <= MAX_TEXT_CHARS
        && !text.chars().any(char::is_control);
    if good { Ok(()) } else { Err(AccountError::BadValue(what)) }
}

pub(crate) fn check_email(email: Option<&str>) -> Result<(), AccountError> {
    let Some(email) = email else { return Ok(()) };
    let good = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !email.chars().any(|c| c.is_whitespace() || c == ':');
    if good {
        check_text("mail address", email)
    } else {
        Err(AccountError::BadValue("mail address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_have_one_at_sign_and_no_blanks() {
        for (email, good) in [
            ("alice@example.org", true),
            ("a+b@x", true),
            ("alice", false),
            ("@x", false),
            ("a@", false),
            ("a@b@c", false),
            ("a b@c", false),
            ("a:b@c", false),
            ("a\n@c", false),
        ] {
            assert_eq!(check_email(Some(email)).is_ok(), good, "{email:?}");
        }
    }

    #[test]
    fn texts_are_one_line() {
        for (text, good) in
            [("Alice", true), ("Ünïcödé 名", true), ("", false), ("  ", false), ("a\nb", false)]
        {
            assert_eq!(check_text("name", text).is_ok(), good, "{text:?}");
        }
        assert!(check_text("name", &"x".repeat(256)).is_err());
    }
}
