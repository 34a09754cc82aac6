//! Whole loads: layers, faults and their words.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layers::{EMBEDDED, Surroundings};
use super::load::load_in;
use super::*;

fn around(folder: &Path, env: &[(&str, &str)]) -> Surroundings {
    let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    Surroundings { env, folder: folder.to_owned() }
}

fn flags() -> Overrides {
    Overrides::default()
}

/// Loads `text` as the server.toml of the working folder.
fn load_text(text: &str) -> Result<Loaded, ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("server.toml"), text).unwrap();
    load_in(&flags(), &around(folder.path(), &[]))
}

/// The fault in `text` names the line, the key and each of the words.
#[track_caller]
fn refuses(text: &str, line: usize, key: &str, words: &[&str]) {
    let errors = load_text(text).expect_err(text);
    let shown = errors.to_string();
    assert_eq!(errors.0.len(), 1, "{shown}");
    assert!(shown.contains(&format!("server.toml:{line}: {key}: ")), "{shown}");
    for word in words {
        assert!(shown.contains(word), "{word:?} in {shown}");
    }
}

#[test]
fn the_embedded_file_holds_the_defaults() {
    let empty = tempfile::tempdir().unwrap();
    let embedded = load_in(&flags(), &around(empty.path(), &[])).unwrap();
    let nothing = load_text("").unwrap();
    let values =
        |loaded: &Loaded| loaded.values.iter().map(|v| (v.key.clone(), v.value.clone())).collect();
    let (of_file, of_structs): (Vec<_>, Vec<_>) = (values(&embedded), values(&nothing));
    assert_eq!(of_file, of_structs);
    assert_eq!(of_structs, defaults());
    assert_eq!(embedded.file, None);
    assert!(embedded.values.iter().all(|value| value.place == Place::Default));
    assert_eq!(embedded.settings.data_dir, empty.path().join("data"));
    let mut settings = embedded.settings;
    settings.data_dir = "data".into();
    assert_eq!(settings, Settings::default());
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = '127.0.0.1:1'\nlisten_http = '127.0.0.1:2'\n\
                admin_listen = '127.0.0.1:3'\n[limits]\nmax_headers = 77\n";
    fs::write(folder.path().join("server.toml"), text).unwrap();
    let env = [
        ("MOONSAIL_SERVER__LISTEN", "127.0.0.1:11"),
        ("MOONSAIL_SERVER__LISTEN_HTTP", "127.0.0.1:12"),
        ("MOONSAIL_SERVER__TRUSTED_PROXIES", "10.0.0.1, fd00::/8"),
        ("MOONSAIL_NAMES__WINDOWS_COMPATIBLE", "true"),
        ("MOONSAIL_THEME__NAME", "2024"),
        ("MOONSAIL_LIMITS__IDLE_TIMEOUT_SECS", "5"),
        ("PATH", "/bin"),
    ];
    let flags = Overrides { listen: Some("127.0.0.1:21".to_owned()), ..flags() };
    let loaded = load_in(&flags, &around(folder.path(), &env)).unwrap();
    let port = |address: Option<std::net::SocketAddr>| address.map(|address| address.port());
    let Settings { server, limits, names, theme, .. } = &loaded.settings;
    assert_eq!(port(server.listen), Some(21));
    assert_eq!(port(server.listen_http), Some(12));
    assert_eq!(port(server.admin_listen), Some(3));
    assert_eq!(server.drain_timeout, Duration::from_secs(30));
    let trusts = |ip: &str| {
        let ip = ip.parse().unwrap();
        server.trusted_proxies.networks.iter().any(|network| network.contains(ip))
    };
    assert!(trusts("fd00::2") && !trusts("10.0.0.2") && !server.trusted_proxies.unix);
    assert_eq!(limits.max_headers, 77);
    assert_eq!(limits.idle_timeout, Duration::from_secs(5));
    assert!(names.windows_compatible);
    assert_eq!(theme.name, "2024");

    let place = |key: &str| loaded.values.iter().find(|v| v.key == key).unwrap().place.clone();
    let file = folder.path().join("server.toml");
    assert_eq!(place("server.listen"), Place::Flag("--listen".to_owned()));
    assert_eq!(place("server.listen_http"), Place::Env("MOONSAIL_SERVER__LISTEN_HTTP".to_owned()));
    assert_eq!(place("limits.max_headers"), Place::File(file, Some(6)));
    assert_eq!(place("limits.max_ranges"), Place::Default);
}

