//! Trees of files: made, read, compared.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder,
    /// A file: its time in Unix seconds, its bytes.
    File(u64, Vec<u8>),
}

/// Path from the top to what is there.
pub type Tree = BTreeMap<String, Entry>;

/// Writes a file, its folders, and its time in Unix seconds.
///
/// # Errors
/// When the file system refuses.
pub fn write(top: &Path, path: &str, content: &[u8], mtime: u64) -> Result<()> {
    let file = top.join(path);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&file, content)?;
    set_mtime(&file, mtime)
}

/// Sets the time of a file in Unix seconds.
///
/// # Errors
/// When the file system refuses.
pub fn set_mtime(file: &Path, mtime: u64) -> Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(mtime);
    Ok(std::fs::File::options().write(true).open(file)?.set_modified(time)?)
}

/// Bytes that no compression and no accident would produce: a generator's, from a seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Reads all below a folder, but for the sync clients' journals.
///
/// # Errors
/// When something cannot be read, or has a name that is not UTF-8.
pub fn read(top: &Path) -> Result<Tree> {
    let mut tree = Tree::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(top)?.to_str().context("a name that is not UTF-8")?;
            let file_name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if file_name.starts_with(".sync_") || file_name.starts_with("._sync_") {
                continue;
            }
            if file_name == ".nextcloudsync.log" || file_name == ".owncloudsync.log" {
                continue;
            }
            if path.is_dir() {
                tree.insert(name.to_owned(), Entry::Folder);
                folders.push(path);
            } else {
                let modified: SystemTime = path.metadata()?.modified()?;
                let mtime = modified.duration_since(UNIX_EPOCH)?.as_secs();
                tree.insert(name.to_owned(), Entry::File(mtime, std::fs::read(&path)?));
            }
        }
    }
    Ok(tree)
}

/// Fails with the first differences of two trees.
///
/// # Errors
/// When they differ.
pub fn same(what: &str, expected: &Tree, got: &Tree) -> Result<()> {
    let mut problems = Vec::new();
    for (path, entry) in expected {
        match got.get(path) {
            None => problems.push(format!("{path:?} is missing")),
            Some(other) if other != entry => {
                problems.push(format!("{path:?} is {}, not {}", show(other), show(entry)));
            }
            Some(_) => {}
        }
    }
    for path in got.keys().filter(|path| !expected.contains_key(*path)) {
        problems.push(format!("{path:?} is there, but should not be"));
    }
    if problems.is_empty() {
        return Ok(());
    }
    problems.truncate(10);
    bail!("{what}: the trees differ:\n  {}", problems.join("\n  "))
}

fn show(entry: &Entry) -> String {
    match entry {
        Entry::Folder => "a folder".to_owned(),
        Entry::File(mtime, bytes) => {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
            format!("a file of {} bytes ({start:?}…) of {mtime}", bytes.len())
        }
    }
}
