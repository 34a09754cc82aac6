//! `User-Agent`: which app it is, and what to call an app password after it (clients.md §2.2, §5).
//!
//! Only for names and statistics: nothing is allowed or refused because of what is written here.

/// Longest name of an app password.
const MAX_NAME_CHARS: usize = 80;

/// Kinds of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientKind {
    /// Nextcloud's desktop client.
    Desktop,
    /// Nextcloud's Android app.
    Android,
    /// Nextcloud's iOS app.
    Ios,
    /// A browser.
    Web,
    /// Anything else: rclone, davfs2, curl, Finder, Explorer, or nothing at all.
    Other,
}

impl ClientKind {
    /// Kind of the client that sends `user_agent`.
    pub fn of(user_agent: &str) -> Self {
        let has = |word: &str| user_agent.contains(word);
        if has("mirall/") || has("(Desktop Client") {
            Self::Desktop
        } else if has("Nextcloud-android") || user_agent.ends_with("(Android)") {
            Self::Android
        } else if has("Nextcloud-iOS") || has("Nextcloud iOS") {
            Self::Ios
        } else if has("Mozilla/") && browser(user_agent).is_some() {
            Self::Web
        } else {
            Self::Other
        }
    }

    /// Name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Android => "android",
            Self::Ios => "ios",
            Self::Web => "web",
            Self::Other => "other",
        }
    }
}

/// What to call a device in a list, from its `User-Agent`. Never empty, one line, at most 80
/// characters.
pub fn device_name(user_agent: &str) -> String {
    let printable: String = user_agent.chars().filter(|c| !c.is_control()).collect();
    // Blanks go first: else a name behind many of them would be cut off whole.
    let clean: String = printable.trim().chars().take(MAX_NAME_CHARS).collect();
    let clean = clean.trim_end();
    match ClientKind::of(user_agent) {
        // These two name the machine themselves: `laptop (Desktop Client - Linux)`.
        ClientKind::Desktop if !clean.contains("mirall/") => clean.to_owned(),
        ClientKind::Android if clean.ends_with("(Android)") => clean.to_owned(),
        ClientKind::Desktop => match system(clean) {
            Some(system) => format!("Desktop Client ({system})"),
            None => "Desktop Client".to_owned(),
        },
        ClientKind::Android => "Android app".to_owned(),
        ClientKind::Ios => "iOS app".to_owned(),
        ClientKind::Web => browser(user_agent).unwrap_or("Browser").to_owned(),
        ClientKind::Other => match clean.split(['/', ' ']).next() {
            Some("Mozilla") | Some("") | None => "Unknown app".to_owned(),
            // `rclone/v1.66.0` is called `rclone`; a free text stays as it is.
            Some(product) if clean.starts_with(&format!("{product}/")) => product.to_owned(),
            Some(_) => clean.to_owned(),
        },
    }
}

/// The word between the first brackets: `Mozilla/5.0 (Linux) mirall/…`.
fn system(user_agent: &str) -> Option<&str> {
    let (_, rest) = user_agent.split_once('(')?;
    let (system, _) = rest.split_once(')')?;
    (!system.is_empty() && system.len() <= 20).then_some(system)
}

/// Name of a browser. The order counts: Edge also calls itself Chrome, and Chrome Safari.
fn browser(user_agent: &str) -> Option<&'static str> {
    [
        ("Firefox/", "Firefox"),
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]
    .into_iter()
    .find_map(|(mark, name)| user_agent.contains(mark).then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_are_known_by_their_user_agent() {
        use ClientKind::{Android, Desktop, Ios, Other, Web};
        for (user_agent, kind, name, source) in [
            (
                "Mozilla/5.0 (Linux) mirall/3.16.7 (Nextcloud, debian-6.1.0 ClientArchitecture: x)",
                Desktop,
                "Desktop Client (Linux)",
                "clients.md §2.2",
            ),
            (
                "vm (Desktop Client - Linux)",
                Desktop,
                "vm (Desktop Client - Linux)",
                "desktop-login-flow-v2",
            ),
            (
                "Mozilla/5.0 (Android) Nextcloud-android/3.31.3",
                Android,
                "Android app",
                "the traces",
            ),
            ("Pixel (Android)", Android, "Pixel (Android)", "Android's login request"),
            ("Mozilla/5.0 (iOS) Nextcloud-iOS/6.5.0", Ios, "iOS app", "the traces"),
            ("Nextcloud iOS", Ios, "iOS app", "login-flow-v1-mobile"),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                Web,
                "Firefox",
                "desktop-login-flow-v2",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126 Safari/537.36 Edg/126",
                Web,
                "Edge",
                "it names the others too",
            ),
            ("rclone/v1.66.0", Other, "rclone", "clients.md §42"),
            ("My backup script", Other, "My backup script", "free text"),
            ("Mozilla/5.0", Other, "Unknown app", "says nothing"),
            ("", Other, "Unknown app", "absent"),
            ("a\r\nb", Other, "ab", "threats §0.4: one line"),
        ] {
            assert_eq!(ClientKind::of(user_agent), kind, "{user_agent} ({source})");
            assert_eq!(device_name(user_agent), name, "{user_agent} ({source})");
        }
        assert_eq!(device_name(&"ü".repeat(500)).chars().count(), MAX_NAME_CHARS);
    }

    #[test]
    fn a_name_behind_many_blanks_is_not_empty() {
        let behind = |user_agent| format!("{}{user_agent}", " ".repeat(100));
        assert_eq!(device_name(&behind("x mirall/3)")), "Desktop Client");
        assert_eq!(device_name(&behind("Phone (Android)")), "Phone (Android)");
    }
}
