//! Moonsail authenticator: an htpasswd file.
//!
//! Each line is `login:hash`, with bcrypt (`htpasswd -B`) or argon2. The file is read again when it
//! changes; while it cannot be read, nobody is refused, the question just has no answer.
//!
//! | file       | what it does                                   |
//! |------------|------------------------------------------------|
//! | `hash.rs`  | which hashes are accepted, and verifying them  |
//! | `table.rs` | the lines of the file                          |
//! | `plugin.rs` | the same as a shared library                  |

mod config;
mod hash;
mod plugin;
mod table;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use moonsail_sdk::auth::{
    Abilities, Account, Auth, AuthUnavailable, Authenticator, Call, Identity, Page,
};
use moonsail_sdk::blocking::blocking;
use moonsail_sdk::secret::Secret;
use tokio::sync::Semaphore;

pub use config::AuthFileConfig;
pub use plugin::AuthFilePlugin;
use table::Table;

/// Bytes of the largest file that is read; a hundred thousand accounts take a tenth.
const LARGEST: u64 = 64 << 20;

/// Why the file cannot be used: its path, the line, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct LoadError {
    path: String,
    problem: String,
}

/// An [`Authenticator`] that reads an htpasswd file.
pub struct AuthFile {
    shared: Arc<Shared>,
    /// How many hashes at once: more than there are cores would only take memory.
    cores: Semaphore,
}

struct Shared {
    path: PathBuf,
    loaded: Mutex<Loaded>,
}

#[derive(Clone)]
struct Loaded {
    version: Version,
    table: Arc<Table>,
}

/// What changes when the file does: inode, size, and times in seconds and nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    ino: u64,
    size: u64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl AuthFile {
    /// Reads the file. Blocks.
    ///
    /// # Errors
    /// [`LoadError`] if the file cannot be read, or a line cannot be used.
    pub fn open(config: AuthFileConfig) -> Result<Self, LoadError> {
        let loaded = load(&config.path)?;
        let shared = Arc::new(Shared { path: config.path, loaded: Mutex::new(loaded) });
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self { shared, cores: Semaphore::new(cores) })
    }

    /// The same one, that checks at most so many passwords at once instead of one on each core.
    #[must_use]
    pub fn at_once(self, passwords: usize) -> Self {
        Self { cores: Semaphore::new(passwords.clamp(1, Semaphore::MAX_PERMITS)), ..self }
    }
}

impl AuthFile {
    /// The table, read off the event loop: the file may have changed.
    async fn table(&self) -> Result<Arc<Table>, AuthUnavailable> {
        let shared = self.shared.clone();
        let table = blocking(move || Ok(shared.current())).await;
        match table {
            Ok(table) => table.map_err(|error| AuthUnavailable::new(error.to_string())),
            Err(error) => Err(AuthUnavailable::new(error.to_string())),
        }
    }
}

/// Who is in the file may log in, and the login is all that is known.
fn account(login: &str) -> Account {
    let (subject, login) = (login.to_owned(), login.to_owned());
    Account { identity: Identity { subject, login, ..Identity::default() }, enabled: true }
}

impl Authenticator for AuthFile {
    fn abilities(&self) -> Abilities {
        Abilities { lookup: true, list: true, ..Abilities::default() }
    }

    async fn lookup(
        &self,
        _call: &Call,
        subject: &str,
    ) -> Result<Option<Account>, AuthUnavailable> {
        Ok(self.table().await?.find(subject).map(|_| account(subject)))
    }

    async fn find(&self, call: &Call, login: &str) -> Result<Option<Account>, AuthUnavailable> {
        self.lookup(call, login).await
    }

    async fn list(
        &self,
        _call: &Call,
        search: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page, AuthUnavailable> {
        let table = self.table().await?;
        let (logins, more) = table.after(cursor, search, limit);
        let next = if more { logins.last().map(|last| (*last).to_owned()) } else { None };
        Ok(Page { accounts: logins.into_iter().map(account).collect(), next })
    }

    async fn check_password(
        &self,
        _call: &Call,
        login: &str,
        password: &Secret,
    ) -> Result<Auth, AuthUnavailable> {
        let (login, password) = (login.to_owned(), password.clone());
        let shared = self.shared.clone();
        let unavailable = |message: String| AuthUnavailable::new(message);
        let turn = self.cores.acquire().await.map_err(|error| unavailable(error.to_string()))?;
        let answer = blocking(move || Ok(shared.answer(login, &password))).await;
        drop(turn);
        match answer {
            Ok(answer) => answer.map_err(|error| unavailable(error.to_string())),
            Err(error) => Err(unavailable(error.to_string())),
        }
    }
}

impl Shared {
    fn answer(&self, login: String, password: &Secret) -> Result<Auth, LoadError> {
        let table = self.current()?;
        let Some(hash) = table.find(&login) else {
            // As slow as a known login, so that the time does not tell who is known.
            if let Some(hash) = table.any() {
                hash.verify(password.reveal());
            }
            return Ok(Auth::Next);
        };
        if !hash.verify(password.reveal()) {
            return Ok(Auth::Denied);
        }
        let subject = login.clone();
        Ok(Auth::Ok(Identity { subject, login, ..Identity::default() }))
    }

    /// The table, read again if the file has changed. What cannot be read now is tried again at the
    /// next question.
    fn current(&self) -> Result<Arc<Table>, LoadError> {
        let version = version(&std::fs::metadata(&self.path).map_err(problem(&self.path))?);
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.version != version {
            *loaded = load(&self.path)?;
        }
        Ok(loaded.table.clone())
    }
}

fn load(path: &Path) -> Result<Loaded, LoadError> {
    let problem_here = problem(path);
    let seen = std::fs::metadata(path).map_err(&problem_here)?;
    if !seen.is_file() || seen.len() > LARGEST {
        return Err(problem(path)("not a regular file of at most 64 MiB"));
    }
    let file = File::open(path).map_err(&problem_here)?;
    // Before the content: a write in between is noticed at the next question.
    let version = version(&file.metadata().map_err(&problem_here)?);
    let mut content = Vec::new();
    file.take(LARGEST).read_to_end(&mut content).map_err(&problem_here)?;
    let table = Table::parse(&content).map_err(problem(path))?;
    Ok(Loaded { version, table: Arc::new(table) })
}

fn problem<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> LoadError + '_ {
    |error| LoadError { path: path.display().to_string(), problem: error.to_string() }
}

fn version(meta: &std::fs::Metadata) -> Version {
    Version {
        ino: meta.ino(),
        size: meta.size(),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        ctime: (meta.ctime(), meta.ctime_nsec()),
    }
}
