//! The program that searches: libFuzzer around the target that `MOONSAIL_FUZZ_TARGET` names. One
//! program for all, since linking costs more than the code; see `run`.

#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<String> = LazyLock::new(|| {
    std::env::var("MOONSAIL_FUZZ_TARGET").unwrap_or_else(|_| "none: use tests/fuzz/run".to_owned())
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run(&TARGET, input));
