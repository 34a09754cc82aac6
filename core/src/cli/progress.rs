//! The bar of long verbs, on standard error, hidden where that is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

use super::out;
use crate::content::{Problem, Progress};

/// A bar that shows nothing yet.
pub(super) fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{elapsed_precise} [{wide_bar}] {bytes}/{total_bytes} {msg}  ETA {eta}",
    );
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Shows how far it is.
pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.bytes_in_all.max(progress.bytes));
    bar.set_position(progress.bytes);
    bar.set_message(format!("{} files", progress.files + progress.folders));
}

/// Prints a problem as a line of result.
pub(super) fn print(bar: &ProgressBar, problem: &Problem) {
    bar.suspend(|| {
        out::line(format_args!(
            "{} {}; {}",
            printable(&problem.path),
            problem.what,
            problem.remedy
        ));
    });
}

/// The number of problems, in words.
pub(super) fn found(problems: u64) -> String {
    match problems {
        0 => "all is well".to_owned(),
        1 => "1 problem".to_owned(),
        many => format!("{many} problems"),
    }
}

/// Names on the disk can hold anything; what is printed must not move the cursor.
fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
