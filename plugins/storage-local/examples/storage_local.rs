//! The shared library: `cargo build --release -p moonsail-storage-local --example storage_local` makes
//! `target/release/examples/libstorage_local.so`.

moonsail_sdk::export_plugin!(moonsail_storage_local::LocalPlugin);
