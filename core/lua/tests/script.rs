//! What a script registers, and what its handlers answer.

use std::sync::Arc;
use std::time::Duration;

use moonsail_lua::script::{Access, Kind, Loaded, OnError, Returned, Source};
use moonsail_lua::{Budget, Data, Fault, Grants, Services, Site, VmLimits};

const BUDGET: Budget = Budget { cpu: Duration::from_millis(50), wall: Duration::from_secs(5) };

async fn load(text: &str) -> Result<Loaded, Fault> {
    let known = ["auth.password", "file.before_upload", "capabilities"];
    let source = Source {
        shown: "scripts/a.lua".into(),
        text: text.as_bytes().to_vec(),
        config: serde_json::json!({"url": "http://x", "deep": {"list": [1]}}).into(),
        secrets: vec![("key".into(), "open sesame".into())],
        site: site(),
        folder: ("/nonexistent".into(), "scripts".into()),
        events: Arc::new(move |event| match known.contains(&event) || event == "file.*" {
            true => Ok(()),
            false => Err(format!("there is no event \"{event}\"")),
        }),
        limits: VmLimits::default(),
    };
    source.load().await
}

fn site() -> Site {
    let (services, _) = Services::for_tests();
    Site::new("a", Grants::default(), services)
}

/// Loads, and gives what the first handler returns.
async fn answer(body: &str) -> Result<Returned, String> {
    let text =
        format!("local moon = require 'moon'\nmoon.on('capabilities', function(ev)\n{body}\nend)");
    let loaded = load(&text).await.map_err(|fault| fault.message)?;
    let function = &loaded.registered.handlers[0].function;
    let values = loaded.vm.call(function, (), BUDGET).await;
    Returned::read(&values.map_err(|fault| fault.message)?)
}

fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

