//! `moonsail check`: validates the configuration, shows what is in force, starts nothing.

use serde_json::{Value, json};

use super::exit::{self, Exit};
use super::out;
use crate::config::{self, ConfigError, ConfigErrors, Loaded, Overrides};

/// Runs the verb.
pub(crate) fn run(flags: &Overrides, as_json: bool) -> Exit {
    match config::load(flags) {
        Ok(loaded) if as_json => out::json(&good_json(&loaded)),
        Ok(loaded) => good_text(&loaded).into_iter().for_each(out::line),
        Err(errors) => {
            if as_json {
                out::json(&bad_json(&errors));
            } else {
                errors.0.iter().for_each(out::error);
            }
            return Exit(exit::CONFIGURATION);
        }
    }
    Exit(exit::OK)
}

/// The file, what differs from the defaults and who said so, what to mend some day.
fn good_text(loaded: &Loaded) -> Vec<String> {
    let mut lines = vec![match &loaded.file {
        Some(path) => format!("{} is good.", path.display()),
        None => "No server.toml here: the defaults are in force.".to_owned(),
    }];
    let settings = &loaded.settings;
    let shown = |address: Option<std::net::SocketAddr>| {
        address.map_or_else(|| "off".to_owned(), |address| address.to_string())
    };
    let chain: Vec<&str> = settings.auth.chain.iter().map(config::AuthProvider::id).collect();
    lines.extend([
        format!("  data folder     {}", settings.data_dir.display()),
        format!("  TLS             {}", shown(settings.server.listen)),
        format!("  plain HTTP      {}", shown(settings.server.listen_http)),
        format!("  health, metrics {}", shown(settings.server.admin_listen)),
        match &settings.tls.files {
            Some(files) => format!("  certificate     {}", files.certificate.display()),
            None => "  certificate     the server's own, in data/tls".to_owned(),
        },
        format!("  passwords       {}", chain.join(", then ")),
    ]);
    let defaults = config::defaults();
    let set: Vec<_> = loaded
        .values
        .iter()
        .zip(&defaults)
        .filter(|(now, (_, default))| now.value != *default)
        .map(|(now, _)| format!("  {} = {}    # {}", now.key, now.value, now.place))
        .collect();
    if !set.is_empty() {
        lines.push("Other than the defaults:".to_owned());
        lines.extend(set);
    }
    lines.extend(loaded.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines
}

fn good_json(loaded: &Loaded) -> Value {
    let settings: serde_json::Map<_, _> = loaded
        .values
        .iter()
        .map(|v| (v.key.clone(), json!({ "value": v.value, "from": v.place.to_string() })))
        .collect();
    json!({
        "ok": true,
        "file": loaded.file.as_ref().map(|path| path.display().to_string()),
        "settings": settings,
        "warnings": loaded.warnings.iter().map(fault).collect::<Vec<_>>(),
    })
}

fn bad_json(errors: &ConfigErrors) -> Value {
    json!({ "ok": false, "errors": errors.0.iter().map(fault).collect::<Vec<_>>() })
}

fn fault(error: &ConfigError) -> Value {
    json!({ "from": error.place.to_string(), "key": error.key, "text": error.text })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Loads `text` as a named file; its values are this test's whatever the environment says.
    fn load(folder: &Path, text: &str) -> Result<Loaded, ConfigErrors> {
        let path = folder.join("test.toml");
        fs::write(&path, text).unwrap();
        config::load(&Overrides { config: Some(path), ..Overrides::default() })
    }

    #[test]
    fn people_see_what_differs_from_the_defaults_and_what_to_mend() {
        let folder = tempfile::tempdir().unwrap();
        let text = "data_dir = 'd'\n[limits]\nmax_ranges = 3\nmax_headers = 100\n\
                    [server]\nadmin_listen = '0.0.0.0:9'\nlisten_http = ''\n";
        let shown = good_text(&load(folder.path(), text).unwrap()).join("\n");
        let at = |line| format!("# {}:{line}", folder.path().join("test.toml").display());
        for part in [
            format!("{} is good.", folder.path().join("test.toml").display()),
            format!("data folder     {}", folder.path().join("d").display()),
            "plain HTTP      off".to_owned(),
            format!("limits.max_ranges = 3    {}", at(3)),
            "warning: ".to_owned() + &at(6)[2..] + ": server.admin_listen: shows health",
        ] {
            assert!(shown.contains(&part), "{part:?} in\n{shown}");
        }
        assert!(!shown.contains("max_headers"), "{shown}");
    }

    #[test]
    fn scripts_see_every_key_or_every_fault() {
        let folder = tempfile::tempdir().unwrap();
        let good = good_json(&load(folder.path(), "[limits]\nmax_ranges = 3\n").unwrap());
        assert_eq!(good["ok"], true);
        assert_eq!(good["settings"]["limits.max_ranges"]["value"], 3);
        assert_eq!(good["settings"]["limits.max_headers"]["from"], "default");
        assert_eq!(good["settings"].as_object().unwrap().len(), config::defaults().len());
        let bad = bad_json(&load(folder.path(), "lisen = 1\nserver = 2\n").unwrap_err());
        assert_eq!(bad["ok"], false);
        assert_eq!(bad["errors"][0]["key"], "lisen");
        assert_eq!(bad["errors"][1]["key"], "server");
    }
}
