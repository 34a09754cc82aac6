//! From the checked configuration to what each floor takes.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use crate::auth::{AuthSettings, Passwords};
use crate::config::{self, Settings};
use crate::content::TransferLimits;
use crate::dav::DavSettings;
use crate::feed::FeedSettings;
use crate::http::{HttpLimits, HttpOrigins, LogFormat, LogOutput, LogSettings};
use crate::net::{CertSource, NetSettings, UnixAddress};
use crate::ocs::OcsSettings;
use crate::outside::KeeperSettings;
use crate::previews::PreviewSettings;
use crate::proto::dav::XmlLimits;
use crate::storage::Durability;
use crate::store::sqlite;
use crate::wire::Peers;

pub(super) fn durability(settings: &Settings) -> Durability {
    match settings.storage.durability {
        config::Durability::Full => Durability::Full,
        config::Durability::Batch | config::Durability::None => Durability::Relaxed,
    }
}

pub(super) fn index_durability(settings: &Settings) -> sqlite::Durability {
    match settings.storage.durability {
        config::Durability::Full => sqlite::Durability::Full,
        config::Durability::Batch => sqlite::Durability::Full,
        // Not SQLite's own "off": a power cut must not damage what earlier days have written.
        config::Durability::None => sqlite::Durability::Batch,
    }
}

pub(super) fn keeper(settings: &Settings) -> KeeperSettings {
    let storage = &settings.storage;
    KeeperSettings { watch: storage.watch, settle: storage.settle, rescan: storage.rescan }
}

pub(super) fn feed(settings: &Settings) -> FeedSettings {
    let events = &settings.events;
    FeedSettings {
        batch: events.max_batch,
        deliver_timeout: events.deliver_timeout,
        keep: events.keep,
        keep_changes: events.keep_changes,
        ..FeedSettings::default()
    }
}

pub(super) fn previews(settings: &Settings) -> PreviewSettings {
    let previews = &settings.previews;
    PreviewSettings {
        at_once: previews.at_once,
        timeout: previews.timeout,
        max_file_bytes: previews.max_file,
        max_side: previews.max_side,
        ..PreviewSettings::default()
    }
}

pub(super) fn password_threads(settings: &Settings) -> usize {
    match settings.auth.password_threads {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get).div_ceil(2),
        threads => threads,
    }
}

pub(super) fn auth(settings: &Settings, passwords: Passwords) -> AuthSettings {
    let auth = &settings.auth;
    AuthSettings {
        throttle_failures: usize::try_from(auth.throttle_failures).unwrap_or(usize::MAX),
        throttle_window: auth.throttle_window,
        login_cache: auth.login_cache,
        session_idle: auth.session_idle,
        session_lifetime: auth.session_max,
        flow_lifetime: auth.login_flow,
        max_password_bytes: auth.max_password_bytes,
        default_quota: settings.storage.default_quota,
        passwords,
        ..AuthSettings::default()
    }
}

pub(super) fn dav(settings: &Settings) -> DavSettings {
    let limits = &settings.limits;
    DavSettings {
        xml: XmlLimits {
            bytes: limits.max_xml_bytes,
            depth: limits.max_xml_depth,
            properties: limits.max_properties,
            operators: limits.max_search_operators,
        },
        ranges: limits.max_ranges,
        dead_property_bytes: limits.max_dead_property_bytes,
        dead_properties: limits.max_dead_properties,
        locks: limits.max_locks_per_user,
        transfers: TransferLimits {
            transfers: limits.max_transfers_per_user,
            chunks: limits.max_chunks_per_transfer,
        },
        search_results: limits.max_search_results,
        search_timeout: limits.search_timeout,
        min_free_bytes: settings.storage.min_free_bytes,
        max_file_bytes: settings.storage.max_file,
        windows_compatible: settings.names.windows_compatible,
    }
}

pub(super) fn ocs(settings: &Settings) -> OcsSettings {
    OcsSettings {
        theme: settings.theme.clone(),
        windows_compatible: settings.names.windows_compatible,
        max_chunk_bytes: settings.storage.max_chunk_bytes,
        default_quota: settings.storage.default_quota,
        max_body_bytes: settings.limits.max_ocs_body_bytes,
        ..OcsSettings::default()
    }
}

