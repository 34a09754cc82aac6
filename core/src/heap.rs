//! The system's allocator, told to keep few arenas.
//!
//! glibc gives threads arenas of their own, up to eight for each processor. What is freed in one is
//! used again only by threads of that one, so a server whose work moves between the threads of a pool
//! grows for hours, to several times of what it uses (`docs/reliability.md` has the figures). With one
//! arena for each processor it stands still after minutes.

#![expect(unsafe_code, reason = "mallopt is C")]

/// Bounds the arenas. To be called once, before there are threads.
pub fn settle() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let arenas = std::thread::available_parallelism().map_or(2, std::num::NonZero::get).max(2);
        let arenas = libc::c_int::try_from(arenas).unwrap_or(libc::c_int::MAX);
        // SAFETY: a documented parameter of mallopt(3), set while the process has one thread.
        let _refused = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}
