//! What the API tells about the server: from `server.toml`, put together by `app`.

use crate::config::Theme;

/// Settings of the room.
#[derive(Debug, Clone, PartialEq)]
pub struct OcsSettings {
    /// Name, slogan and colour (`[theme]`).
    pub theme: Theme,
    /// Names that Windows cannot store are refused (`names.windows_compatible`).
    pub windows_compatible: bool,
    /// Size of the desktop's chunks, in bytes (`storage.max_chunk_bytes`): it takes this both as
    /// its first and its largest.
    pub max_chunk_bytes: u64,
    /// Chunks that the desktop sends at the same time.
    pub parallel_chunks: u32,
    /// Quota of new users and of `default`, in bytes; `None` for unlimited
    /// (`storage.default_quota_bytes`).
    pub default_quota: Option<u64>,
    /// Largest request body, in bytes; above it 413 (`limits.max_ocs_body_bytes`).
    pub max_body_bytes: usize,
}

impl Default for OcsSettings {
    fn default() -> Self {
        Self {
            theme: Theme {
                name: "Moonsail".to_owned(),
                slogan: String::new(),
                color: "#1f4e79".to_owned(),
                url: None,
            },
            windows_compatible: false,
            max_chunk_bytes: 100 << 20,
            parallel_chunks: 5,
            default_quota: None,
            max_body_bytes: 1 << 20,
        }
    }
}