/// What the capabilities are made from outside of a request.
pub(super) struct CapabilityFacts {
    pub(super) ocs: OcsSettings,
    pub(super) base_url: String,
}

pub(super) fn capability_facts(settings: &Settings) -> CapabilityFacts {
    let base_url = settings.server.public_url.clone();
    let base_url = base_url.unwrap_or_else(|| "https://localhost".to_owned());
    CapabilityFacts { ocs: ocs(settings), base_url }
}

fn peers(proxies: &config::Proxies) -> Peers {
    let networks = proxies.networks.iter().filter_map(|cidr| cidr.to_string().parse().ok());
    Peers { networks: networks.collect(), unix: proxies.unix }
}

pub(super) fn net(settings: &Settings) -> NetSettings {
    let limits = &settings.limits;
    NetSettings {
        tls: settings.server.listen.into_iter().collect(),
        plain: settings.server.listen_http.into_iter().collect(),
        unix: settings.server.listen_unix.iter().map(|path| unix(settings, path)).collect(),
        header_timeout: limits.header_timeout,
        idle_timeout: limits.idle_timeout,
        drain_timeout: settings.server.drain_timeout,
        per_address: limits.max_connections_per_address,
        total: limits.max_connections,
        trusted_proxies: peers(&settings.server.trusted_proxies),
        proxy_protocol: peers(&settings.server.proxy_protocol),
        header_bytes: u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX),
        header_count: limits.max_headers,
        uri_bytes: limits.max_uri_bytes,
        streams: limits.http2_max_streams,
        pending_resets: limits.http2_max_pending_resets,
        local_resets: limits.http2_max_local_resets,
        ..NetSettings::default()
    }
}

fn unix(settings: &Settings, path: &Path) -> UnixAddress {
    UnixAddress { path: path.to_owned(), mode: settings.server.listen_unix_mode }
}

pub(super) fn admin_net(settings: &Settings) -> NetSettings {
    NetSettings {
        plain: settings.server.admin_listen.into_iter().collect(),
        total: 64,
        ..NetSettings::default()
    }
}

pub(super) fn http(settings: &Settings) -> HttpLimits {
    let limits = &settings.limits;
    HttpLimits {
        uri_bytes: limits.max_uri_bytes,
        header_bytes: limits.max_header_bytes,
        header_count: limits.max_headers,
        body_bytes_per_second: limits.body_min_bytes_per_sec,
        body_window: limits.body_window,
        in_flight: limits.max_requests_in_flight,
        queue: limits.max_queued_requests,
        ..HttpLimits::default()
    }
}

pub(super) fn origins(settings: &Settings, https_port: Option<u16>) -> HttpOrigins {
    HttpOrigins {
        trusted_proxies: peers(&settings.server.trusted_proxies),
        public_url: settings.server.public_url.as_deref().map(Arc::from),
        https_port,
    }
}

pub(super) fn certificates(settings: &Settings, folder: &Path) -> CertSource {
    match &settings.tls.files {
        Some(files) => {
            CertSource::Files { chain: files.certificate.clone(), key: files.key.clone() }
        }
        None => {
            let names = settings.tls.names.clone();
            CertSource::OwnCa { folder: folder.join("tls"), names }
        }
    }
}

