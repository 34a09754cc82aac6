//! The shared library: `cargo build --release -p moonsail-events-webhook --example events_webhook` makes
//! `target/release/examples/libevents_webhook.so`.

moonsail_sdk::export_plugin!(moonsail_events_webhook::Webhook);
