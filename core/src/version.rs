//! The protocol version that clients are told, in one place.
//!
//! Clients switch features and warnings by it (clients.md §3): it is the version of the reference
//! server whose answers ours were compared with, not the version of this program.

/// Product name in `status.php` and on pages. Never the name of the server we are compatible with.
pub const PRODUCT: &str = "Moonsail";
/// Major number.
pub const MAJOR: u32 = 31;
/// Minor number.
pub const MINOR: u32 = 0;
/// Micro number.
pub const MICRO: u32 = 6;
/// Number of the build, the fourth in `version`.
pub const BUILD: u32 = 2;
/// All four numbers: `version`.
pub const VERSION: &str = "31.0.6.2";
/// The first three: `versionstring`.
pub const VERSION_STRING: &str = "31.0.6";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_agree() {
        assert_eq!(VERSION_STRING, format!("{MAJOR}.{MINOR}.{MICRO}"));
        assert_eq!(VERSION, format!("{VERSION_STRING}.{BUILD}"));
    }
}