pub(super) fn log(settings: &Settings) -> LogSettings {
    LogSettings {
        level: settings.log.filter.clone(),
        format: match settings.log.format {
            config::LogFormat::Text => LogFormat::Text,
            config::LogFormat::Json => LogFormat::Json,
        },
        output: match &settings.log.file {
            Some(path) => LogOutput::File(path.clone()),
            None => LogOutput::Stderr,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Every time and number that tests of the running server would have to wait for.
    #[test]
    fn times_and_sizes_reach_those_who_obey_them() {
        let mut settings = Settings::default();
        let secs = Duration::from_secs;
        settings.auth.throttle_failures = 1;
        settings.auth.throttle_window = secs(2);
        settings.auth.login_cache = secs(3);
        settings.auth.session_idle = secs(4);
        settings.auth.session_max = secs(5);
        settings.auth.login_flow = secs(6);
        settings.auth.password_threads = 7;
        settings.limits.header_timeout = secs(8);
        settings.limits.idle_timeout = secs(9);
        settings.server.drain_timeout = secs(10);
        settings.limits.max_connections = 11;
        settings.limits.http2_max_streams = 12;
        settings.limits.http2_max_pending_resets = 13;
        settings.limits.http2_max_local_resets = 14;
        settings.limits.search_timeout = secs(15);
        settings.limits.body_window = secs(16);
        settings.limits.max_queued_requests = 17;
        settings.server.listen_unix = Some("/run/a.sock".into());
        settings.server.listen_unix_mode = 0o640;
        settings.server.trusted_proxies.unix = true;
        settings.server.proxy_protocol.networks = vec![config::Cidr::parse("10.1.0.0/16").unwrap()];
        settings.events.max_batch = 18;
        settings.events.deliver_timeout = secs(19);
        settings.events.keep = secs(20);
        settings.events.keep_changes = 21;
        settings.previews.at_once = 22;
        settings.previews.timeout = secs(23);
        settings.previews.max_file = Some(24);
        settings.previews.max_side = 25;
        let auth = auth(&settings, Passwords::default());
        assert_eq!((auth.throttle_failures, auth.throttle_window), (1, secs(2)));
        assert_eq!((auth.login_cache, auth.flow_lifetime), (secs(3), secs(6)));
        assert_eq!((auth.session_idle, auth.session_lifetime), (secs(4), secs(5)));
        assert_eq!(password_threads(&settings), 7);
        let net = net(&settings);
        assert_eq!((net.header_timeout, net.idle_timeout), (secs(8), secs(9)));
        assert_eq!((net.drain_timeout, net.total, net.streams), (secs(10), 11, 12));
        assert_eq!((net.pending_resets, net.local_resets), (13, 14));
        assert_eq!(net.unix, [UnixAddress { path: "/run/a.sock".into(), mode: 0o640 }]);
        assert!(net.trusted_proxies.unix && origins(&settings, None).trusted_proxies.unix);
        let announced = net.proxy_protocol.has_ip("10.1.2.3".parse().unwrap());
        assert!(announced && !net.proxy_protocol.unix && net.trusted_proxies.networks.is_empty());
        assert_eq!(dav(&settings).search_timeout, secs(15));
        let http = http(&settings);
        assert_eq!((http.body_window, http.queue), (secs(16), 17));
        let feed = feed(&settings);
        assert_eq!((feed.batch, feed.deliver_timeout), (18, secs(19)));
        assert_eq!((feed.keep, feed.keep_changes), (secs(20), 21));
        let previews = previews(&settings);
        assert_eq!((previews.at_once, previews.timeout), (22, secs(23)));
        assert_eq!((previews.max_file_bytes, previews.max_side), (Some(24), 25));
    }

    #[test]
    fn durability_gives_up_what_the_file_says() {
        for (chosen, content, index) in [
            (config::Durability::Full, Durability::Full, sqlite::Durability::Full),
            (config::Durability::Batch, Durability::Relaxed, sqlite::Durability::Full),
            (config::Durability::None, Durability::Relaxed, sqlite::Durability::Batch),
        ] {
            let mut settings = Settings::default();
            settings.storage.durability = chosen;
            assert_eq!((durability(&settings), index_durability(&settings)), (content, index));
        }
    }

    /// What floors take for themselves in tests is what server.toml says.
    #[test]
    fn defaults_are_those_of_the_file() {
        let settings = Settings::default();
        let ours = dav(&settings);
        assert_eq!(format!("{ours:?}"), format!("{:?}", DavSettings::default()));
        let feed = feed(&settings);
        assert_eq!(feed, FeedSettings::default());
        assert_eq!(previews(&settings), PreviewSettings::default());
        let http = http(&settings);
        assert_eq!(format!("{http:?}"), format!("{:?}", HttpLimits::default()));
        let plain = NetSettings { tls: Vec::new(), plain: Vec::new(), ..net(&settings) };
        assert_eq!(format!("{plain:?}"), format!("{:?}", NetSettings::default()));
    }
}
