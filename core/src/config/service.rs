//! What the service manager has put into the environment, beside the settings.

/// Names of the sockets that it has opened for us, in their order; empty without any.
#[expect(clippy::disallowed_methods, reason = "the one place for it, beside layers.rs")]
pub fn socket_names() -> Vec<String> {
    split(&std::env::var("LISTEN_FDNAMES").unwrap_or_default())
}

fn split(names: &str) -> Vec<String> {
    if names.is_empty() { Vec::new() } else { names.split(':').map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_colons() {
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split("https"), ["https"]);
        assert_eq!(split("https::http"), ["https", "", "http"], "a socket may have no name");
    }
}
