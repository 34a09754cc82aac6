//! Every event that a script may listen to comes of a real request, with the fields that are promised.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use moonsail::ext::lua::{AFTER_EVENTS, AUTH_EVENTS, SERVER_EVENTS};
use moonsail::hooks::{COMMON, EVENTS, Kind, Mode};

use crate::world::{ALICE, API, FILES, WHOAMI, World, lua, one_vm, section};

/// What nothing in the server asks for yet, beside that plugins and scripts could answer it. One that
/// comes makes the test fail that has it here.
const UNASKED: [&str; 3] = ["auth.token", "auth.search", "auth.set_password"];

/// Whoever is told of a change is told this of it.
const AFTER: [(&str, &str); 8] = [
    ("time", "number"),
    ("seq", "number"),
    ("user", "string?"),
    ("origin", "string"),
    ("owner", "string"),
    ("path", "string"),
    ("node.id", "number"),
    ("node.folder", "boolean"),
];

/// What an event's argument has: a field and its type in Luau, `?` if it may be missing.
type Promised = Vec<(String, String)>;

/// Each event with what its argument promises.
fn promised() -> BTreeMap<&'static str, Promised> {
    let owned = |(name, of): &(&str, &str)| ((*name).to_owned(), (*of).to_owned());
    let mut all = BTreeMap::new();
    for spec in EVENTS {
        let fields = COMMON.iter().chain(spec.fields).filter(|field| field.mode != Mode::Answer);
        let of = |kind| match kind {
            Kind::Text => "string",
            Kind::TextOrNull => "string?",
            Kind::Int => "number",
            Kind::IntOrNull => "number?",
            Kind::Bool => "boolean",
            Kind::List => "table",
        };
        let promised = fields.map(|field| match field.name.strip_suffix(".*") {
            Some(table) => owned(&(table, "table")),
            None => owned(&(field.name, of(field.kind))),
        });
        let more = [("event", "string"), ("id", "string"), ("time", "number")];
        all.insert(spec.name, promised.chain(more.iter().map(owned)).collect::<Promised>());
    }
    let content = [("read", "function"), ("sha256", "function")];
    all.get_mut("file.before_commit").unwrap().extend(content.iter().map(owned));
    for event in AUTH_EVENTS.iter().chain(SERVER_EVENTS) {
        let fields = event.fields.iter().map(|(name, of, _)| owned(&(*name, *of)));
        all.insert(event.name, fields.collect());
    }
    for (name, _) in AFTER_EVENTS {
        all.insert(*name, AFTER.iter().map(owned).collect());
    }
    all
}

/// A script that prints the types of what it is given, and lets bob in.
fn script() -> String {
    let mut text = "local function tell(ev, fields)
        local said = {}
        for _, field in fields do
            local value = ev
            for part in string.gmatch(field, '[^.]+') do
                if value ~= nil then value = value[part] end
            end
            table.insert(said, field .. ':' .. typeof(value))
        end
        print('heard ' .. ev.event .. ' ' .. table.concat(said, ',') .. ';')
    end\n"
        .to_owned();
    for (name, fields) in promised() {
        let fields: Vec<String> = fields.iter().map(|(name, _)| format!("{name:?}")).collect();
        let then = match name {
            "auth.password" => {
                "if ev.user == 'bob' then return moon.ok { display_name = 'Bob' } end"
            }
            "auth.lookup" => "return moon.ok { user = ev.subject, display_name = 'Bob' }",
            "server.unload" => "return { kept = true }",
            _ => "",
        };
        let fields = fields.join(", ");
        writeln!(text, "moon.on({name:?}, function(ev) tell(ev, {{{fields}}}) {then} end)")
            .unwrap();
    }
    text
}

