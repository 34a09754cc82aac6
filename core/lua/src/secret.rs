//! Passwords and keys in scripts: values that every function but a few refuses, so that they do not
//! end in a log, an error text or a JSON document by accident.

use std::fmt;
use std::sync::Arc;

use mlua::{MetaMethod, UserData, UserDataMethods};
use zeroize::Zeroizing;

use crate::services::{Level, Record};
use crate::site::Site;

/// A text that must not be printed. `moon.crypto`, `moon.password`, `moon.ldap` and the fields for it in
/// `moon.http` take it where they take a string; `:reveal()` gives the string, and says so in the log
/// once for each load of the script.
#[derive(Clone)]
pub struct Secret {
    name: Arc<str>,
    text: Arc<Zeroizing<Vec<u8>>>,
    site: Site,
}

impl Secret {
    /// A secret that the log calls `name`, for a script.
    pub fn new(name: &str, text: impl Into<Vec<u8>>, site: &Site) -> Self {
        let text = Arc::new(Zeroizing::new(text.into()));
        Self { name: name.into(), text, site: site.clone() }
    }

    /// The text itself, for the call that needs it.
    pub fn reveal(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl UserData for Secret {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::ToString, |_, _, ()| Ok("***"));
        methods.add_meta_method(MetaMethod::Type, |_, _, ()| Ok("Secret"));
        methods.add_method("reveal", |lua, this, ()| {
            if this.site.once(&format!("reveals {}", this.name)) {
                this.site.services.log.write(&Record {
                    script: &this.site.script,
                    level: Level::Warn,
                    message: &format!("the script reveals the secret {}", this.name),
                    fields: &[],
                });
            }
            lua.create_string(this.reveal())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn a_secret_is_not_printed_by_accident() {
        let bench = Bench::new(&["kv"]);
        let secret = Secret::new("ldap_bind", "canary", &bench.site);
        assert_eq!(format!("{secret:?}"), "***");
        bench.set("s", secret);
        for (code, expected) in [
            ("return tostring(s)", "***"),
            ("return string.format('%*', s)", "***"),
            ("return `{s}`", "***"),
            ("return s:reveal()", "canary"),
        ] {
            assert_eq!(bench.text(code).await, expected, "{code}");
        }
        for (code, expected) in [
            ("return 'x' .. s", "attempt to concatenate string with"),
            ("return #s", "attempt to get length of"),
            ("return string.len(s)", "string expected, got"),
            (
                "return require('moon.json').encode({ p = s })",
                "moon.json.encode: value.p is a secret",
            ),
            ("return require('moon.json').encode(s)", "moon.json.encode: value is a secret"),
            ("require('moon.kv').set('a', s)", "moon.kv.set: value is a secret"),
            ("require('moon.log').info(s)", "parameter 'message' must be a string, got a secret"),
            ("return string.format('%s', s)", "string expected, got Secret"),
            ("error(s)", ""),
        ] {
            let error = bench.error(code).await;
            assert!(error.contains(expected) && !error.contains("canary"), "{code}: {error}");
        }
        bench.run("require('moon.log').info('in', { password = s })").await;
        let said = bench.fakes.log.lines();
        assert!(said.iter().all(|line| !line.contains("canary")), "{said:?}");
        assert!(said.contains(&"info in password=***".to_owned()), "{said:?}");
    }

    #[tokio::test]
    async fn revealing_is_logged_once_for_a_load() {
        let bench = Bench::new(&[]);
        bench.set("a", Secret::new("a", "1", &bench.site));
        bench.set("b", Secret::new("b", "2", &bench.site.clone()));
        bench.set("c", Secret::new("a", "3", &bench.site));
        bench.run("a:reveal() a:reveal() b:reveal() c:reveal()").await;
        let said = bench.fakes.log.lines();
        assert_eq!(
            said,
            ["warn the script reveals the secret a", "warn the script reveals the secret b"]
        );
    }
}
