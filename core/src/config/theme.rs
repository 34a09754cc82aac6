//! `[theme]`: what the apps and pages show as the server's name, colour and link.

use serde::{Deserialize, Serialize};

use super::checker::Checker;

/// The section as written in `server.toml`; the file documents each key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawTheme {
    name: String,
    slogan: String,
    color: String,
    url: String,
}

impl Default for RawTheme {
    fn default() -> Self {
        Self {
            name: "Moonsail".to_owned(),
            slogan: "Your files, under your sail".to_owned(),
            color: "#1f4e79".to_owned(),
            url: String::new(),
        }
    }
}

/// Checked `[theme]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Name of the server. Never empty.
    pub name: String,
    /// A line below the name; may be empty.
    pub slogan: String,
    /// Of the apps' bars and buttons: `#` and six lower-case hex digits.
    pub color: String,
    /// Where the name links to; `None` for the server itself.
    pub url: Option<String>,
}

impl RawTheme {
    pub(crate) fn check(&self, see: &mut Checker<'_>) -> Theme {
        see.section("theme");
        let hex = self.color.strip_prefix('#').unwrap_or_default();
        if hex.len() != 6 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            see.refuse(
                "color",
                "# and six hex digits, as in \"#1f4e79\"",
                format!("{:?}", self.color),
            );
        }
        if self.name.trim().is_empty() {
            see.refuse("name", "a name to show", format!("{:?}", self.name));
        }
        // Pages link to it, so `javascript:` must not get here.
        let web = self.url.parse::<http::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()
        });
        if !self.url.is_empty() && !web {
            see.refuse("url", "\"\" or an http or https URL", format!("{:?}", self.url));
        }
        Theme {
            name: self.name.clone(),
            slogan: self.slogan.clone(),
            color: self.color.to_ascii_lowercase(),
            url: (!self.url.is_empty()).then(|| self.url.clone()),
        }
    }
}