/// What the log has of an event: its fields with their types.
fn heard(said: &str) -> BTreeMap<String, Vec<BTreeMap<String, String>>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for line in said.lines().filter_map(|line| line.split_once("heard ")) {
        let Some((line, _)) = line.1.split_once(';') else { continue };
        let (event, fields) = line.split_once(' ').unwrap();
        let fields = fields.split(',').filter_map(|field| field.split_once(':'));
        let fields = fields.map(|(name, of)| (name.to_owned(), of.to_owned())).collect();
        all.entry(event.to_owned()).or_default().push(fields);
    }
    all
}

#[test]
fn every_event_comes_of_a_real_request_with_the_fields_it_promises() {
    let chain = "[auth]\nchain = [\"lua:all\", \"builtin:users\"]\n";
    let config = format!("{chain}{}", one_vm(&section("all", "")));
    let world = World::new(&config, &[("all.lua", &script())]);
    let to = ("Destination", "/remote.php/dav/files/alice/b.txt");
    let uploads = "/remote.php/dav/uploads/alice";
    let proppatch = "<d:propertyupdate xmlns:d='DAV:' xmlns:x='urn:x'><d:remove><d:prop><x:y/>\
                     </d:prop></d:remove></d:propertyupdate>";
    for (who, line, fields, body, status) in [
        ("bob:anything", WHOAMI.to_owned(), vec![API], "", 200),
        ("alice:wrong", format!("PROPFIND {FILES}"), vec![], "", 401),
        (ALICE, "GET /ocs/v2.php/core/getapppassword".to_owned(), vec![API], "", 200),
        (ALICE, "GET /ocs/v2.php/cloud/capabilities".to_owned(), vec![API], "", 200),
        (ALICE, format!("PUT {FILES}/a.txt"), vec![("X-OC-Mtime", "1700000000")], "a", 201),
        (ALICE, format!("GET {FILES}/a.txt"), vec![], "", 200),
        (ALICE, format!("COPY {FILES}/a.txt"), vec![to], "", 201),
        (ALICE, format!("PROPPATCH {FILES}/a.txt"), vec![], proppatch, 207),
        (ALICE, format!("MOVE {FILES}/a.txt"), vec![to], "", 204),
        (ALICE, format!("MKCOL {FILES}/f"), vec![], "", 201),
        (ALICE, format!("MKCOL {uploads}/t"), vec![to], "", 201),
        (ALICE, format!("PUT {uploads}/t/1"), vec![], "b", 201),
        (ALICE, format!("MOVE {uploads}/t/.file"), vec![to], "", 204),
        (ALICE, format!("DELETE {FILES}/f"), vec![], "", 204),
        (ALICE, format!("PUT {FILES}/c.txt"), vec![], "c", 201),
    ] {
        let answer = world.ask(who, &line, &fields, body);
        assert_eq!(answer.status, status, "{line}: {answer:?}\n{}", world.bed.said());
    }
    // What somebody else does on the disk.
    fs::write(world.bed.data("files/alice/c.txt"), "written by somebody else").unwrap();
    world.bed.run("scan").ok();
    // Loaded anew it hears of its end and of its beginning.
    fs::write(world.bed.path("scripts/all.lua"), lua(&format!("{}-- edited", script()))).unwrap();
    world.wait("heard server.load", 2);
    for event in ["file.changed", "file.deleted", "user.first_login", "auth.lookup"] {
        world.wait(&format!("heard {event} "), 1);
    }
    let heard = heard(&world.bed.said());
    let promised = promised();
    let came: BTreeSet<&str> = heard.keys().map(String::as_str).collect();
    let should: BTreeSet<&str> =
        promised.keys().copied().filter(|name| !UNASKED.contains(name)).collect();
    assert_eq!(came, should);
    for (event, calls) in &heard {
        for (field, of) in &promised[event.as_str()] {
            let of = of.as_str();
            for call in calls {
                let got = call[field].as_str();
                let fits = of == "any"
                    || got == of.trim_end_matches('?')
                    || (of.ends_with('?') && got == "nil");
                assert!(fits, "{event}: {field} is {got} and not {of}");
            }
        }
    }
}
