//! Ways out of the sandbox, all refused.

use std::collections::BTreeSet;

use mlua::{MultiValue, Value};
use moonsail_lua::{Fault, Library, Vm, VmLimits, mlua};

/// A folder of scripts beside a secret.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sandbox-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("scripts/lib/util")).expect("folders");
        let folder = Self(path);
        folder.write("secret.lua", b"return 'secret'");
        folder
    }

    fn write(&self, name: &str, text: &[u8]) {
        std::fs::write(self.0.join(name), text).expect("written");
    }

    fn library(&self) -> Library {
        Library::new(self.0.join("scripts"), "scripts")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn run(vm: &Vm, library: &Library, source: &str) -> Result<MultiValue, Fault> {
    let environment = vm.environment()?;
    let modules = vm.lua().create_table().expect("a table");
    modules.set("moon.kv", "the key-value store").expect("set");
    vm.set_require(&environment, &modules, library)?;
    vm.run("scripts/a.lua", source.as_bytes(), &environment).await
}

/// Each returns what is falsy if nothing was reached, or raises.
const ESCAPES: &[(&str, &str)] = &[
    ("io", "return io"),
    ("debug", "return debug"),
    ("package", "return package"),
    ("load", "return load"),
    ("loadstring", "return loadstring"),
    ("loadfile", "return loadfile"),
    ("dofile", "return dofile"),
    ("getfenv", "return getfenv"),
    ("setfenv", "return setfenv"),
    ("newproxy", "return newproxy"),
    ("os.execute", "return os.execute"),
    ("os.getenv", "return os.getenv"),
    ("os.exit", "return os.exit"),
    ("os.remove", "return os.remove"),
    ("os.tmpname", "return os.tmpname"),
    ("string.dump", "return string.dump"),
    ("ffi", "return require('ffi')"),
    ("the base through _G", "return _G._G ~= _G"),
    ("the base's own print", "return rawget(_G, 'string')"),
    ("writing a library", "string.rep = nil return true"),
    ("writing a library raw", "rawset(string, 'rep', nil) return true"),
    ("writing the table library", "table.insert = print return true"),
    ("writing os", "os.time = nil return true"),
    ("clearing a library", "table.clear(math) return true"),
    ("inserting into a library", "table.insert(math, 1) return true"),
    ("moving into a library", "table.move({1}, 1, 1, 1, math) return true"),
    ("sorting a library", "for k in pairs(math) do math[k] = nil end return true"),
    ("a library's metatable", "setmetatable(string, {}) return true"),
    ("the string metatable", "getmetatable('').__index = nil return true"),
    ("what the string metatable is", "return type(getmetatable('')) == 'table'"),
    ("setting the string metatable", "setmetatable('', {}) return true"),
    ("the environment's metatable", "return type(getmetatable(_G)) == 'table'"),
    ("setting the environment's metatable", "setmetatable(_G, nil) return true"),
    ("collecting", "collectgarbage('collect') return true"),
    ("stopping the collector", "collectgarbage('stop') return true"),
    ("stepping the collector", "collectgarbage() return true"),
    ("require up", "return require('../secret')"),
    ("require up with dots", "return require('...secret')"),
    ("require up by parts", "return require('..secret')"),
    ("require absolute", "return require('/etc/passwd')"),
    ("require a device", "return require('/dev/zero')"),
    ("require a link out", "return require('link')"),
    ("require a linked folder", "return require('linked.secret')"),
    ("require a linked device", "return require('zero')"),
    ("require a folder", "return require('util')"),
    ("require a fifo", "return require('fifo')"),
    ("require bytecode", "return require('bytecode')"),
    ("require a huge file", "return require('huge')"),
    ("require nothing", "return require('')"),
    ("require NUL", "return require('a\\0b')"),
    ("require a slash", "return require('lib/util')"),
    ("require a backslash", "return require('lib\\\\util')"),
    ("require a module of ours that is not", "return require('moon.exec')"),
    ("require a number", "return require(1)"),
    ("require what is no text", "return require({})"),
    (
        "the error object's insides",
        "local _, e = pcall(require, 'moon.no') return e.cause or e.x or e()",
    ),
    (
        "the error object's metatable",
        "local _, e = pcall(require, 'moon.no') return type(getmetatable(e)) == 'table'",
    ),
    (
        "an error object's destructor",
        "local _, e = pcall(require, 'moon.no') getmetatable(e).__gc(e) return true",
    ),
    ("a userdata's metatable", "return type(getmetatable(thing)) == 'table'"),
    ("a userdata's destructor", "thing.__gc(thing) return true"),
    (
        "a destructor of its own",
        "local seen setmetatable({}, { __gc = function() seen = true end }) for i = 1, 1e5 do local _ = {} end return seen",
    ),
    ("a function's environment", "return pcall(getfenv or error, print)"),
    (
        "a library by a coroutine",
        "return coroutine.wrap(function() string.x = 1 return true end)()",
    ),
];

#[tokio::test]
async fn every_way_out_is_refused() {
    let folder = Folder::new("escapes");
    let scripts = folder.0.join("scripts");
    std::os::unix::fs::symlink("../secret.lua", scripts.join("link.lua")).expect("a link");
    std::os::unix::fs::symlink("..", scripts.join("linked")).expect("a link");
    std::os::unix::fs::symlink("/dev/zero", scripts.join("zero.lua")).expect("a link");
    std::fs::create_dir(scripts.join("util.lua")).expect("a folder");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scripts.join("fifo.lua"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a fifo");
    folder.write("scripts/bytecode.lua", b"\x06\x03\x01return 1");
    folder.write("scripts/huge.lua", &vec![b' '; 1 << 20]);
    assert!(ESCAPES.len() >= 40);
    let mut failures = Vec::new();
    for (name, source) in ESCAPES {
        let vm = Vm::new(VmLimits::default()).expect("a VM");
        let thing = vm.lua().create_any_userdata(1_u8).expect("a userdata");
        let environment = vm.environment().expect("an environment");
        let modules = vm.lua().create_table().expect("a table");
        vm.set_require(&environment, &modules, &folder.library()).expect("require");
        environment.raw_set("thing", thing).expect("set");
        match vm.run("scripts/a.lua", source.as_bytes(), &environment).await {
            Err(fault) => assert!(!vm.is_spoilt(), "{name}: {fault:?}"),
            Ok(values)
                if !values
                    .front()
                    .is_some_and(|it| !matches!(it, Value::Nil | Value::Boolean(false))) => {}
            Ok(values) => failures.push(format!("{name}: {values:?}")),
        }
        let after =
            run(&vm, &folder.library(), "return ('x'):rep(3)").await.expect("it works as before");
        assert_eq!(
            after.front().and_then(|it| it.to_string().ok()).as_deref(),
            Some("xxx"),
            "{name}"
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A new version of the interpreter may bring new globals; somebody has to look at each.
#[tokio::test]
async fn the_globals_are_known() {
    let vm = Vm::new(VmLimits::default()).expect("a VM");
    let environment = vm.environment().expect("an environment");
    let metatable = environment.metatable().expect("a metatable");
    let base: mlua::Table = metatable.raw_get("__index").expect("the base");
    let names = |table: mlua::Table| -> BTreeSet<String> {
        table.pairs::<String, Value>().map(|pair| pair.expect("a pair").0).collect()
    };
    let known = "_VERSION assert bit32 buffer collectgarbage coroutine error getmetatable integer ipairs \
        math next os pairs pcall rawequal rawget rawlen rawset select setmetatable string table tonumber \
        tostring type typeof unpack utf8 vector xpcall";
    let known: BTreeSet<String> = known.split_whitespace().map(str::to_owned).collect();
    assert_eq!(names(base.clone()), known);
    let os = names(base.raw_get("os").expect("os"));
    assert_eq!(os.into_iter().collect::<Vec<_>>(), ["clock", "date", "difftime", "time"]);
    assert_eq!(names(environment).into_iter().collect::<Vec<_>>(), ["_G", "print"]);
    assert!(base.is_readonly());
}

#[tokio::test]
async fn require_finds_what_belongs_to_the_scripts() {
    let folder = Folder::new("require");
    folder.write(
        "scripts/beside.lua",
        b"local M = { count = 0 } function M.up() M.count += 1 return M.count end return M",
    );
    folder.write(
        "scripts/lib/util/ldap.lua",
        b"return { kv = require 'moon.kv', beside = require 'beside' }",
    );
    folder.write("scripts/silent.lua", b"mine = 1");
    folder.write("scripts/one.lua", b"return require 'two'");
    folder.write("scripts/two.lua", b"return require 'one'");
    folder.write("scripts/broken.lua", b"local x = = 1");
    folder.write("scripts/raises.lua", b"\n\nerror('early')");
    let (vm, library) = (Vm::new(VmLimits::default()).expect("a VM"), folder.library());
    for (source, expected) in [
        ("return require('util.ldap').kv", "the key-value store"),
        ("require('beside').up() return require('beside').up()", "2"),
        ("return require('beside').up()", "1"),
        ("return require('util.ldap').beside == require('beside')", "true"),
        ("require('silent') return mine == nil", "true"),
    ] {
        let values =
            run(&vm, &library, source).await.unwrap_or_else(|fault| panic!("{source}: {fault}"));
        let first = values.front().map(|it| it.to_string().expect("a text"));
        assert_eq!(first.as_deref(), Some(expected), "{source}");
    }
    for (source, expected) in [
        ("require 'one'", "require \"one\": it requires itself: one -> two -> one"),
        ("require 'broken'", "scripts/broken.lua:1: "),
        ("require 'raises'", "scripts/raises.lua:3: early"),
        ("require 'absent'", "there is neither scripts/absent.lua nor scripts/lib/absent.lua"),
    ] {
        let fault = run(&vm, &library, source).await.expect_err(source);
        assert!(fault.message.contains(expected), "{source}: {fault:?}");
        assert!(
            !fault.message.contains(folder.0.to_str().unwrap()),
            "no path of the server: {fault:?}"
        );
    }
    let loaded: Vec<String> = library
        .loaded()
        .iter()
        .map(|it| it.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    for file in ["beside.lua", "ldap.lua", "broken.lua"] {
        assert!(loaded.iter().any(|it| it == file), "{file} in {loaded:?}");
    }
    library.seal();
    let fault = run(&vm, &library, "require 'silent'").await.expect_err("sealed");
    assert!(fault.message.contains("files are loaded when scripts are"), "{fault:?}");
    run(&vm, &library, "return require 'moon.kv'").await.expect("modules are there all the same");
}