#[test]
fn a_named_file_replaces_the_one_in_the_working_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("etc")).unwrap();
    fs::write(folder.path().join("server.toml"), "[limits]\nmax_headers = 50\n").unwrap();
    fs::write(folder.path().join("etc/other.toml"), "[limits]\nmax_ranges = 5\n").unwrap();
    let named = Overrides { config: Some("etc/other.toml".into()), ..flags() };
    let by_env = [("MOONSAIL_CONFIG", "etc/other.toml")];
    for (flags, env) in [(named, &[][..]), (flags(), &by_env[..])] {
        let loaded = load_in(&flags, &around(folder.path(), env)).unwrap();
        assert_eq!(loaded.settings.limits.max_ranges, 5);
        assert_eq!(loaded.settings.limits.max_headers, 100, "the default, not the other file's");
        assert_eq!(loaded.file, Some(folder.path().join("etc/other.toml")));
    }
}

#[test]
fn relative_paths_start_from_where_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir(root.join("etc")).unwrap();
    fs::write(root.join("etc/a.toml"), "data_dir = 'here'\n").unwrap();
    fs::write(root.join("etc/b.toml"), "").unwrap();
    let data_dir = |file: &str, data: Option<&str>, env: &[(&str, &str)]| {
        let flags = Overrides {
            config: Some(PathBuf::from(file)),
            data_dir: data.map(str::to_owned),
            ..flags()
        };
        load_in(&flags, &around(root, env)).unwrap().settings.data_dir
    };
    assert_eq!(data_dir("etc/a.toml", None, &[]), root.join("etc/here"));
    assert_eq!(data_dir("etc/b.toml", None, &[]), root.join("data"));
    assert_eq!(data_dir("etc/a.toml", Some("flag"), &[]), root.join("flag"));
    assert_eq!(data_dir("etc/a.toml", None, &[("MOONSAIL_DATA_DIR", "/srv")]), Path::new("/srv"));
}

#[test]
fn unknown_keys_name_place_and_nearest_key() {
    for (text, line, key, words) in [
        ("[server]\nlisen = ''\n", 2, "server.lisen", &["perhaps server.listen is meant"][..]),
        ("\n[sever]\nlisten = ''\n", 2, "sever", &["perhaps server is meant"]),
        ("max_headers = 1\n", 1, "max_headers", &["perhaps limits.max_headers is meant"]),
        ("[auth]\nfile = { paht = 'x' }\n", 2, "auth.file.paht", &["perhaps auth.file.path"]),
        ("[names]\nqqq = 1\n", 2, "names.qqq", &["remove it"]),
        ("[[plugin]]\nname = 'x'\npath = 'y'\nid = 'x'\n", 4, "plugin.id", &["no such key"]),
        ("\"a.b\" = 1\n", 1, "a.b", &["no such key"]),
    ] {
        refuses(text, line, key, words);
    }
}

