//! Who asks: `Authorization`, cookies, forwarding fields, `User-Agent`.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use moonsail::proto::authorization::{Credentials, MAX_SECRET_BYTES};
use moonsail::proto::cookie::find_cookie;
use moonsail::proto::forwarded::{Network, client_address, nearest_forwarded};
use moonsail::proto::media_type::parse_essence;
use moonsail::proto::user_agent::device_name;

use super::text;

pub(super) fn target(input: &[u8]) {
    credentials(input);
    let basic = [b"Basic ", STANDARD.encode(input).as_bytes()].concat();
    credentials(&basic);
    let text = text(input);
    addresses(&text);
    if let Some(value) = find_cookie(&text, "nc_session") {
        assert!(!value.contains(';') && text.contains("nc_session"));
    }
    let name = device_name(&text);
    assert!(!name.is_empty() && name.chars().count() <= 80, "{name}");
    assert!(!name.contains(char::is_control), "{name}");
    if let Some(essence) = parse_essence(&text) {
        assert_eq!(parse_essence(&essence).as_ref(), Some(&essence));
    }
}

/// The same credentials, written by the book, are the same credentials.
fn credentials(value: &[u8]) {
    match Credentials::parse(value) {
        Ok(Credentials::Basic { login, password }) => {
            assert!(password.reveal().len() <= MAX_SECRET_BYTES);
            assert!(!login.contains(char::is_control) && !login.contains(':'), "{login}");
            let pair = format!("{login}:{}", password.reveal());
            let written = format!("bAsIc   {}", STANDARD.encode(pair));
            let Ok(again) = Credentials::parse(written.as_bytes()) else {
                // Latin-1 grows on its way to UTF-8.
                assert!(written.len() > 6800, "{login}");
                return;
            };
            let Credentials::Basic { login: other, password: same } = again else { panic!() };
            assert_eq!((login, password.reveal()), (other, same.reveal()));
        }
        Ok(Credentials::Bearer(token)) => {
            let written = format!("Bearer {}", token.reveal());
            assert!(matches!(Credentials::parse(written.as_bytes()), Ok(Credentials::Bearer(same))
                if same.reveal() == token.reveal()));
        }
        Err(_) => {}
    }
}

/// Only a trusted proxy is believed, and a trusted proxy only by its own word.
fn addresses(text: &str) {
    let peer: IpAddr = "10.0.0.1".parse().unwrap();
    let proxies = [Network::parse("10.0.0.0/8").unwrap()];
    let others = [Network::parse("192.0.2.0/24").unwrap()];
    assert_eq!(client_address(peer, Some(text), Some(text), &[]), peer);
    assert_eq!(client_address(peer, Some(text), Some(text), &others), peer);
    let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
    for forwarded in [Some(text), None] {
        let seen = client_address(peer, forwarded, Some(text), &proxies);
        assert_eq!(client_address(mapped, forwarded, Some(text), &proxies), seen);
        // What a liar wrote to the left of what the proxy wrote counts for nothing.
        if let Some(list) = forwarded {
            let behind = format!("{list}, 203.0.113.7");
            let seen = client_address(peer, Some(&behind), None, &proxies);
            assert_eq!(seen.to_string(), "203.0.113.7");
        }
    }
    if let Some(network) = Network::parse(text) {
        assert_eq!(Network::parse(text.trim()), Some(network));
    }
    let _any = nearest_forwarded(text, "host");
}
