//! `require`: modules of ours by name, and other files of the scripts' folder.
//!
//! Files are read at load time only: a request never waits for the disk, and what runs is what was checked
//! when the set of scripts was loaded. Each script gets its own instance of a file, because a file may
//! require `moon.kv` in turn and must get that script's, with that script's grants. What scripts share,
//! they share through `moon.kv`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mlua::{Function, Lua, Table, Value};

use super::{MAX_SOURCE, Vm, caught, compile, sandbox};
use crate::error::Fault;

/// How many names deep: `a.b.c`.
const MAX_PARTS: usize = 8;

/// The folder that scripts of one set require from. Clones are one.
#[derive(Debug, Clone)]
pub struct Library(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    /// What the folder is called in messages.
    shown: String,
    sealed: AtomicBool,
    loaded: Mutex<BTreeSet<PathBuf>>,
}

impl Library {
    /// Files are looked for in `root`, then in `root/lib`. Messages call the folder `shown` (`scripts`).
    pub fn new(root: impl Into<PathBuf>, shown: impl Into<String>) -> Self {
        let (root, shown) = (root.into(), shown.into());
        Self(Arc::new(Shared {
            root,
            shown,
            sealed: AtomicBool::default(),
            loaded: Mutex::default(),
        }))
    }

    /// From now on no further file is loaded. To be called when all scripts of the set have been run.
    pub fn seal(&self) {
        self.0.sealed.store(true, Ordering::SeqCst);
    }

    /// The files that were required so far, for whoever watches them.
    pub fn loaded(&self) -> Vec<PathBuf> {
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The file of a module: its path and what messages call it.
    fn find(&self, name: &str) -> Result<(PathBuf, String), String> {
        let parts: Vec<&str> = name.split('.').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        if parts.len() > MAX_PARTS || name.len() > 200 || !parts.iter().all(plain) {
            return Err(
                "a module's name is words with dots between them, as in \"util.ldap\"".into()
            );
        }
        let root =
            fs::canonicalize(&self.0.root).map_err(|error| format!("{}: {error}", self.0.shown))?;
        let file = format!("{}.lua", parts.join("/"));
        for relative in [file.clone(), format!("lib/{file}")] {
            let Ok(path) = fs::canonicalize(root.join(&relative)) else { continue };
            let shown = format!("{}/{relative}", self.0.shown);
            if !path.starts_with(&root) {
                return Err(format!("{shown} leads out of the scripts' folder"));
            }
            if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                return Err(format!("{shown} is not a file"));
            }
            return Ok((path, shown));
        }
        Err(format!("there is neither {0}/{file} nor {0}/lib/{file}", self.0.shown))
    }
}

impl Vm {
    /// Gives a script its `require`. `modules` has what is found under its whole name (`moon`, `moon.kv`)
    /// before any file is; the table is the script's alone.
    ///
    /// # Errors
    /// [`Fault`] if there is no memory for it.
    pub fn set_require(
        &self,
        environment: &Table,
        modules: &Table,
        library: &Library,
    ) -> Result<(), Fault> {
        caught(|| {
            let resolver = Resolver {
                base: self.base.clone(),
                modules: modules.clone(),
                library: library.clone(),
                instances: self.lua.create_table()?,
                open: Arc::default(),
            };
            environment.raw_set("require", resolver.function(&self.lua)?)
        })
    }
}

/// One script's `require`.
#[derive(Clone)]
struct Resolver {
    base: sandbox::Base,
    modules: Table,
    library: Library,
    /// What was required already, by name.
    instances: Table,
    /// Names that are being loaded, outermost first.
    open: Arc<Mutex<Vec<String>>>,
}

impl Resolver {
    fn function(self, lua: &Lua) -> mlua::Result<Function> {
        lua.create_function(move |lua, name: Value| {
            let Value::String(name) = name else {
                return Err(mlua::Error::runtime("require takes the name of a module"));
            };
            let name = name.to_string_lossy();
            self.resolve(lua, &name)
        })
    }

    fn resolve(&self, lua: &Lua, name: &str) -> mlua::Result<Value> {
        let known: Value = self.modules.raw_get(name)?;
        if !known.is_nil() {
            return Ok(known);
        }
        let known: Value = self.instances.raw_get(name)?;
        if !known.is_nil() {
            return Ok(known);
        }
        let refused = |why: &str| {
            mlua::Error::runtime(format!("require \"{}\": {why}", name.escape_default()))
        };
        if name == "moon" || name.starts_with("moon.") {
            return Err(refused("there is no such module"));
        }
        if self.library.0.sealed.load(Ordering::SeqCst) {
            return Err(refused(
                "files are loaded when scripts are; require it at the top of the file",
            ));
        }
        let (path, shown) = self.library.find(name).map_err(|why| refused(&why))?;
        if let Some(chain) = self.enter(name) {
            return Err(refused(&format!("it requires itself: {chain}")));
        }
        let value = self.load(lua, &path, &shown, &refused);
        self.open().pop();
        let value = value?;
        self.instances.raw_set(name, &value)?;
        Ok(value)
    }

    fn load(
        &self,
        lua: &Lua,
        path: &Path,
        shown: &str,
        refused: &dyn Fn(&str) -> mlua::Error,
    ) -> mlua::Result<Value> {
        self.library
            .0
            .loaded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned());
        let source = read(path).map_err(|error| refused(&format!("{shown}: {error}")))?;
        let environment = sandbox::environment(lua, &self.base)?;
        environment.raw_set("require", self.clone().function(lua)?)?;
        let function = match compile(lua, shown, &source, &environment) {
            Err(mlua::Error::SyntaxError { message, .. }) => {
                return Err(mlua::Error::runtime(message));
            }
            other => other?,
        };
        let value: Value = function.call(())?;
        // A module that returns nothing has been run, and is not run again.
        Ok(if value.is_nil() { Value::Boolean(true) } else { value })
    }

    /// Notes that `name` is being loaded; if it is already, who requires whom.
    fn enter(&self, name: &str) -> Option<String> {
        let mut open = self.open();
        if let Some(at) = open.iter().position(|it| it == name) {
            let chain: Vec<&str> = open[at..].iter().map(String::as_str).chain([name]).collect();
            return Some(chain.join(" -> "));
        }
        open.push(name.to_owned());
        None
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file, up to what is accepted.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut source = Vec::new();
    let limit = u64::try_from(MAX_SOURCE).unwrap_or(u64::MAX) + 1;
    File::open(path)?.take(limit).read_to_end(&mut source)?;
    Ok(source)
}
