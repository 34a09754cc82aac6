//! Names of chunks: their order is one order, whatever order they come in.

use moonsail::proto::chunk_name::{ChunkName, sort_chunks};

use super::text;

pub(super) fn target(input: &[u8]) {
    let text = text(input);
    let names: Vec<&str> = text.split('\n').take(64).collect();
    let mut sorted = names.clone();
    sort_chunks(&mut sorted, |name| name);
    let mut backwards = names.clone();
    backwards.reverse();
    sort_chunks(&mut backwards, |name| name);
    assert_eq!(sorted, backwards);
    let (mut before, mut after) = (names.clone(), sorted.clone());
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after, "names were lost");
    let parsed: Vec<ChunkName> = sorted.iter().map(|name| ChunkName::parse(name)).collect();
    let place = |name: &ChunkName| match *name {
        ChunkName::Number(number) => Some((0, number)),
        ChunkName::Range { start, end } => {
            assert!(start <= end);
            Some((1, start))
        }
        ChunkName::Other => None,
    };
    let places: Option<Vec<_>> = parsed.iter().map(place).collect();
    if let Some(places) = places.filter(|all| all.windows(2).all(|two| two[0].0 == two[1].0)) {
        assert!(places.is_sorted(), "{sorted:?}");
    }
}