#[test]
fn values_of_wrong_type_or_range_name_what_was_expected_and_found() {
    for (text, line, key, words) in [
        ("data_dir = 3", 1, "data_dir", &["expected a text in quotes", "found 3"][..]),
        ("server = 3", 1, "server", &["expected a section", "found 3"]),
        ("[server]\nlisten = []", 2, "server.listen", &["a text in quotes", "found a list"]),
        ("[server]\nlisten = 'x'", 2, "server.listen", &["0.0.0.0:8443", "found \"x\""]),
        ("[server]\nworkers = -1", 2, "server.workers", &["0 or more", "found -1"]),
        ("[server]\nworkers = 1.5", 2, "server.workers", &["a whole number", "found 1.5"]),
        ("[server]\nworkers = 2000", 2, "server.workers", &["from 0 to 1024", "found 2000"]),
        ("[server]\ntrusted_proxies = ['x']", 2, "server.trusted_proxies", &["found \"x\""]),
        ("[server]\nproxy_protocol = ['x']", 2, "server.proxy_protocol", &["found \"x\""]),
        ("[server]\nlisten_unix_mode = '0888'", 2, "server.listen_unix_mode", &["octal", "0888"]),
        ("[server]\nlisten_unix_mode = '1777'", 2, "server.listen_unix_mode", &["0777"]),
        ("[server]\nlisten_unix_mode = '+660'", 2, "server.listen_unix_mode", &["octal"]),
        ("[server]\ntrusted_proxies = [1]", 2, "server.trusted_proxies", &["a list with 1"]),
        ("[server]\npublic_url = 'a.org'", 2, "server.public_url", &["https://cloud"]),
        ("[server]\npublic_url = 'https://a.org/x'", 2, "server.public_url", &["found"]),
        ("[server]\npublic_url = 'https://u@a.org'", 2, "server.public_url", &["found"]),
        ("[server]\npublic_url = 'ftp://a.org'", 2, "server.public_url", &["found"]),
        ("[server]\nlisten = ''\nlisten_http = ''", 2, "server.listen", &["all are"]),
        ("[tls]\ncertificate = 'x.pem'", 1, "tls.key", &["private key of tls.certificate"]),
        ("[tls]\nnames = ['a:1']", 2, "tls.names", &["found \"a:1\""]),
        ("[limits]\nmax_xml_depth = 0", 2, "limits.max_xml_depth", &["from 16 to 1024"]),
        (
            "[limits]\nmax_header_bytes = 8192",
            1,
            "limits.max_uri_bytes",
            &["at most limits.max_header_bytes", "found 16384"],
        ),
        ("[storage]\ndurability = 'ful'", 2, "storage.durability", &["perhaps \"full\""]),
        (
            "[storage]\nupload_retention_secs = 59",
            2,
            "storage.upload_retention_secs",
            &["from 60 to 31536000", "found 59"],
        ),
        (
            "[storage]\norphan_retention_secs = 3599",
            2,
            "storage.orphan_retention_secs",
            &["from 3600 to 31536000", "found 3599"],
        ),
        ("[auth]\nchain = []", 2, "auth.chain", &["at least one provider"]),
        ("[auth]\nchain = ['builtin:user']", 2, "auth.chain", &["perhaps \"builtin:users\""]),
        (
            "[auth]\nchain = ['builtin:users', 'builtin:users']",
            2,
            "auth.chain",
            &["each provider once"],
        ),
        ("[auth]\nchain = ['builtin:file']", 1, "auth.file.path", &["htpasswd file"]),
        ("[events]\nmax_batch = 0", 2, "events.max_batch", &["from 1 to 1000"]),
        ("[apps]\nanswer_timeout_secs = 0", 2, "apps.answer_timeout_secs", &["from 1 to 3600"]),
        ("[previews]\nat_once = 0", 2, "previews.at_once", &["from 1 to 1024"]),
        ("[previews]\nmax_side = 9000", 2, "previews.max_side", &["from 16 to 8192"]),
        ("[events]\nkeep_secs = 59", 2, "events.keep_secs", &["from 60 to"]),
        ("[log]\nlevel = 'debgu'", 2, "log.level", &["perhaps \"debug\""]),
        ("[log]\nlevel = 'info,x=y=z'", 2, "log.level", &["directives"]),
        ("[log]\nlevel = 'info,verbose'", 2, "log.level", &["directives"]),
        ("[log]\nformat = 'xml'", 2, "log.format", &["\"text\", \"json\""]),
        ("[theme]\ncolor = 'red'", 2, "theme.color", &["six hex digits"]),
        ("[theme]\nurl = 'javascript:alert(1)'", 2, "theme.url", &["http or https URL"]),
        ("[names]\nwindows_compatible = 1", 2, "names.windows_compatible", &["true or false"]),
    ] {
        refuses(text, line, key, words);
    }
}

#[test]
fn good_values_pass() {
    for text in [
        "[server]\npublic_url = 'https://cloud.example.org/'",
        "[server]\npublic_url = 'https://[::1]:8443'",
        "[server]\nlisten = '[::]:0'\nlisten_http = ''\nadmin_listen = ''",
        "[log]\nlevel = 'info,moonsail::dav=debug'",
        "[log]\nlevel = 'WARN'",
        "[theme]\nurl = 'https://example.org/a?b'\nslogan = ''",
        "server.workers = 3",
    ] {
        if let Err(errors) = load_text(text) {
            panic!("{text}: {errors}");
        }
    }
    let settings = load_text("[server]\npublic_url = 'https://a.org/'").unwrap().settings;
    assert_eq!(settings.server.public_url.as_deref(), Some("https://a.org"));
}

#[test]
fn faults_are_reported_together() {
    let text = "lisen = 1\n[limits]\nmax_headers = 'x'\nmax_ranges = 0\n";
    let errors = load_text(text).unwrap_err();
    let keys: Vec<_> = errors.0.iter().filter_map(|error| error.key.as_deref()).collect();
    assert_eq!(keys, ["lisen", "limits.max_headers", "limits.max_ranges"]);
    assert_eq!(errors.to_string().lines().count(), 3);
}

