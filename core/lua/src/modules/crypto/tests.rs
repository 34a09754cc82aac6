//! Known vectors, and tokens that are signed here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

use crate::modules::testing::Bench;
use crate::secret::Secret;

#[tokio::test]
async fn digests_and_encodings_are_the_known_ones() {
    let bench = Bench::new(&[]);
    bench.set("secret", Secret::new("s", "abc", &bench.site));
    bench
        .check(
            "moon.crypto",
            &[
                ("return crypto.sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
                ("return crypto.sha256(secret)", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                ("return crypto.sha512('abc'):sub(1, 16), #crypto.sha512('abc', 'raw')", "ddaf35a193617aba, 64"),
                ("return crypto.sha1('abc', 'base64'), crypto.sha1('abc', 'base64url')", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=, qZk-NkcGgWq6PiVxeFDCbJzQ2J0"),
                // RFC 4231, case 2.
                ("return crypto.hmac('sha256', 'Jefe', 'what do ya want for nothing?')", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
                ("return crypto.equals('a', 'a'), crypto.equals('a', 'b'), crypto.equals('a', 'ab'), crypto.equals(secret, 'abc')", "true, false, false, true"),
                ("return crypto.hex_encode('\\0\\255'), crypto.hex_decode('00fF') == '\\0\\255', crypto.hex_decode('0')", "00ff, true, nil, the text is no hexadecimal"),
                ("return crypto.base64_encode('a?>'), crypto.base64_decode('YT8+')", "YT8+, a?>, nil"),
                ("return crypto.base64url_encode('a?>'), crypto.base64url_decode('YT8-')", "YT8-, a?>, nil"),
                ("return crypto.base64_decode('YT8')", "nil, the text is no base64"),
                ("return #crypto.random(16), crypto.random(16) == crypto.random(16), #crypto.token()", "16, false, 43"),
                ("return crypto.uuid():match('^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$') ~= nil, #crypto.uuid()", "true, 36"),
                ("crypto.sha1('abc', 'rot13')", "moon.crypto.sha1: parameter 'encoding' must be \"hex\" or \"base64\" or \"base64url\" or \"raw\""),
                ("crypto.hmac('md5', 'a', 'b')", "moon.crypto.hmac: parameter 'digest' must be"),
                ("crypto.random(0)", "parameter 'bytes' must be a whole number from 1 to 1024"),
                ("crypto.token(8)", "from 16 to 1024"),
                ("crypto.base64_encode(secret)", "parameter 'data' must be a string, got a secret"),
            ],
        )
        .await;
}

#[tokio::test]
async fn what_was_encrypted_is_read_with_the_same_key_and_context() {
    Bench::new(&[])
        .check(
            "moon.crypto",
            &[
                ("local k = crypto.random(32) return crypto.decrypt(k, crypto.encrypt(k, 'hello', 'c'), 'c')", "hello, nil"),
                ("local k = crypto.random(32) return crypto.encrypt(k, 'a') == crypto.encrypt(k, 'a'), #crypto.encrypt(k, 'a')", "false, 29"),
                ("local k = crypto.random(32) return crypto.decrypt(k, crypto.encrypt(k, 'a', 'c'), 'd')", "nil, the text was not made with this key and context"),
                ("local s = crypto.encrypt(crypto.random(32), 'a') return (crypto.decrypt(crypto.random(32), s))", "nil"),
                ("return (crypto.decrypt(crypto.random(32), 'short'))", "nil"),
                ("local k = crypto.random(32) local s = crypto.encrypt(k, 'abc') return (crypto.decrypt(k, s:sub(1, -2) .. string.char((s:byte(-1) + 1) % 256)))", "nil"),
                // NIST's test case 14 of GCM: 16 zero bytes under a zero key and nonce.
                ("local z = string.rep('\\0', 32) return crypto.hex_encode((crypto.decrypt(z, crypto.hex_decode('000000000000000000000000cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919'))))", "00000000000000000000000000000000"),
                ("crypto.encrypt('password', 'a')", "moon.crypto.encrypt: parameter 'key' must have 32 bytes"),
            ],
        )
        .await;
}

/// A token with this header and claims, signed by `sign`.
fn token(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

const SECRET: &[u8] = b"sixteen bytes or more";
/// After the tests' clock.
const GOOD: &str = r#"{"sub":"alice","exp":1767323100,"n":[1]}"#;

fn hs256(header: &str, claims: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    token(header, claims, |text| hmac::sign(&key, text).as_ref().to_vec())
}

#[tokio::test]
async fn tokens_are_believed_by_their_claims() {
    let bench = Bench::new(&[]);
    bench.set("secret", Secret::new("s", SECRET, &bench.site));
    let head = r#"{"alg":"HS256"}"#;
    for (header, claims, options, expected) in [
        (head, GOOD, "", "alice, nil"),
        (head, r#"{"sub":"a","exp":1767322985}"#, "", "nil, the token has expired"),
        (head, r#"{"sub":"a","exp":1767322986}"#, "", "a, nil"),
        (head, r#"{"sub":"a","exp":1767323045}"#, ", leeway = 0", "nil, the token has expired"),
        (head, r#"{"sub":"a"}"#, "", "nil, the token has no exp"),
        (head, r#"{"sub":"a"}"#, ", require_exp = false", "a, nil"),
        (
            head,
            r#"{"sub":"a","exp":"1767323100"}"#,
            "",
            "nil, the token has a time that is no number",
        ),
        (head, r#"{"sub":"a","exp":1e12,"nbf":1767323106}"#, "", "nil, the token is not valid yet"),
        (head, r#"{"sub":"a","exp":1e12,"nbf":1767323105}"#, "", "a, nil"),
        (head, r#"{"sub":"a","exp":1e12,"iss":"x"}"#, ", issuer = 'x'", "a, nil"),
        (
            head,
            r#"{"sub":"a","exp":1e12,"iss":"x/"}"#,
            ", issuer = 'x'",
            "nil, the token is from another issuer",
        ),
        (
            head,
            r#"{"sub":"a","exp":1e12}"#,
            ", issuer = 'x'",
            "nil, the token is from another issuer",
        ),
        (head, r#"{"sub":"a","exp":1e12,"aud":["x","y"]}"#, ", audience = { 'z', 'y' }", "a, nil"),
        (
            head,
            r#"{"sub":"a","exp":1e12,"aud":"x"}"#,
            ", audience = 'y'",
            "nil, the token is for another audience",
        ),
        (head, r#"{"sub":"a","exp":1e12,"aud":"x"}"#, "", "nil, the token is for another audience"),
        (
            head,
            r#"{"sub":"a","exp":1e12}"#,
            ", audience = 'y'",
            "nil, the token is for another audience",
        ),
        (head, r#"[1]"#, "", "nil, the token's claims are no object"),
        (
            r#"{"alg":"none"}"#,
            GOOD,
            "",
            "nil, the token's algorithm is not one of those that may be used",
        ),
        (
            r#"{"alg":"hs256"}"#,
            GOOD,
            "",
            "nil, the token's algorithm is not one of those that may be used",
        ),
        (
            r#"{"alg":"RS256"}"#,
            GOOD,
            "",
            "nil, the token's algorithm is not one of those that may be used",
        ),
        (
            r#"{"alg":"HS256","crit":["x"]}"#,
            GOOD,
            "",
            "nil, the token has critical fields that are not understood",
        ),
        (r#"{"alg":"HS256","kid":5}"#, GOOD, "", "nil, the token is no signed JWT"),
    ] {
        bench.set("token", hs256(header, claims));
        let code = format!(
            "local c, e = require('moon.crypto').jwt_verify(token, {{ algorithms = 'HS256', secret = secret{options} }}) return c and c.sub, e"
        );
        assert_eq!(bench.text(&code).await, expected, "{header} {claims} {options}");
    }
    let good = hs256(head, GOOD);
    for (token, expected) in [
        (good[..good.len() - 1].to_owned() + "_", "nil"),
        (
            good.rsplit_once('.').expect("dots").0.to_owned() + ".",
            "nil, no key has signed the token",
        ),
        (good.replacen('.', "", 1), "nil, the token is no signed JWT"),
        ("a.b.c".to_owned(), "nil, the token is no signed JWT"),
        (String::new(), "nil, the token is no signed JWT"),
        (
            token(head, GOOD, |text| {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"another secret here"), text)
                    .as_ref()
                    .to_vec()
            }),
            "nil, no key has signed the token",
        ),
    ] {
        bench.set("token", token.as_str());
        let code = "return require('moon.crypto').jwt_verify(token, { algorithms = 'HS256', secret = secret })";
        let got = bench.text(code).await;
        assert!(got.starts_with(expected), "{token}: {got}");
    }
}

#[tokio::test]
async fn tokens_are_believed_by_the_keys_of_a_set() {
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .expect("a key");
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let ed = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
    let point = ec.public_key().as_ref();
    let [x, y] = [&point[1..33], &point[33..]].map(|it| URL_SAFE_NO_PAD.encode(it));
    let edx = URL_SAFE_NO_PAD.encode(ed.public_key());
    // RFC 7515 §A.2: an RSA key and a token that it has signed.
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let rs = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let bench = Bench::new(&[]);
    bench.set(
        "set",
        format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"ec","x":"{x}","y":"{y}"}},{{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"{edx}"}},{{"kty":"RSA","kid":"rsa","n":"{n}","e":"AQAB"}},{{"kty":"oct","kid":"oct","k":"c2l4dGVlbiBieXRlcyBvciBtb3Jl"}},{{"kty":"new"}}]}}"#
        ),
    );
    let es = |header: &str| {
        token(header, GOOD, |text| ec.sign(&random, text).expect("a signature").as_ref().to_vec())
    };
    let eds = |header: &str| token(header, GOOD, |text| ed.sign(text).as_ref().to_vec());
    let all = "{ 'RS256', 'ES256', 'EdDSA' }";
    let unsigned = "nil, no key has signed the token";
    for (token, options, expected) in [
        (es(r#"{"alg":"ES256","kid":"ec"}"#), all, "alice, nil"),
        (es(r#"{"alg":"ES256"}"#), all, "alice, nil"),
        (es(r#"{"alg":"ES256","kid":"ed"}"#), all, unsigned),
        (es(r#"{"alg":"ES256","kid":"gone"}"#), all, unsigned),
        (es(r#"{"alg":"EdDSA","kid":"ec"}"#), all, unsigned),
        (
            es(r#"{"alg":"ES256"}"#),
            "'EdDSA'",
            "nil, the token's algorithm is not one of those that may be used",
        ),
        (eds(r#"{"alg":"EdDSA","kid":"ed"}"#), all, "alice, nil"),
        (eds(r#"{"alg":"ES256"}"#), all, unsigned),
        // The secrets of a set are public, and its public keys are no secrets.
        (hs256(r#"{"alg":"HS256","kid":"oct"}"#, GOOD), "'HS256'", unsigned),
        (rs.to_owned(), all, "nil, the token has expired"),
        (rs.replace("cC4hiUPo", "cC4hiUPp"), all, unsigned),
    ] {
        bench.set("token", token.as_str());
        let code = format!(
            "local set = require('moon.json').decode(set) local c, e = require('moon.crypto').jwt_verify(token, {{ algorithms = {options}, jwks = set }}) return c and c.sub, e"
        );
        assert_eq!(bench.text(&code).await, expected, "{token} {options}");
    }
    bench.fakes.clock.set(1_300_819_000_000);
    bench.set("token", rs);
    let code = "return require('moon.crypto').jwt_verify(token, { algorithms = 'RS256', jwks = require('moon.json').decode(set) }).iss";
    assert_eq!(bench.text(code).await, "joe");
    bench
        .check(
            "moon.crypto",
            &[
                ("crypto.jwt_verify('a', { algorithms = 'none', secret = 'x' })", "moon.crypto.jwt_verify: parameter 'options.algorithms' has \"none\"; known are RS256, ES256, EdDSA, HS256"),
                ("crypto.jwt_verify('a', { algorithms = 'HS256', secret = 'short' })", "parameter 'options.secret' has less than 16 bytes"),
                ("crypto.jwt_verify('a', { algorithms = 'RS256', jwks = {} })", "parameter 'options.jwks' has no list 'keys'"),
                ("crypto.jwt_verify('a', { algorithms = 'RS256' })", "there is no algorithm, or no key for one"),
                ("crypto.jwt_verify('a', { secret = 'x' })", "parameter 'options.algorithms' must be a string or a list of strings, got nil"),
            ],
        )
        .await;
}
