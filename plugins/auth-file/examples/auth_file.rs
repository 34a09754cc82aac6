//! The shared library: `cargo build --release -p moonsail-auth-file --example auth_file` makes
//! `target/release/examples/libauth_file.so`.

moonsail_sdk::export_plugin!(moonsail_auth_file::AuthFilePlugin);