#[test]
fn syntax_faults_and_missing_files_name_the_file() {
    let errors = load_text("[server]\nlisten = \n").unwrap_err().to_string();
    assert!(errors.contains("server.toml:2: not valid TOML: "), "{errors}");
    let errors = load_text("data_dir = 'a'\ndata_dir = 'b'\n").unwrap_err().to_string();
    assert!(errors.contains("server.toml:2: not valid TOML: duplicate key"), "{errors}");
    let flags = Overrides { config: Some("/no/such/file.toml".into()), ..flags() };
    let errors = load_in(&flags, &around(Path::new("/"), &[])).unwrap_err().to_string();
    assert!(errors.contains("/no/such/file.toml: cannot be read"), "{errors}");
    assert!(errors.contains("--config"), "{errors}");
}

#[test]
fn faults_of_environment_and_flags_name_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, expected) in [
        ("MOONSAIL_SERVR__LISTEN", "x", "perhaps MOONSAIL_SERVER__LISTEN is meant"),
        ("MOONSAIL_SERVER__LISEN", "x", "perhaps MOONSAIL_SERVER__LISTEN is meant"),
        ("MOONSAIL_LIMITS__MAX_RANGES", "many", "found \"many\""),
        ("MOONSAIL_LIMITS__MAX_RANGES", "0", "from 1 to 1000, found 0"),
        ("MOONSAIL_SERVER__TRUSTED_PROXIES", "['a", "a list of texts"),
        ("MOONSAIL_QQQ", "1", "unset it"),
    ] {
        let got = load_in(&flags(), &around(folder.path(), &[(name, value)]));
        let shown = got.expect_err(name).to_string();
        assert!(shown.contains(&format!("environment variable {name}: ")), "{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
    let flags_with = Overrides { listen_http: Some("80".to_owned()), ..flags() };
    let shown = load_in(&flags_with, &around(folder.path(), &[])).unwrap_err().to_string();
    assert!(shown.starts_with("flag --listen-http: server.listen_http: expected"), "{shown}");

    let not_text = OsString::from_vec(vec![0xff]);
    let env = vec![("MOONSAIL_THEME__NAME".into(), not_text)];
    let around = Surroundings { env, folder: folder.path().to_owned() };
    let shown = load_in(&flags(), &around).unwrap_err().to_string();
    assert!(shown.contains("MOONSAIL_THEME__NAME: theme.name: expected text"), "{shown}");
}

#[test]
fn private_keys_and_password_files_are_not_for_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("cert.pem"), "").unwrap();
    fs::write(root.join("key.pem"), "").unwrap();
    let tls = "[tls]\ncertificate = 'cert.pem'\nkey = 'key.pem'\n";
    let auth = "[auth]\nchain = ['builtin:file']\nfile.path = 'key.pem'\n";
    for text in [tls, auth] {
        fs::write(root.join("server.toml"), text).unwrap();
        let load_with = |mode| {
            fs::set_permissions(root.join("key.pem"), Permissions::from_mode(mode)).unwrap();
            load_in(&flags(), &around(root, &[]))
        };
        let errors = load_with(0o644).unwrap_err().to_string();
        assert!(errors.contains("chmod 600") && errors.contains("server.toml:3"), "{errors}");
        let warned = load_with(0o640).unwrap();
        assert!(warned.warnings[0].to_string().contains("by its group"), "{:?}", warned.warnings);
        assert_eq!(load_with(0o600).unwrap().warnings, []);
    }
    let settings = load_in(&flags(), &around(root, &[])).unwrap().settings;
    assert_eq!(settings.auth.chain, [AuthProvider::File(root.join("key.pem"))]);
    fs::remove_file(root.join("key.pem")).unwrap();
    let errors = load_in(&flags(), &around(root, &[])).unwrap_err().to_string();
    assert!(errors.contains("auth.file.path: expected a readable file"), "{errors}");
}

#[test]
fn limits_reload_and_addresses_need_a_restart() {
    let old = load_text("").unwrap();
    let new = load_text("[limits]\nmax_ranges = 3\n[server]\nworkers = 3\n").unwrap();
    let changes = old.changes(&new);
    assert_eq!(changes.reload, ["limits.max_ranges"]);
    assert_eq!(changes.restart, ["server.workers"]);
    let new = load_text("[limits]\nmax_headers = 50\n[theme]\nname = 'Home'\n").unwrap();
    let changes = old.changes(&new);
    assert_eq!(changes.reload, ["theme.name"]);
    assert_eq!(changes.restart, ["limits.max_headers"]);
    assert_eq!(new.changes(&new), Changes::default());
}

