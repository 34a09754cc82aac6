//! Hashing and verifying passwords: Argon2id with 19 MiB, t=2, p=1 (`threats` §4).
//!
//! The work is bounded: as many hashes at once as `auth.password_threads` says, a short queue behind them, and
//! then [`PasswordError::Busy`]. A flood of logins cannot take the machine.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use moonsail_sdk::secret::Secret;
use tokio::sync::Semaphore;

/// Longest password in bytes; longer ones are refused before any work.
pub const MAX_PASSWORD_BYTES: usize = 4096;
/// How many verifications may wait for a free core.
const QUEUE: usize = 256;

/// Why a password was not hashed or verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Longer than [`MAX_PASSWORD_BYTES`].
    #[error("the password is too long")]
    TooLong,
    /// Too many logins at once; worth another try in a few seconds.
    #[error("too many logins at once")]
    Busy,
    /// The hash function failed (no memory, no randomness).
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// The bounded pool that hashes passwords. Cheap to clone; clones share the bound.
#[derive(Debug, Clone)]
pub struct Passwords {
    cores: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    /// A hash that no password has, verified for unknown users so that they take the same time.
    decoy: Arc<OnceLock<String>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(2, usize::from))
    }
}

impl Passwords {
    /// A pool that hashes `cores` passwords at once.
    pub fn new(cores: usize) -> Self {
        Self {
            cores: Arc::new(Semaphore::new(cores.max(1))),
            queue: Arc::new(Semaphore::new(cores + QUEUE)),
            decoy: Arc::default(),
        }
    }

    /// The PHC string (`$argon2id$…`) of `password` with a new salt.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordError> {
        let password = checked(password)?;
        self.run(move || hash(password.reveal())).await?
    }

    /// Whether `password` is the one of `hash`. `None` (no such user, or a user without a password
    /// here) takes the same time and is always `false`.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify(
        &self,
        hash: Option<String>,
        password: &Secret,
    ) -> Result<bool, PasswordError> {
        let password = checked(password)?;
        let decoy = Arc::clone(&self.decoy);
        self.run(move || match hash {
            Some(hash) => verify(&hash, password.reveal()),
            None => {
                verify(decoy_hash(&decoy), password.reveal());
                false
            }
        })
        .await
    }

    /// Runs `work` on the blocking pool when a core is free. The permits go with the work: a client
    /// that hangs up does not free its core for the next one.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let queued =
            Arc::clone(&self.queue).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let core =
            Arc::clone(&self.cores).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            let _permits = (queued, core);
            work()
        })
        .await
        .map_err(|error| PasswordError::Failed(error.to_string()))
    }
}

/// A copy of the password if it is short enough to be hashed.
fn checked(password: &Secret) -> Result<Secret, PasswordError> {
    if password.reveal().len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::TooLong);
    }
    Ok(password.clone())
}

fn hash(password: &str) -> Result<String, PasswordError> {
    // The default is the one wanted: Argon2id v19, m = 19 MiB, t = 2, p = 1 (tested below).
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Failed(error.to_string()))
}

/// A hash that cannot be read is nobody's: the parameters are those it was made with.
fn verify(hash: &str, password: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

fn decoy_hash(decoy: &OnceLock<String>) -> &str {
    decoy.get_or_init(|| hash(&crate::ids::random_token(43)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hashes_verify_and_say_their_cost() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash(&Secret::new("correct horse")).await.expect("hashes");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (password, expected) in [("correct horse", true), ("wrong horse", false), ("", false)] {
            let got = passwords.verify(Some(hash.clone()), &Secret::new(password)).await;
            assert_eq!(got, Ok(expected), "{password:?}");
        }
    }

    #[tokio::test]
    async fn unknown_users_and_broken_hashes_are_false() {
        let passwords = Passwords::new(1);
        let password = Secret::new("anything");
        assert_eq!(passwords.verify(None, &password).await, Ok(false));
        assert_eq!(passwords.verify(Some("not a hash".into()), &password).await, Ok(false));
    }

    #[tokio::test]
    async fn a_password_over_4_kib_is_refused_before_hashing() {
        let passwords = Passwords::new(1);
        let long = Secret::new("x".repeat(MAX_PASSWORD_BYTES + 1));
        assert_eq!(passwords.hash(&long).await, Err(PasswordError::TooLong));
        assert_eq!(passwords.verify(None, &long).await, Err(PasswordError::TooLong));
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_not_slow() {
        let passwords = Passwords::new(1);
        let all = passwords.queue.available_permits();
        let _taken = passwords.queue.acquire_many(u32::try_from(all).expect("small")).await;
        let busy = passwords.verify(None, &Secret::new("x")).await;
        assert_eq!(busy, Err(PasswordError::Busy));
    }
}
