//! What the server was asked, as its access log tells, and which refusals belong to it.

use anyhow::{Result, ensure};

/// Refusals that the client asks for: method, beginning of the path, status, why.
const EXPECTED: &[(&str, &str, &str, &str)] = &[
    ("PROPFIND", "/remote.php/dav/files//", "401", "finds out how to authenticate"),
    ("POST", "/index.php/login/v2/poll", "404", "nobody has granted yet"),
    ("GET", "/remote.php/dav/avatars/", "404", "there are no pictures of users"),
    ("GET", "/index.php/apps/theming/img/", "404", "icons of the list of activities"),
];

/// Fails if a request was refused that should not have been, and says which.
pub(crate) fn only_expected(log: &str) -> Result<()> {
    ensure!(log.lines().count() > 20, "the access log is short:\n{log}");
    let unexpected: Vec<_> = log.lines().filter(|line| !is_expected(line)).collect();
    ensure!(
        unexpected.is_empty(),
        "refused without a reason known here:\n{}",
        unexpected.join("\n")
    );
    Ok(())
}

fn is_expected(line: &str) -> bool {
    let value = |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key));
    let (method, path, status) = (value("method="), value("path="), value("status="));
    let (Some(method), Some(path), Some(status)) = (method, path, status) else { return false };
    let refused = !status.starts_with('2') && !status.starts_with('3');
    !refused
        || EXPECTED
            .iter()
            .any(|(m, start, s, _)| method == *m && path.starts_with(start) && status == *s)
}