#[test]
fn the_defaults_are_those_of_the_threats() {
    let known: std::collections::HashMap<_, _> = defaults().into_iter().collect();
    for (key, value, source) in [
        ("limits.max_xml_depth", 64, "threats §6: XML"),
        ("limits.max_xml_bytes", 1 << 20, "§6: XML"),
        ("limits.max_properties", 1000, "§6: XML"),
        ("limits.max_search_operators", 16, "§6: SEARCH"),
        ("limits.max_search_results", 5000, "§6: SEARCH"),
        ("limits.search_timeout_secs", 5, "§6: SEARCH"),
        ("limits.max_dead_property_bytes", 64 << 10, "§6: PROPPATCH"),
        ("limits.max_dead_properties", 100, "§6: PROPPATCH"),
        ("limits.max_ranges", 16, "§6: Range"),
        ("limits.max_header_bytes", 64 << 10, "§6: HTTP/1.1, HTTP/2"),
        ("limits.max_headers", 100, "§6: HTTP/1.1"),
        ("limits.max_uri_bytes", 16 << 10, "§2: Length"),
        ("limits.header_timeout_secs", 15, "§6: slow clients"),
        ("limits.idle_timeout_secs", 60, "§6: slow clients"),
        ("limits.body_min_bytes_per_sec", 1024, "§6: slow clients"),
        ("limits.body_window_secs", 60, "§6: slow clients"),
        ("limits.max_connections_per_address", 256, "§6: slow clients"),
        ("limits.http2_max_streams", 128, "§6: HTTP/2"),
        ("storage.upload_retention_secs", 24 * 3600, "§1: kill -9"),
        ("previews.at_once", 2, "§5: previews"),
        ("previews.timeout_secs", 5, "§5: previews"),
        ("previews.max_file_bytes", 256 << 20, "§5: previews"),
        ("storage.orphan_retention_secs", 24 * 3600, "§1: object storage"),
        ("auth.max_password_bytes", 4096, "§4: passwords"),
        ("auth.throttle_failures", 10, "§4: throttle"),
        ("auth.throttle_window_secs", 1800, "§4: throttle"),
        ("auth.login_flow_secs", 1200, "§4: login flow"),
    ] {
        assert_eq!(known[key].as_u64(), Some(value), "{key} ({source})");
    }
}

#[test]
fn the_file_documents_every_number_range() {
    // Each `lo..=hi` that a number is checked against stands in the file's comment: try both ends
    // and one beyond, as the comments say.
    for (key, value) in defaults().into_iter().filter(|(_, value)| value.is_u64()) {
        let comment = comment_above(&key);
        let Some((least, most)) = range_in(&comment) else {
            assert!(key.ends_with("_bytes") && key.starts_with("storage."), "{key}: no range");
            continue;
        };
        let (section, name) = key.rsplit_once('.').unwrap();
        let accepts = |number: u64| match load_text(&format!("[{section}]\n{name} = {number}\n")) {
            Ok(_) => true,
            // Bounds between two keys are none of this key's range.
            Err(errors) => !errors.to_string().contains("a whole number"),
        };
        assert!(accepts(least) && accepts(most) && !accepts(most + 1), "{key}: {least} to {most}");
        assert!(least == 0 || !accepts(least - 1), "{key}: {least} to {most}");
        assert!((least..=most).contains(&value.as_u64().unwrap()), "{key}: default");
    }
}

/// The comment right above a key of the embedded file, in one line.
fn comment_above(key: &str) -> String {
    let line = super::lines::line_of(EMBEDDED, key).unwrap();
    let lines: Vec<&str> = EMBEDDED.lines().take(line - 1).collect();
    let comment: Vec<&str> =
        lines.iter().rev().take_while(|l| l.starts_with('#')).map(|l| &l[1..]).collect();
    comment.into_iter().rev().collect()
}

/// The first `A to B` in a comment.
fn range_in(comment: &str) -> Option<(u64, u64)> {
    let clean = |word: &str| word.trim_end_matches([',', '.', ';', ':']).parse::<u64>().ok();
    let words: Vec<&str> = comment.split_whitespace().collect();
    words.windows(3).find_map(|three| match three {
        [low, "to", high] => Some((clean(low)?, clean(high)?)),
        _ => None,
    })
}
