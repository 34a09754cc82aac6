//! `moon.ratelimit`: not too often.

use mlua::{Lua, Result, Table};

use super::args::{Args, Given};
use super::build::Builder;
use super::{ItemDoc, Module};
use crate::site::Site;

/// See [`Module`].
pub(super) const MODULE: Module = Module {
    name: "moon.ratelimit",
    doc: "Limits how often something is done. Each key has a bucket that holds `limit` and is filled evenly \
          within `per`. All VMs share them; they are forgotten at a restart.",
    items: &[ItemDoc {
        name: "take",
        signature: "(key: string, options: { limit: number, per: string | number, cost: number? }) -> (boolean, number)",
        doc: "Takes `cost` (1) of the bucket. Gives true and 0, or, if there is not enough in it, false and \
              the seconds after which there will be; nothing is taken then.",
        grant: "",
    }],
    open,
};

fn open(lua: &Lua, site: &Site) -> Result<Table> {
    Ok(Builder::new(lua, site, MODULE.name)?
        .function("take", |_, site, args| take(site, args))?
        .table())
}

fn take(site: &Site, mut args: Args) -> Result<(bool, f64)> {
    let given = args.take("key");
    let key = given.text()?;
    if key.len() > 512 {
        return Err(given.bad("has more than 512 bytes"));
    }
    let options = args.take("options").options(&["limit", "per", "cost"])?;
    let positive = |given: &Given| match given.number()? {
        number if number > 0.0 => Ok(number),
        _ => Err(given.bad("must be more than 0")),
    };
    let limit = positive(&options.take("limit")?)?;
    let per = options.take("per")?;
    let span = per.duration()?;
    if span.is_zero() {
        return Err(per.bad("must be more than 0"));
    }
    let cost = options.maybe("cost", positive)?.unwrap_or(1.0);
    match site.services.limits.take(&site.script, &key, limit, span, cost) {
        Ok(()) => Ok((true, 0.0)),
        Err(wait) => Ok((false, wait.as_secs_f64())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::modules::testing::Bench;

    #[tokio::test]
    async fn what_is_too_often_has_to_wait() {
        let bench = Bench::new(&[]);
        bench
            .check(
                "moon.ratelimit",
                &[
                    ("local n = 0 for i = 1, 5 do if ratelimit.take('a', { limit = 3, per = '1m' }) then n += 1 end end return n", "3"),
                    ("return ratelimit.take('a', { limit = 3, per = '1m' })", "false, 20"),
                    ("return ratelimit.take('b', { limit = 3, per = 60, cost = 3 })", "true, 0"),
                    ("ratelimit.take(1, {})", "parameter 'key' must be a string, got number"),
                    ("ratelimit.take('a')", "parameter 'options.limit' must be a number, got nil"),
                    ("ratelimit.take('a', { limit = 0, per = 1 })", "parameter 'options.limit' must be more than 0"),
                    ("ratelimit.take('a', { limit = 1, per = 0 })", "parameter 'options.per' must be more than 0"),
                    ("ratelimit.take('a', { limit = 1, pre = 1 })", "perhaps 'per' is meant"),
                ],
            )
            .await;
        bench.fakes.clock.advance(Duration::from_secs(20));
        let again = "return (require('moon.ratelimit').take('a', { limit = 3, per = '1m' }))";
        assert_eq!(bench.text(again).await, "true");
        assert_eq!(bench.text(again).await, "false");
    }
}
