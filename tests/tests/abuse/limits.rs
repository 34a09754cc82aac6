//! How much one user may take (threats §0.2, §1, §6).

use anyhow::{Result, ensure};

use crate::house::{FILES, House};

fn patch(properties: &str) -> String {
    format!(
        r#"<d:propertyupdate xmlns:d="DAV:" xmlns:x="urn:x"><d:set><d:prop>{properties}</d:prop></d:set></d:propertyupdate>"#
    )
}

#[test]
fn properties_are_bounded_in_size_and_number_and_live_ones_are_the_servers() -> Result<()> {
    let house = House::start()?;
    let target = format!("{FILES}a.txt");
    ensure!(house.ask("PUT", &target, &[], b"hello")?.status == 201);
    let ask = |properties: &str| -> Result<String> {
        let answer = house.ask("PROPPATCH", &target, &[], patch(properties).as_bytes())?;
        ensure!(answer.status == 207, "{}", answer.status);
        Ok(answer.text())
    };
    for name in ["getetag", "getcontentlength", "resourcetype", "lockdiscovery", "quota-used-bytes"]
    {
        let said = ask(&format!("<d:{name}>x</d:{name}>"))?;
        ensure!(said.contains("403 Forbidden"), "{name}: {said}");
    }
    let fits = "x".repeat(64 * 1024);
    let said = ask(&format!("<x:a>{fits}</x:a>"))?;
    ensure!(said.contains("200 OK"), "64 KiB: {said:.300}");
    let said = ask(&format!("<x:a>{fits}y</x:a>"))?;
    ensure!(said.contains("507 "), "more than 64 KiB: {said:.300}");
    let many: String = (0..99).map(|n| format!("<x:p{n}>v</x:p{n}>")).collect();
    ensure!(ask(&many)?.contains("200 OK"), "99 more");
    ensure!(ask("<x:more>v</x:more>")?.contains("507 "), "the 101st");
    ensure!(ask("<x:p1>other</x:p1>")?.contains("200 OK"), "changing one of them");
    house.finish()
}

#[test]
fn listings_go_one_level_down() -> Result<()> {
    let house = House::start()?;
    for fields in [&[("Depth", "infinity")][..], &[("Depth", "Infinity")]] {
        let answer = house.ask("PROPFIND", FILES, fields, b"")?;
        ensure!(answer.status == 403, "{fields:?}: {}", answer.status);
        ensure!(answer.text().contains("<d:propfind-finite-depth/>"), "{}", answer.text());
    }
    for depth in ["2", "-1", "1,noroot", "99999999999999999999", "infinity "] {
        let answer = house.ask("PROPFIND", FILES, &[("Depth", depth)], b"")?;
        ensure!((400..404).contains(&answer.status), "{depth:?}: {}", answer.status);
    }
    house.finish()
}
