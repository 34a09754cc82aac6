//! The sink's section of the configuration.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

/// As written.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Where to: an `https` URL.
    pub url: String,
    /// What batches are signed with; the receiver has the same. At least 16 bytes.
    pub secret: String,
    /// Which events: patterns as `file.*`. Default: all.
    #[serde(default = "all")]
    pub events: Vec<String>,
    /// How long the receiver may take. Default 10.
    #[serde(default = "ten")]
    pub timeout_secs: u64,
    /// Whether the URL may be `http` to another machine: whoever is between reads the names of all
    /// files, and the signature only keeps them from changing them. Default no.
    #[serde(default)]
    pub allow_http: bool,
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

fn ten() -> u64 {
    10
}

/// What is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    /// No URL.
    #[error("url: expected an https URL: {0}")]
    Url(String),
    /// Neither encrypted nor on this machine.
    #[error("url: http is for this machine only; use https, or set allow_http = true")]
    Plain,
    /// Too short.
    #[error("secret: expected at least 16 bytes, found {0}")]
    Secret(usize),
    /// Out of range.
    #[error("timeout_secs: expected 1 to 300, found {0}")]
    Timeout(u64),
    /// Nothing is wanted.
    #[error("events: expected at least one pattern, such as \"file.*\"")]
    NoEvents,
    /// TLS or the like cannot be set up.
    #[error("the client cannot be made: {0}")]
    Client(String),
}

/// Checked.
pub(crate) struct Checked {
    pub(crate) url: Url,
    pub(crate) secret: String,
    pub(crate) events: Vec<String>,
    pub(crate) timeout: Duration,
}

impl WebhookConfig {
    pub(crate) fn check(self) -> Result<Checked, BadConfig> {
        let url = Url::parse(&self.url).map_err(|error| BadConfig::Url(error.to_string()))?;
        match url.scheme() {
            "https" => {}
            "http" if self.allow_http || is_here(&url) => {}
            "http" => return Err(BadConfig::Plain),
            other => return Err(BadConfig::Url(format!("its scheme is {other}"))),
        }
        if self.secret.len() < 16 {
            return Err(BadConfig::Secret(self.secret.len()));
        }
        if !(1..=300).contains(&self.timeout_secs) {
            return Err(BadConfig::Timeout(self.timeout_secs));
        }
        if self.events.is_empty() {
            return Err(BadConfig::NoEvents);
        }
        let timeout = Duration::from_secs(self.timeout_secs);
        Ok(Checked { url, secret: self.secret, events: self.events, timeout })
    }
}

/// Whether a URL names this machine by its address. A name could be made to mean another.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> WebhookConfig {
        WebhookConfig {
            url: url.to_owned(),
            secret: "0123456789abcdef".to_owned(),
            events: all(),
            timeout_secs: 10,
            allow_http: false,
        }
    }

    #[test]
    fn what_is_sent_in_the_open_stays_on_this_machine() {
        for (url, allow_http, good) in [
            ("https://hooks.example.org/x", false, true),
            ("http://hooks.example.org/x", false, false),
            ("http://hooks.example.org/x", true, true),
            ("http://127.0.0.1:8000/", false, true),
            ("http://[::1]:8000/", false, true),
            ("http://localhost:8000/", false, false),
            ("http://127.0.0.1.example.org/", false, false),
            ("ftp://127.0.0.1/", true, false),
            ("no url", true, false),
        ] {
            let checked = WebhookConfig { allow_http, ..config(url) }.check();
            assert_eq!(checked.is_ok(), good, "{url} {allow_http}");
        }
    }

    #[test]
    fn values_out_of_range_are_named() {
        let good = config("https://a.example/");
        for (bad, expected) in [
            (WebhookConfig { secret: "short".to_owned(), ..good.clone() }, BadConfig::Secret(5)),
            (WebhookConfig { timeout_secs: 0, ..good.clone() }, BadConfig::Timeout(0)),
            (WebhookConfig { events: Vec::new(), ..good }, BadConfig::NoEvents),
        ] {
            assert_eq!(bad.check().err(), Some(expected));
        }
    }
}
