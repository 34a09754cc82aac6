//! Names that Windows cannot store (`names.windows_compatible`): told to the apps by the
//! capabilities, refused by WebDAV.

/// Device names, which no file may have, with or without an extension. In lower case.
pub const WINDOWS_DEVICES: [&str; 32] = [
    "con",
    "prn",
    "aux",
    "nul",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "com\u{b9}",
    "com\u{b2}",
    "com\u{b3}",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "lpt\u{b9}",
    "lpt\u{b2}",
    "lpt\u{b3}",
    "conin$",
    "conout$",
];

/// Characters that no name may hold.
pub const WINDOWS_CHARACTERS: [&str; 9] = ["\\", "/", "<", ">", ":", "\"", "|", "?", "*"];

/// What no name may end with.
pub const WINDOWS_ENDINGS: [&str; 2] = [" ", "."];

/// Whether Windows can store a file or folder of this name.
pub fn fits_windows(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or(name).trim_end().to_lowercase();
    !WINDOWS_DEVICES.contains(&base.as_str())
        && !WINDOWS_CHARACTERS.iter().any(|character| name.contains(character))
        && !WINDOWS_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_is_told_from_names() {
        for (name, fits) in [
            ("a.txt", true),
            ("console.log", true),
            ("com10", true),
            ("CON", false),
            ("con.txt", false),
            ("Lpt1.tar.gz", false),
            ("a:b", false),
            ("what?", false),
            ("end.", false),
            ("end ", false),
        ] {
            assert_eq!(fits_windows(name), fits, "{name:?}");
        }
    }
}
