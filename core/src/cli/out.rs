//! The one place that writes to standard output and standard error.
//!
//! A reader that went away (`moonsail user list | head -1`) is no fault, so results of writes are
//! dropped here; `println!` would panic.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line of result to standard output.
pub fn line(text: impl Display) {
    let _closed = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a text that has its line breaks already to standard output.
pub fn text(text: &str) {
    let _closed = io::stdout().lock().write_all(text.as_bytes());
}

/// Writes a result for scripts to standard output: JSON, indented.
pub fn json(value: &serde_json::Value) {
    line(format_args!("{value:#}"));
}

/// Writes one line for people to standard error.
pub fn note(text: impl Display) {
    let _closed = writeln!(io::stderr().lock(), "{text}");
}

/// Writes an error to standard error.
pub fn error(text: impl Display) {
    note(format_args!("moonsail: {text}"));
}
