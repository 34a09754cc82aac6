//! File systems of a test's own: small ones that fill up, and ones whose disk can be looked at.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::tools;

/// How long making or mounting one may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A mounted file system. Dropping it takes it away, also from under a running server.
pub struct Mounted {
    at: PathBuf,
}

/// Why nothing can be mounted here; `None` if it can.
pub fn impossible() -> Option<String> {
    let id = tools::require(Command::new("id").arg("-u"), LIMIT);
    match id.as_deref().map(str::trim) {
        Ok("0") => None,
        _ => Some("only root can mount file systems".to_owned()),
    }
}

impl Mounted {
    /// A file system in memory.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn memory(at: &Path, bytes: u64) -> Result<Self> {
        let options = format!("size={bytes},mode=0700");
        Self::mount(at, &["-t", "tmpfs", "-o", &options, "tmpfs"])
    }

    /// The ext4 of an image, which the kernel writes to only when it is told to sync, for the next
    /// five minutes.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn image(at: &Path, image: &Path) -> Result<Self> {
        let image = image.to_str().context("the image's path")?;
        Self::mount(at, &["-t", "ext4", "-o", "loop,commit=300", image])
    }

    fn mount(at: &Path, arguments: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(at)?;
        tools::require(Command::new("mount").args(arguments).arg(at), LIMIT)?;
        Ok(Self { at: at.to_owned() })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily, if somebody still has it open: a test that failed leaves nothing behind either.
        let gone = Command::new("umount").arg(&self.at).output();
        if !gone.is_ok_and(|output| output.status.success()) {
            let _ = Command::new("umount").arg("-l").arg(&self.at).output();
        }
    }
}

/// Makes an empty ext4 in a file that takes no more room than it needs.
///
/// # Errors
/// When there is no room, or no `mkfs.ext4`.
pub fn make_image(image: &Path, bytes: u64) -> Result<()> {
    std::fs::File::create(image)?.set_len(bytes)?;
    tools::require(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image), LIMIT)?;
    Ok(())
}

/// Copies an image as it is on its disk now.
///
/// # Errors
/// When there is no room.
pub fn copy_image(from: &Path, to: &Path) -> Result<()> {
    tools::require(Command::new("cp").arg("--sparse=always").arg(from).arg(to), LIMIT)?;
    Ok(())
}