#[tokio::test]
async fn the_top_level_registers() {
    let loaded = load(
        "local moon = require 'moon'
         moon.on('auth.password', function() end)
         moon.on('file.*', { priority = 7, timeout = '1.5s', on_error = 'allow' }, function() end)
         moon.route('POST', '/notes/{id}', { auth = 'admin', ocs = true }, function() end)
         moon.every('5m', function() end)",
    );
    let all = loaded.await.unwrap().registered;
    let [first, second] = &all.handlers[..] else { panic!("{all:?}") };
    assert_eq!((first.event.as_str(), first.priority, first.line), ("auth.password", 0, 2));
    assert_eq!((first.timeout, first.on_error), (None, None));
    assert_eq!((second.event.as_str(), second.priority), ("file.*", 7));
    assert_eq!(second.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(second.on_error, Some(OnError::Allow));
    let route = &all.routes[0];
    assert_eq!((route.method.as_str(), route.pattern.as_str()), ("POST", "/notes/{id}"));
    assert_eq!((route.access, route.ocs, route.max_body), (Access::Admin, true, 1 << 20));
    assert_eq!(all.timers[0].every, Duration::from_secs(300));
}

#[tokio::test]
async fn what_is_registered_wrongly_names_line_and_remedy() {
    for (line, expected) in [
        (
            "moon.on('auth.pasword', print)",
            "scripts/a.lua:2: moon.on: there is no event \"auth.pasword\"",
        ),
        ("moon.on(3, print)", "the event must be a string, got"),
        ("moon.on('file.*')", "moon.on(event, [options,] function): got nil and nil"),
        (
            "moon.on('file.*', {prio = 1}, print)",
            "there is no option 'prio'; there are priority, timeout",
        ),
        ("moon.on('file.*', {priority = 'x'}, print)", "option 'priority' must be a whole number"),
        ("moon.on('file.*', {timeout = '5 parsecs'}, print)", "must be a time such as \"500ms\""),
        (
            "moon.on('file.*', {on_error = 'no'}, print)",
            "must be \"deny\" or \"allow\", got \"no\"",
        ),
        ("moon.on('auth.password', {priority = 1}, print)", "the order of auth.chain"),
        ("moon.every('1ms', print)", "at least \"1s\""),
        ("moon.route('GET', '/x', {auth = 'root'}, print)", "\"none\" or \"user\" or \"admin\""),
        ("moon.secret('nokey')", "there is no secret 'nokey'; add it to [script.secrets]"),
        ("moon.config.url = 1", "readonly"),
        ("moon.config.deep.list[1] = 1", "readonly"),
        ("moon.on = nil", "readonly"),
        ("local x = nil + 1", "scripts/a.lua:2: attempt to perform arithmetic"),
        ("local x = = 1", "scripts/a.lua:2: "),
    ] {
        let fault = load(&format!("local moon = require 'moon'\n{line}")).await.err();
        let message = fault.unwrap_or_else(|| panic!("{line} is refused")).message;
        assert!(message.contains(expected), "{line}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[tokio::test]
async fn answers_are_read() {
    let map = |fields: &[(&str, Data)]| {
        Data::Map(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    for (body, kind, data) in [
        ("", Kind::Next, Data::Null),
        ("return nil", Kind::Next, Data::Null),
        ("return moon.next", Kind::Next, Data::Null),
        ("return moon.ok()", Kind::Ok, Data::Null),
        (
            "return moon.ok { user = 'a', quota = moon.null }",
            Kind::Ok,
            map(&[("quota", Data::Null), ("user", text("a"))]),
        ),
        (
            "return moon.deny 'no'",
            Kind::Deny,
            map(&[("message", text("no")), ("status", Data::Null)]),
        ),
        (
            "return moon.deny('no', 422)",
            Kind::Deny,
            map(&[("message", text("no")), ("status", Data::Int(422))]),
        ),
        ("return moon.tempfail('later')", Kind::Tempfail, map(&[("message", text("later"))])),
        ("return moon.disabled", Kind::Disabled, Data::Null),
        ("return moon.replace { path = 'b' }", Kind::Replace, map(&[("path", text("b"))])),
        ("return moon.block(2)", Kind::Replace, map(&[("block_secs", Data::Int(120))])),
        (
            "return moon.redirect('/x')",
            Kind::Respond,
            map(&[("headers", map(&[("location", text("/x"))])), ("status", Data::Int(302))]),
        ),
        ("moon.sleep('1ms') return moon.expired", Kind::Expired, Data::Null),
    ] {
        match answer(body).await {
            Ok(Returned::Answer(answer)) => {
                assert_eq!((answer.kind, answer.data), (kind, data), "{body}")
            }
            other => panic!("{body}: {other:?}"),
        }
    }
    assert_eq!(answer("return true").await, Ok(Returned::Values(vec![Data::Bool(true)])));
    assert_eq!(
        answer("return {a = 1}, 5").await.unwrap(),
        Returned::Values(vec![map(&[("a", Data::Int(1))]), Data::Int(5)])
    );
}

#[tokio::test]
async fn what_comes_too_late_or_is_no_answer_is_refused() {
    for (body, expected) in [
        ("moon.on('capabilities', print)", "only counts at the top level"),
        ("return moon.deny(5)", "the message must be a string, got number"),
        ("return moon.ok 'x'", "takes a table with fields, got string"),
        ("return moon.ok { groups = print }", "a function in field 'groups'"),
        ("return print", "a function"),
        ("while true do end", "processor time"),
    ] {
        let error = answer(body).await.unwrap_err();
        assert!(error.contains(expected), "{body}: {error}");
    }
}

#[tokio::test]
async fn secrets_and_configuration_are_there() {
    let body = "return moon.ok { url = moon.config.url, one = moon.config.deep.list[1],
                                 key = moon.secret('key'):reveal(), script = moon.script }";
    let Ok(Returned::Answer(answer)) = answer(body).await else { panic!() };
    assert_eq!(answer.data.get("url"), Some(&text("http://x")));
    assert_eq!(answer.data.get("one"), Some(&Data::Int(1)));
    assert_eq!(answer.data.get("script"), Some(&text("a")));
}

#[tokio::test]
async fn moon_has_exactly_what_is_documented() {
    let list = "local names = {}
        for name in pairs(require 'moon') do table.insert(names, name) end
        table.sort(names)
        error(table.concat(names, ' '), 0)";
    let message = load(list).await.map(drop).unwrap_err().message;
    let mut documented: Vec<&str> =
        moonsail_lua::script::doc::MOON.iter().map(|item| item.name).collect();
    documented.sort_unstable();
    assert!(message.ends_with(&documented.join(" ")), "{message}\n{documented:?}");
}
