//! Small pages that are walked, and those that must not be.

use super::*;

fn walked(page: &str) -> Result<(tempfile::TempDir, Walk)> {
    let folder = tempfile::tempdir()?;
    let walk = Guide::parse("docs/small.md", page)?.walk(folder.path(), &[("HERE", "home")])?;
    Ok((folder, walk))
}

#[test]
fn a_page_is_walked_with_one_shell_from_an_empty_folder() {
    let page = "\
```sh
ls -A
WORD=$HERE; mkdir inside; cd inside
```
```text output
```
```text file=inside/a.txt
one
```
```toml append=inside/a.txt
two
```
```sh
sleep 600 &
echo $WORD; cat a.txt; echo oops >&2
```
```text output
home
one
…
oops
```
";
    let (_folder, walk) = walked(page).unwrap();
    assert_eq!(walk.outputs(), 2);
    assert_eq!(fs::read_to_string(walk.folder().join("inside/a.txt")).unwrap(), "one\ntwo\n");
}

#[test]
fn a_step_that_fails_names_page_and_line() {
    for (page, place, words) in [
        ("\n```sh\ntrue\nfalse\necho after\n```\n", "docs/small.md:4: ", "failed: false"),
        ("```sh\nno-such-program\n```\n", "docs/small.md:2: ", "small.md: line 2: no-such"),
        ("```sh\nfalse | true\n```\n", "docs/small.md:2: ", "failed: false | true"),
        ("```sh\n\nexit 0\n```\n", "docs/small.md:1: ", "failed"),
        ("```sh\nif true\n```\n", "docs/small.md:", "syntax error"),
        ("```sh\nf() {\n  false\n}\nf\n```\n", "docs/small.md:3: ", "failed: false"),
        ("```sh\necho a\n```\n```text output\nb\n```\n", "docs/small.md:4: ", "printed is\na\n"),
        ("```toml append=none\n```\n", "docs/small.md:1: ", "not there yet"),
        ("\n```toml\n```\n", "docs/small.md:2: ", "say file=NAME"),
        ("```sh\necho why > x.log; false\n```\n", "docs/small.md:2: ", "x.log:\nwhy\n"),
    ] {
        let error = walked(page).err().unwrap_or_else(|| panic!("it works: {page}")).to_string();
        assert!(error.starts_with(place), "{page}: {error}");
        assert!(error.contains(words), "{page}: {error}");
    }
}

#[test]
fn words_of_a_test_must_be_in_the_page() {
    let page = "port 1\n```sh\necho port 2\n```\n```sh example\nport 3\n```\n";
    for (from, found) in [("port 2", true), ("port 1", false), ("port 3", false), ("Port 2", false)]
    {
        let guide = Guide::parse("docs/small.md", page).unwrap().with(&[(from, "x")]);
        assert_eq!(guide.is_ok(), found, "{from}");
    }
    assert!(Guide::parse("p.md", page).unwrap().with(&[("port 2", "a\nb")]).is_err());
}

#[test]
fn what_a_page_has_started_ends_with_the_walk() {
    let (_folder, walk) = walked("```sh\nsleep 600 & echo $! > pid\n```\n").unwrap();
    let pid = fs::read_to_string(walk.folder().join("pid")).unwrap();
    let state = || {
        let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("State:").map(|s| s.trim().to_owned()))
    };
    assert!(state().is_some());
    drop(walk);
    assert!(state().is_none_or(|state| state.starts_with('Z')), "{:?}", state());
}
