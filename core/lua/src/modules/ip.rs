//! `moon.ip`: addresses and networks.

use std::net::IpAddr;

use mlua::{Lua, Result, Table};

use super::args::{Args, Given};
use super::build::{Builder, failed};
use super::{ItemDoc, Module};
use crate::net::{self, Network};
use crate::site::Site;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.ip",
    doc: "Internet addresses. An IPv4 address in IPv6's clothes (`::ffff:192.0.2.1`) is the IPv4 address.",
    items: &[
        ItemDoc {
            name: "parse",
            signature: "(address: string) -> ({ address: string, family: number, private: boolean }?, string?)",
            doc: "The address in its usual spelling, its family (4 or 6), and whether it is outside of the public \
                  Internet: private, loopback, link-local, multicast or reserved. nil and why if it is none.",
            grant: "",
        },
        ItemDoc {
            name: "matches",
            signature: "(address: string, networks: string | { string }) -> boolean",
            doc: "Whether an address is in a network, or in one of several: `10.0.0.0/8`, `2001:db8::/32`, or a \
                  single address. What is neither address nor network is an error, so a slip in a rule is \
                  never taken for \"no\".",
            grant: "",
        },
        ItemDoc {
            name: "network",
            signature: "(address: string, bits4: number, bits6: number) -> string",
            doc: "The network of an address with that many bits of prefix, by family: a key for rate limits.",
            grant: "",
        },
    ],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("parse", |lua, _, args| parse(lua, args))?
        .function("matches", |_, _, args| matches(args))?
        .function("network", |_, _, args| network(args))?
        .table())
}

fn parse(lua: &Lua, mut args: Args) -> Result<(Option<Table>, Option<String>)> {
    let text = args.take("address").text()?;
    let Some(address) = net::parse(&text) else {
        return failed(lua, format!("{text:?} is no address"));
    };
    let table = lua.create_table()?;
    table.raw_set("address", address.to_string())?;
    table.raw_set("family", if address.is_ipv4() { 4 } else { 6 })?;
    table.raw_set("private", !net::is_public(address))?;
    Ok((Some(table), None))
}

fn address(given: &Given) -> Result<IpAddr> {
    let text = given.text()?;
    net::parse(&text).ok_or_else(|| given.bad(format!("is {text:?}, which is no address")))
}

fn matches(mut args: Args) -> Result<bool> {
    let address = address(&args.take("address"))?;
    let given = args.take("networks");
    let mut found = false;
    // All are read, also behind the one that fits: mistakes show at once.
    for text in given.texts()? {
        let network = Network::parse(&text)
            .ok_or_else(|| given.bad(format!("has {text:?}, which is no network (10.0.0.0/8)")))?;
        found |= network.contains(address);
    }
    Ok(found)
}

fn network(mut args: Args) -> Result<String> {
    let address = address(&args.take("address"))?;
    let (bits4, bits6) = (args.take("bits4").integer(0, 32)?, args.take("bits6").integer(0, 128)?);
    let bits = if address.is_ipv4() { bits4 } else { bits6 };
    Ok(Network::of(address, u32::try_from(bits).unwrap_or(0)).to_string())
}

#[cfg(test)]
mod tests {
    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn addresses_are_in_networks() {
        Bench::new(&[])
            .check(
                "moon.ip",
                &[
                    ("local a = ip.parse('::ffff:10.1.2.3') return a.address, a.family, a.private", "10.1.2.3, 4, true"),
                    ("local a = ip.parse('2001:DB8:0::1') return a.address, a.family", "2001:db8::1, 6"),
                    ("return ip.parse('8.8.8.8').private", "false"),
                    ("return ip.parse('010.0.0.1')", "nil, \"010.0.0.1\" is no address"),
                    ("return ip.matches('10.1.2.3', '10.0.0.0/8'), ip.matches('11.1.2.3', '10.0.0.0/8')", "true, false"),
                    ("return ip.matches('::ffff:10.1.2.3', { 'fe80::/10', '10.1.2.3' })", "true"),
                    ("return ip.matches('10.1.2.3', '0.0.0.0/0'), ip.matches('10.1.2.3', '::/0')", "true, false"),
                    ("return ip.matches('10.1.2.3', {})", "false"),
                    ("ip.matches('10.1.2.3', '10.0.0.0/33')", "moon.ip.matches: parameter 'networks' has \"10.0.0.0/33\""),
                    ("ip.matches('10.1.2.3', { '10.0.0.0/8', 'x' })", "has \"x\", which is no network"),
                    ("ip.matches('10.1.2.3', { '10.0.0.0/8', 5 })", "parameter 'networks[2]' must be a string, got number"),
                    ("ip.matches('x', '10.0.0.0/8')", "parameter 'address' is \"x\", which is no address"),
                    ("return ip.network('10.1.2.3', 24, 56), ip.network('2001:db8:1:234::1', 24, 56)", "10.1.2.0/24, 2001:db8:1:200::/56"),
                    ("ip.network('10.1.2.3', 33, 56)", "parameter 'bits4' must be a whole number from 0 to 32"),
                ],
            )
            .await;
    }
}
