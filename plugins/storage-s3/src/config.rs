//! The settings of one S3 store, as they stand in `[plugin.config]`.

use std::time::Duration;

use moonsail_sdk::blobs::check_key;
use moonsail_sdk::secret::Secret;
use moonsail_sdk::storage::StorageError;
use serde::{Deserialize, Deserializer};

/// Fewest bytes of a part that S3 takes.
pub(crate) const PART_MIN: u64 = 5 << 20;
/// Most bytes of a part that S3 takes.
pub(crate) const PART_MAX: u64 = 5 << 30;

/// The settings of an [`S3Blobs`](crate::S3Blobs).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// Address of the store, `https://s3.example.org`.
    pub endpoint: String,
    /// The bucket, which must be there.
    pub bucket: String,
    /// Put before all keys, to share a bucket: `moonsail` or `sites/one`. One prefix is one index's.
    #[serde(default)]
    pub prefix: String,
    /// Region that requests are signed for; stores of one's own mostly take any.
    #[serde(default = "region")]
    pub region: String,
    /// Key id.
    pub access_key: String,
    /// Key.
    #[serde(deserialize_with = "secret")]
    pub secret_key: Secret,
    /// Whether the bucket stands in the path (`true`) or in the host name.
    #[serde(default = "yes")]
    pub path_style: bool,
    /// Whether an endpoint without TLS is taken: then everybody on the way reads and changes files.
    #[serde(default)]
    pub allow_http: bool,
    /// Bytes of a part of a large object, 5 MiB to 5 GiB.
    #[serde(default = "part_bytes")]
    pub part_bytes: u64,
    /// Seconds that connecting may take.
    #[serde(default = "connect_timeout_secs")]
    pub connect_timeout_secs: u64,
    /// Seconds without an answer, or without a byte of it, after which a request has failed. A part
    /// has to be sent in this time.
    #[serde(default = "timeout_secs")]
    pub timeout_secs: u64,
    /// How often a request that failed is tried again.
    #[serde(default = "retries")]
    pub retries: usize,
    /// Seconds from the first try after which no other is begun.
    #[serde(default = "retry_secs")]
    pub retry_secs: u64,
}

fn region() -> String {
    "us-east-1".to_owned()
}

fn yes() -> bool {
    true
}

fn part_bytes() -> u64 {
    8 << 20
}

fn connect_timeout_secs() -> u64 {
    5
}

fn timeout_secs() -> u64 {
    30
}

fn retries() -> usize {
    3
}

fn retry_secs() -> u64 {
    30
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

impl S3Config {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// [`StorageError::Internal`], naming the key and the remedy.
    pub fn check(&self) -> Result<(), StorageError> {
        let refuse = |text: String| Err(StorageError::Internal(text));
        let is_http = self.endpoint.starts_with("http://");
        if !is_http && !self.endpoint.starts_with("https://") {
            return refuse(format!("endpoint: {:?} does not begin with https://", self.endpoint));
        }
        if is_http && !self.allow_http {
            return refuse(
                "endpoint: it has no TLS; use https://, or set allow_http = true".into(),
            );
        }
        for (key, value) in
            [("bucket", &self.bucket), ("region", &self.region), ("access_key", &self.access_key)]
        {
            if value.is_empty() {
                return refuse(format!("{key}: it is empty"));
            }
        }
        if self.secret_key.reveal().is_empty() {
            return refuse("secret_key: it is empty".into());
        }
        if !self.prefix.is_empty() && (check_key(&self.prefix).is_err() || self.prefix.len() > 200)
        {
            return refuse(format!(
                "prefix: {:?} is not made of letters, digits, `.`, `_`, `-` and single `/`",
                self.prefix
            ));
        }
        if !(PART_MIN..=PART_MAX).contains(&self.part_bytes) {
            return refuse(format!("part_bytes: {} is not 5 MiB to 5 GiB", self.part_bytes));
        }
        for (key, seconds) in [
            ("connect_timeout_secs", self.connect_timeout_secs),
            ("timeout_secs", self.timeout_secs),
        ] {
            if seconds == 0 {
                return refuse(format!("{key}: it is 0, so every request would fail"));
            }
        }
        Ok(())
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_secs)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_secs)
    }

    pub(crate) fn retry_timeout(&self) -> Duration {
        Duration::from_secs(self.retry_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &str) -> Result<S3Config, String> {
        let text = format!(
            r#"{{"endpoint":"https://s3.test","bucket":"b","access_key":"a","secret_key":"s"{more}}}"#
        );
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_safe() {
        let config = parse("").unwrap();
        assert_eq!(config.check(), Ok(()));
        assert!(!config.allow_http && config.path_style && config.part_bytes == 8 << 20);
        assert!(!format!("{config:?}").contains("\"s\""), "the key is not printed: {config:?}");
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (more, named) in [
            (r#","endpont":"x""#, "endpont"),
            (r#","endpoint":"s3.test""#, "duplicate"),
            (r#","prefix":"/a""#, "prefix"),
            (r#","prefix":"a b""#, "prefix"),
            (r#","region":"""#, "region"),
            (r#","part_bytes":1000"#, "part_bytes"),
            (r#","timeout_secs":0"#, "timeout_secs"),
            (r#","connect_timeout_secs":0"#, "connect_timeout_secs"),
        ] {
            let refused = match parse(more) {
                Err(text) => text,
                Ok(config) => config.check().unwrap_err().to_string(),
            };
            assert!(refused.contains(named), "{more}: {refused}");
        }
        for (endpoint, named) in [("s3.test", "https://"), ("http://s3.test", "allow_http")] {
            let config = S3Config { endpoint: endpoint.into(), ..parse("").unwrap() };
            let refused = config.check().unwrap_err().to_string();
            assert!(refused.contains(named), "{endpoint}: {refused}");
        }
        let open = parse("").unwrap();
        let open = S3Config { endpoint: "http://s3.test".into(), allow_http: true, ..open };
        assert_eq!(open.check(), Ok(()));
    }
}
