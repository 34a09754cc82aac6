//! Why a plugin is not taken: one line that names the file and what to do.

use std::path::PathBuf;

use moonsail_sdk::abi::host::CreateError;

/// Why a plugin is not loaded.
#[derive(Debug, thiserror::Error)]
#[error("plugin {}{}: {cause}", shown(name), path.display())]
pub struct PluginError {
    /// Name of the instance; empty if only a file was looked at.
    pub name: String,
    /// The library.
    pub path: PathBuf,
    /// Why.
    pub cause: Cause,
}

fn shown(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{name:?}, ") }
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// It cannot be read.
    #[error("it cannot be read ({0}); is the path right, and may this user read it?")]
    Unreadable(#[source] std::io::Error),
    /// Not a file.
    #[error("it is no regular file; name the library itself")]
    NotAFile,
    /// Everybody may write to it or to its folder.
    #[error("{0} can be written to by everybody on this machine; run: chmod o-w {0}")]
    WorldWritable(PathBuf),
    /// Another file than the pinned one.
    #[error(
        "its SHA-256 is {found}, and server.toml says {expected}; if the new file is meant, change \
         sha256"
    )]
    OtherHash {
        /// In server.toml.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// No private copy could be made.
    #[error("no copy of it could be made in {0}: {1}")]
    Copy(PathBuf, #[source] std::io::Error),
    /// The loader refuses it.
    #[error("it is no library for this machine: {0}")]
    NotALibrary(String),
    /// Not one of ours.
    #[error(
        "it is not a plugin: it exports no symbol moonsail_plugin_entry_v1; a plugin in Rust ends \
         with moonsail_sdk::export_plugin!, and has crate-type = [\"cdylib\"]"
    )]
    NoEntry,
    /// Its entry or its instance.
    #[error("{}{error}", described(plugin))]
    Create {
        /// Name and version, if they could be read.
        plugin: String,
        /// Why.
        error: CreateError,
    },
    /// A panic would end the server.
    #[error(
        "{plugin} is built with panic = \"abort\", so a panic in it would end the server, and \
         plugins.strict refuses that; build it with panic = \"unwind\""
    )]
    PanicAborts {
        /// Name and version.
        plugin: String,
    },
    /// It does not do what it is named for.
    #[error(
        "{plugin} does not offer {missing:?}, which `provides` asks for; it offers {}",
        list(offered)
    )]
    NotOffered {
        /// Name and version.
        plugin: String,
        /// What is missing.
        missing: String,
        /// What there is.
        offered: Vec<&'static str>,
    },
    /// It does nothing that this server knows.
    #[error("{plugin} offers nothing that this server knows; is it made for a newer one?")]
    Nothing {
        /// Name and version.
        plugin: String,
    },
    /// Its start failed or took too long.
    #[error("{plugin} does not start: {text}")]
    Start {
        /// Name and version.
        plugin: String,
        /// In its own words.
        text: String,
    },
    /// No second generation may be loaded.
    #[error("{plugin} cannot be loaded again while it runs; restart the server")]
    NotReloadable {
        /// Name and version.
        plugin: String,
    },
    /// There is no plugin of this name.
    #[error("no plugin of this name runs{0}")]
    Unknown(String),
}

fn described(plugin: &str) -> String {
    if plugin.is_empty() { String::new() } else { format!("{plugin}: ") }
}

fn list(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        words => words.join(", "),
    }
}
