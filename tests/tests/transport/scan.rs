//! TLS as two scanners see it: what is offered, and the weaknesses that have names.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::suite::{Case, Outcome};
use e2e::tools;

use crate::house::{World, case_with, report};

/// All that may be offered: AEAD with ephemeral keys. The certificate is an ECDSA one, so the RSA
/// twins of the last three do not show.
const CIPHERS: [&str; 6] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];

pub(crate) fn cases() -> Vec<Case<'static>> {
    vec![
        case_with("scan::sslscan", "sslscan", sslscan),
        case_with("scan::testssl", "testssl", testssl),
    ]
}

/// The value of an attribute in a line of XML.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

fn sslscan(program: PathBuf) -> Result<Outcome> {
    let world = World::start("")?;
    let mut command = Command::new(program);
    command.args(["--no-colour", "--xml=-", &format!("127.0.0.1:{}", world.server.https().port)]);
    let xml = tools::require(&mut command, Duration::from_secs(120))?;
    let lines = |element: &str| {
        let start = format!("<{element} ");
        xml.lines().map(str::trim).filter(move |line| line.starts_with(&start))
    };
    for (kind, version, enabled) in [
        ("ssl", "2", "0"),
        ("ssl", "3", "0"),
        ("tls", "1.0", "0"),
        ("tls", "1.1", "0"),
        ("tls", "1.2", "1"),
        ("tls", "1.3", "1"),
    ] {
        let mut protocols = lines("protocol");
        let line = protocols.find(|line| {
            attribute(line, "type") == Some(kind) && attribute(line, "version") == Some(version)
        });
        let line = line.with_context(|| format!("{kind} {version} was not looked at:\n{xml}"))?;
        ensure!(attribute(line, "enabled") == Some(enabled), "{line}");
    }
    let mut offered: Vec<_> =
        lines("cipher").filter_map(|line| attribute(line, "cipher")).collect();
    offered.sort_unstable();
    let mut expected = CIPHERS;
    expected.sort_unstable();
    ensure!(offered == expected, "{offered:?}");
    let bits = lines("group").filter_map(|line| attribute(line, "bits")?.parse::<u32>().ok());
    let bits: Vec<u32> = bits.collect();
    ensure!(!bits.is_empty() && bits.iter().all(|bits| *bits >= 128), "weak groups: {xml}");
    let renegotiation: Vec<_> = lines("renegotiation").collect();
    ensure!(renegotiation.len() == 1, "{xml}");
    ensure!(attribute(renegotiation[0], "supported") == Some("0"), "{}", renegotiation[0]);
    ensure!(lines("compression").all(|line| attribute(line, "supported") == Some("0")), "{xml}");
    let hearts: Vec<_> = lines("heartbleed").collect();
    let sound = hearts.iter().all(|line| attribute(line, "vulnerable") == Some("0"));
    ensure!(!hearts.is_empty() && sound, "{hearts:?}");
    world.finish()
}

fn testssl(program: PathBuf) -> Result<Outcome> {
    let world = World::start("")?;
    let file = world.server.home().join("testssl.json");
    let mut command = Command::new(program);
    command.args(["--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none"]);
    // Protocols, ciphers, server's preference, forward secrecy, all vulnerabilities.
    command.args(["-p", "-s", "-P", "-f", "-U", "--jsonfile"]).arg(&file);
    command.arg(format!("127.0.0.1:{}", world.server.https().port));
    // Its status counts what it dislikes; the findings are looked at one by one.
    tools::run(&mut command, Duration::from_secs(400))?;
    let findings = std::fs::read(&file).context("testssl wrote nothing")?;
    let findings: serde_json::Value = serde_json::from_slice(&findings)?;
    let findings = findings.as_array().context("a list of findings")?;
    let find = |id: &str| {
        let found = findings.iter().find(|finding| finding["id"] == id);
        found.with_context(|| format!("{id} was not looked at"))
    };
    let mut bad = Vec::new();
    for finding in findings {
        let (id, severity) = (&finding["id"], finding["severity"].as_str().unwrap_or_default());
        // The client's order counts: all that is offered is good, and a phone without AES in
        // hardware is better off with ChaCha20.
        let expected = id == "cipher_order" || id == "engine_problem";
        if !matches!(severity, "OK" | "INFO") && !expected {
            bad.push(format!("{id}: {severity}: {}", finding["finding"]));
        }
    }
    ensure!(bad.is_empty(), "{}", bad.join("\n"));
    for id in ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE"] {
        ensure!(find(id)?["finding"] == "not offered", "{}", find(id)?);
    }
    for id in [
        "TLS1_2",
        "TLS1_3",
        "ALPN_HTTP2",
        "cipherlist_NULL",
        "cipherlist_aNULL",
        "cipherlist_STRONG",
        "PFS",
        "heartbleed",
        "CCS",
        "ticketbleed",
        "ROBOT",
        "secure_renego",
        "secure_client_renego",
        "CRIME_TLS",
        "POODLE_SSL",
        "fallback_SCSV",
        "SWEET32",
        "FREAK",
        "DROWN",
        "LOGJAM",
        "BEAST",
        "LUCKY13",
        "RC4",
    ] {
        ensure!(find(id)?["severity"] == "OK", "{}", find(id)?);
    }
    report(&format!("testssl has nothing against {} findings", findings.len()));
    world.finish()
}
