//! Scripts that the documentation shows beside its guides.

use serde_json::json;

use crate::desk::load_text;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

/// The blocks of a page that begin with ```lua and the word `example`, with their lines.
fn examples(page: &str) -> Vec<(usize, String)> {
    let (mut found, mut open) = (Vec::new(), None::<(usize, String)>);
    for (line, number) in page.lines().zip(1..) {
        match &mut open {
            None if line == "```lua example" => open = Some((number, String::new())),
            None => {}
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    found
}

/// Each is a whole script that loads; what it asserts holds.
#[tokio::test]
async fn examples_of_the_documentation_load() {
    for page in ["extend/scripts.md", "lua-dialect.md"] {
        let text = std::fs::read_to_string(format!("{DOCS}/{page}")).expect(page);
        let examples = examples(&text);
        assert!(examples.len() > 1, "{page} has too few");
        for (line, text) in examples {
            let loaded = load_text("docs", text.into(), json!({}), &[], &[("key", "k")]).await;
            assert!(loaded.is_ok(), "docs/{page}:{line}: {}", loaded.err().unwrap_or_default());
        }
    }
}

/// What docs/lua-dialect.md says about what is and is not there.
#[tokio::test]
async fn the_dialect_is_what_its_page_says() {
    let claims = "
        for _, name in ipairs { 'load', 'loadstring', 'dofile', 'getfenv', 'setfenv', 'io', 'debug', 'package' } do
          assert(_G[name] == nil, name .. ' is there')
        end
        assert(os.execute == nil and os.getenv == nil)
        assert(os.time and os.clock and os.date and os.difftime)
        assert(table.unpack and unpack and collectgarbage('count') > 0)
        assert(not pcall(collectgarbage))
        assert(2 ^ 53 == 9007199254740992 and 2 ^ 53 + 1 == 2 ^ 53)
        assert(bit32.bor(1, 2) == 3 and bit32.bxor(3, 1) == 2 and bit32.lshift(1, 1) == 2)
        assert(not pcall(function() string.trim = print end))";
    let loaded = load_text("docs", claims.into(), json!({}), &[], &[]).await;
    assert!(loaded.is_ok(), "{}", loaded.err().unwrap_or_default());
    for code in ["goto continue", "local x <const> = 1", "local x = 1 & 2", "local x = 1 << 2"] {
        assert!(load_text("docs", code.into(), json!({}), &[], &[]).await.is_err(), "{code}");
    }
}
